//! What the gateway reads of OpenAI-shaped answers.

pub mod chat;
pub mod usage;
