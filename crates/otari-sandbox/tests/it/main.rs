//! Sessions through the public door, on every backend this machine has.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what a test helper cannot do fails its test"
)]

mod conformance;
mod editor;
mod escape;
mod files;
mod lifetime;
mod protocol;
mod python;
mod science;
mod support;
