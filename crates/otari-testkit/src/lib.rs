//! What tests share: an upstream that follows a script byte by byte, a gateway on a real socket, a plain client.
//!
//! The only fake is the upstream. Gateway, store and journal are the real ones.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken test fixture should stop the test, loudly"
)]

mod app;
mod client;
mod hybrid;
mod intake;
mod sending;
mod storage;
mod upstream;

pub use app::{MASTER_KEY, TestApp, TestAppBuilder};
pub use client::{Client, Response, StreamingResponse};
pub use hybrid::{GATEWAY_TOKEN, Hybrid, HybridBuilder, USER_TOKEN};
pub use intake::{Arriving, CutShort, Intake};
pub use sending::Sending;
pub use storage::Storage;
pub use upstream::{Captured, Script, Step, Upstream};
