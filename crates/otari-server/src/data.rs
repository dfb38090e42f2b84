//! The inference surfaces.

pub(crate) mod audio;
pub(crate) mod batches;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod files;
pub(crate) mod gemini;
pub(crate) mod images;
mod inference;
pub(crate) mod mcp;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod moderations;
pub(crate) mod rerank;
pub(crate) mod responses;
pub(crate) mod search;
pub(crate) mod stored_mcp;
pub(crate) mod tools;
pub(crate) mod web_search;
