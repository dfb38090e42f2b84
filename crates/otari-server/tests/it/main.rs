//! The whole gateway over a real socket, against a scripted upstream. Mirrors `src/`.

mod admin;
mod budget;
mod data;
mod journal;
mod ops;
