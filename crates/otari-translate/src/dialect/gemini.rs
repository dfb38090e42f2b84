//! Gemini `generateContent` as a provider format. <https://ai.google.dev/api/generate-content>

mod content;
mod decode;
mod encode;
mod schema;

pub(super) use decode::{Frames, decode_reply};
pub(super) use encode::encode;
