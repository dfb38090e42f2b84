//! Mistral's chat as a provider format: OpenAI chat with exceptions. Answers are read as OpenAI chat's.
//! <https://docs.mistral.ai/api/#tag/chat>

mod content;
mod encode;

pub(super) use encode::encode;
