//! Sessions through the public door, on every backend this machine has.

mod support;
mod wasm;
