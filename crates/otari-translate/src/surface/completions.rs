//! `POST /v1/completions`, the format before Chat. A prompt is what a user says.
//! <https://platform.openai.com/docs/api-reference/completions>

mod render;
mod request;

pub(super) use render::{Renderer, render_reply};
pub(super) use request::parse;
