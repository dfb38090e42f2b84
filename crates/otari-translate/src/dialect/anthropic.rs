//! Anthropic Messages as a provider format. <https://docs.anthropic.com/en/api/messages>

mod content;
mod decode;
mod encode;
mod model;
mod schema;

pub(super) use decode::{Frames, decode_reply};
pub(super) use encode::encode;
