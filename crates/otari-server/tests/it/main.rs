//! The whole gateway over a real socket, against a scripted upstream. Mirrors `src/`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "what a test helper cannot do fails its test; tables of cases are long"
)]

mod admin;
mod budget;
mod conformance;
mod data;
mod hybrid;
mod journal;
mod ops;
