//! The Responses API as a provider format, always stateless. <https://platform.openai.com/docs/api-reference/responses>

mod content;
mod decode;
mod encode;

pub(super) use decode::{Frames, decode_reply};
pub(super) use encode::encode;
