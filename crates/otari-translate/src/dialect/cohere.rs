//! Cohere v2 chat as a provider format. <https://docs.cohere.com/reference/chat>

mod content;
mod decode;
mod encode;

pub(super) use decode::{Frames, decode_reply};
pub(super) use encode::encode;
