//! Money decisions, pure: what a call costs, what it may cost at most, when a budget's window turns, and which
//! price applies when nobody set one.
//!
//! No clock, no storage, no network: time and prices come in as arguments, so every rule here can be checked
//! with numbers alone.

pub mod cost;
pub mod defaults;
pub mod estimate;
pub mod per_call;
pub mod price;
pub mod window;

pub use cost::{BillingMeters, Cost, CostLine, ExactUsd, Meter, cost, cost_of_all};
pub use defaults::{BUNDLED_VERSION, Change, Listed, PriceBook, PriceBookError, Query};
pub use estimate::{CacheLifetime, Estimate};
pub use per_call::{CallCost, CallLine, CallUnit, per_call_cost};
pub use price::{Price, PriceProblem, Rates, Tier};
pub use window::{Cadence, CadenceError, Window};
