//! `POST /v1/messages`. <https://docs.anthropic.com/en/api/messages>

mod blocks;
mod render;
mod request;

pub(super) use render::{Renderer, render_failure, render_reply};
pub(super) use request::parse;
pub(crate) use request::parse_prompt;
