//! Configuration: one declaration per key, read from a file, the environment and flags, checked as a whole.
//!
//! Every mistake is found in one pass and reported with its place and a hint. Nothing here prints a secret.
//! This crate knows no provider: who loads says which provider names exist.

pub mod env;
pub mod section;

mod config;
mod interpolate;
mod load;
mod problem;
mod reference;
mod setting;
mod source;
mod validate;

pub use config::{Config, Origin, fields, platform_fields};
pub use interpolate::expand_variables;
pub use load::{Loaded, load};
pub use problem::{Problem, ProblemKind, Report};
pub use reference::{configuration_md, environment_md, example_yml};
pub use section::Field;
pub use section::batches::Hours;
pub use section::guardrails::{
    Direction, GuardrailMode, GuardrailSpec, OnUnavailable, ProfileSpec,
};
pub use section::hybrid::Mode;
pub use section::pricing::{PriceEntry, PriceRates, PriceTier};
pub use section::providers::{ClientArgs, ProviderInstance};
pub use section::routing::{
    CANDIDATES_MAX, Condition, EmbeddingModel, Entry, PolicyProblem, PolicySpec, RetrySpec, Router,
    RouterGranularity,
};
pub use section::upstream::Timeouts;
pub use setting::Map;
pub use source::{Environment, ReadFile, Sources};
