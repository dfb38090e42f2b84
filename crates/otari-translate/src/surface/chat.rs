//! `POST /v1/chat/completions`. <https://platform.openai.com/docs/api-reference/chat>

mod carrier;
mod message;
mod render;
mod request;
mod turns;

pub(super) use message::{render_reply, usage_object};
pub(super) use render::{Renderer, render_failure};
pub(super) use request::{effort_of, parse, response_format, tool_choice};
