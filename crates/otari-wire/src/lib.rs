//! Shapes on the wire and how to read them without building a tree: server-sent events, the top-level
//! members of a JSON object, and the few members of OpenAI answers that the gateway acts on.
//!
//! Pure: bytes in, borrowed views out. Unknown members are never lost, because they are never parsed.

pub mod anthropic;
pub mod cohere;
mod count;
pub mod gemini;
pub mod members;
pub mod openai;
pub mod sse;
