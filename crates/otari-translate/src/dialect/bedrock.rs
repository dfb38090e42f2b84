//! Bedrock Converse as a provider format, for every model family behind it.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>

mod config;
mod content;
mod decode;
mod encode;
mod family;
mod media;

pub(super) use decode::{Stream, decode_reply, exception};
pub(super) use encode::encode;
pub(crate) use encode::prompt;
