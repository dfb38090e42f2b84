//! What the gateway reads of OpenAI-shaped answers.

pub mod chat;
pub mod completion;
pub mod responses;
pub mod usage;
