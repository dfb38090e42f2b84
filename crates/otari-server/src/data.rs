//! The inference surfaces.

pub(crate) mod chat;
pub(crate) mod embeddings;
mod inference;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod responses;
