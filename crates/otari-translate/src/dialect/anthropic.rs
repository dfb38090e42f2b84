//! Anthropic Messages as a provider format. <https://docs.anthropic.com/en/api/messages>

mod content;
mod decode;
mod encode;
pub(super) mod model;
pub(super) mod schema;
pub(super) mod thinking;

pub(super) use decode::{Frames, decode_reply};
pub(super) use encode::encode;
