//! OpenAI-shaped answers: `chat` reads what metering needs of any, `completion` and `responses` read all of it.

pub mod chat;
pub mod completion;
pub mod responses;
pub mod usage;
