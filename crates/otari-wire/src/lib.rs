//! Shapes on the wire: server-sent events and binary event streams and lines, the top-level members of a JSON object, and the answers of each format.
//!
//! Pure: bytes in, views out. On the verbatim path unknown members are never lost, because they are never parsed.

pub mod anthropic;
pub mod bedrock;
pub mod cohere;
mod count;
pub mod eventstream;
pub mod gemini;
pub mod members;
pub mod ndjson;
pub mod ollama;
pub mod openai;
pub mod sse;
