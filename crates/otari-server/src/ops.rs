//! Health, metrics, and what a client must know before it signs in.

pub(crate) mod bootstrap;
pub(crate) mod elsewhere;
pub(crate) mod health;
pub(crate) mod metrics;
