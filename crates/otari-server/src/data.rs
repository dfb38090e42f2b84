//! The inference surfaces.

pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod gemini;
mod inference;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod responses;
