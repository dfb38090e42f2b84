//! Tools the gateway runs itself: the loop that runs them, web search, web pages, MCP servers, and the guard over every
//! URL they visit.

pub mod definitions;
mod fetch;
mod guarded_client;
pub mod mcp;
pub mod search;
pub mod tool_loop;
pub mod url_guard;

pub use fetch::{FetchError, FetchLimits, Page, WebFetch};
pub use guarded_client::{GuardedBody, GuardedClient, HttpError, HttpLimits, Received, Sending};
pub use url_guard::{HostRule, Reason, Refusal, UrlGuard, UrlPolicy};
