//! The crate through its public door: goldens for requests and streams, and the laws that hold for all of them.

#[path = "it/golden.rs"]
mod golden;
#[path = "it/requests.rs"]
mod requests;
#[path = "it/round_trip.rs"]
mod round_trip;
#[path = "it/streams.rs"]
mod streams;
