//! `otari guardrails`: measuring checks, and the encoder.

mod eval;
mod install;
mod texts;

pub(crate) use eval::eval;
pub(crate) use install::install;
