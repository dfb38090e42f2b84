//! The knobs the walk reads on every call. Those that change at run time are atomics.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// What a stream without usage costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingUsagePolicy {
    /// What its text lengths suggest.
    #[default]
    Estimate,
    /// The same, and the row is an error.
    Fail,
    /// Nothing.
    AllowFree,
}

#[derive(Debug)]
pub struct Settings {
    require_pricing: AtomicBool,
    reject_user_mismatch: AtomicBool,
    default_output_tokens: AtomicI64,
    pub missing_usage: MissingUsagePolicy,
    /// `None`: no keep-alives.
    pub keepalive: Option<Duration>,
    pub budgets_disabled: bool,
}

impl Settings {
    pub fn new(
        require_pricing: bool,
        reject_user_mismatch: bool,
        default_output_tokens: i64,
    ) -> Self {
        Self {
            require_pricing: AtomicBool::new(require_pricing),
            reject_user_mismatch: AtomicBool::new(reject_user_mismatch),
            default_output_tokens: AtomicI64::new(default_output_tokens),
            missing_usage: MissingUsagePolicy::default(),
            keepalive: Some(Duration::from_secs(15)),
            budgets_disabled: false,
        }
    }

    pub fn require_pricing(&self) -> bool {
        self.require_pricing.load(Ordering::Relaxed)
    }

    pub fn set_require_pricing(&self, on: bool) {
        self.require_pricing.store(on, Ordering::Relaxed);
    }

    pub fn reject_user_mismatch(&self) -> bool {
        self.reject_user_mismatch.load(Ordering::Relaxed)
    }

    pub fn default_output_tokens(&self) -> i64 {
        self.default_output_tokens.load(Ordering::Relaxed)
    }
}
