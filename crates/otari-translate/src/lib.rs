//! Between what a client speaks and what a provider speaks, through one neutral form.
//!
//! A *surface* is a format clients call the gateway in; a *dialect* is a format providers are called in. A surface
//! reads a request into a [`Call`] and renders [`Event`]s as an answer; a dialect encodes a `Call` as a request and
//! decodes an answer into `Event`s. Neither knows the other, so adding one is one folder, and streaming is the normal
//! case: a whole answer is the same events, collected.
//!
//! Pure: bytes in, bytes out; ids and times come from the caller.

mod call;
mod collect;
pub mod count_tokens;
pub mod dialect;
mod effort;
pub mod embeddings;
mod error;
mod event;
mod finish;
pub mod images;
mod json;
mod origin;
mod read;
pub mod rerank;
mod reshape;
mod route;
pub mod speech;
pub mod surface;
pub mod transcription;

pub use call::{
    Block, CacheMark, Call, FunctionTool, Media, MediaKind, Namespaced, Part, Reasoning,
    ResponseFormat, Role, Source, Thinking, Tool, ToolCall, ToolChoice, ToolResult, Turn, Unknown,
};
pub use collect::{Choice, Collector, Reply, ReplyBlock};
pub use effort::Effort;
pub use error::{DecodeError, TranslateError};
pub use event::{Citation, Event, Finish, FinishReason, Logprobs, Opening};
pub use json::{Json, Object, Raw};
pub use origin::{Origin, Signature, has_foreign_thought};
pub use reshape::Reshape;
pub use route::{Path, Surface, Wire, path};
