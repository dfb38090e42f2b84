//! Every table through its public functions, on every engine at hand.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test cannot set up fails it"
)]

mod accounts;
mod api_keys;
mod batches;
mod budgets;
mod changes;
mod files;
mod migrate;
mod model_aliases;
mod model_pricing;
mod responses;
mod routing_memory;
mod routing_policies;
mod runtime_settings;
mod search_tools;
mod settle;
mod task_leases;
mod usage;
mod usage_summary;
mod users;
mod workspace_mcp_servers;
mod workspace_policies;

use otari_types::{AccountId, Amounts, CallStatus, Charge, NanoUsd, UsageRecord, new_id};

pub(crate) fn amounts(cost: i64, tokens: i64, requests: i64) -> Amounts {
    Amounts {
        cost: NanoUsd(cost),
        tokens,
        requests,
    }
}

/// A successful call that charges nobody.
pub(crate) fn record() -> UsageRecord {
    UsageRecord {
        endpoint: "/v1/chat/completions".to_owned(),
        model: "gpt-5".to_owned(),
        provider: Some("openai".to_owned()),
        latency_ms: 12,
        ..UsageRecord::new(new_id(), otari_store::testing::EPOCH, CallStatus::Success)
    }
}

/// A call that charges one account, all of it from the lease.
pub(crate) fn charged(account: &AccountId, spent: Amounts) -> UsageRecord {
    let charge = Charge {
        account: account.clone(),
        amounts: spent,
        from_lease: spent,
    };
    UsageRecord {
        cost: Some(spent.cost),
        charges: vec![charge],
        ..record()
    }
}
