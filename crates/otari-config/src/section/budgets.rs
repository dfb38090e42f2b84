//! How spending is held before a call.

use crate::section::section;
use crate::setting::choice;

choice! {
    /// How budgets are enforced.
    BudgetStrategy("`for_update`, `cas` or `disabled`") {
        /// Hold before the call, settle after it.
        ForUpdate = "for_update",
        /// The same; kept for existing files.
        Cas = "cas",
        /// Count spending but refuse nothing.
        Disabled = "disabled",
    }
}

choice! {
    /// What a stream that reports no usage is billed.
    MissingUsage("`estimate`, `fail` or `allow_free`") {
        /// Bill an estimate from the text.
        Estimate = "estimate",
        /// End the stream with an error and bill the hold.
        Fail = "fail",
        /// Bill nothing.
        AllowFree = "allow_free",
    }
}

section! {
    /// Budgets.
    Budgets("Budgets") {
        /// `disabled` counts spending without refusing; the other two are the same.
        budget_strategy: BudgetStrategy = BudgetStrategy::ForUpdate;
        /// Output tokens assumed for a call that declares no maximum.
        budget_estimate_default_output_tokens: u32 = 1024;
        /// What a stream that reports no usage is billed.
        stream_missing_usage_policy: MissingUsage = MissingUsage::Estimate;
    }
}
