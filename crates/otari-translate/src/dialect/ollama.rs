//! Ollama's native chat as a provider format. <https://docs.ollama.com/api/chat>

mod decode;
mod encode;

pub(super) use decode::{Frames, decode_reply};
pub(super) use encode::encode;
