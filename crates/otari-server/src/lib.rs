//! The HTTP edge: routes, extractors, middleware, errors, the API document. Decides nothing about calls or money.

mod admin;
mod compose;
mod cors;
mod data;
mod docs;
mod documents;
mod dry_run;
pub mod error;
mod extract;
pub mod listener;
mod middleware;
pub mod openapi;
mod ops;
mod router;
mod sandbox;
mod start;
mod state;

pub use compose::{ComposeError, guardrails};
pub use documents::document_worker;
pub use dry_run::{configured_problems, explain_policies};
pub use router::router;
pub use sandbox::{local_settings, sandbox_settings, settings_for};
pub use start::{FirstRun, StartError, Started, open_store, start};
pub use state::{App, Inner};
