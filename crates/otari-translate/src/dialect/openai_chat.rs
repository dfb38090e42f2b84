//! Chat Completions as a provider format. <https://platform.openai.com/docs/api-reference/chat>
//!
//! What single providers do not take (`max_completion_tokens`, `stream_options`) is theirs to edit afterwards.

mod content;
mod decode;
mod encode;
mod tool_calls;

pub(super) use content::data_url;
pub(super) use decode::{Frames, decode_reply};
pub(super) use encode::{body, encode, response_format};
