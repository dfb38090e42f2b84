//! The inference surfaces.

pub(crate) mod chat;
pub(crate) mod models;
