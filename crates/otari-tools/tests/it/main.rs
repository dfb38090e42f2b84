//! Tests of the tools through their public door.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test helper cannot do fails its test"
)]

mod definitions;
mod dns;
mod fetch;
mod guarded_client;
mod hostile_urls;
mod mcp;
mod rebinding;
mod search;
mod site;
mod tool_loop;
