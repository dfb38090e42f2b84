//! The vocabulary every other crate speaks: ids, money, time, token usage, model selectors, secrets.
//!
//! Depends on no other workspace crate and on no runtime. It is small and stable on purpose: a change
//! here rebuilds everything.

mod amounts;
mod clock;
mod id;
mod money;
mod secret;
mod selector;
mod usage;
mod usage_record;

pub use amounts::Amounts;
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use id::{AccountId, BudgetId, KeyId, NodeId, UserId, new_id, random_token};
pub use money::{MoneyError, NanoUsd, Rate, write_scaled};
pub use secret::Secret;
pub use selector::{ModelSelector, SelectorError};
pub use usage::{CacheConvention, TokenUsage};
pub use usage_record::{CallStatus, Charge, UsageRecord};
