//! `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`.
//! <https://ai.google.dev/api/generate-content>
//!
//! The model, and whether to stream, stand in the path: the gateway sets them on the parsed call.

mod config;
mod contents;
mod render;
mod request;
mod schema;
mod signature;

pub(super) use render::{Renderer, render_failure, render_reply};
pub(super) use request::parse;
