//! The crate through its public door: goldens for requests and streams, and the laws that hold for all of them.
#![cfg(test)]

mod choices;
mod count_tokens;
mod embeddings;
mod golden;
mod namespaces;
mod requests;
mod round_trip;
mod streams;
mod surfaces;
mod thoughts;
