//! What can go wrong on the way in and on the way back.

use otari_wire::sse::MAX_EVENT_BYTES;

/// A request that cannot be carried. Each is a 400 that names the member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TranslateError {
    /// The request is not what its own API says it is.
    #[error("{loc}: {problem}")]
    Invalid { loc: String, problem: String },
    /// The request is fine, but its target has no place for this member, and leaving it out would change the answer.
    #[error("{member} is not supported by the provider of this model")]
    Unsupported { member: String },
}

impl TranslateError {
    /// The member at fault, for the error's `param`.
    pub fn member(&self) -> &str {
        match self {
            Self::Invalid { loc, .. } => loc,
            Self::Unsupported { member } => member,
        }
    }
}

/// An answer that is not a whole one. The message is the provider's: for logs and usage rows, not for clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The provider reported a failure inside an answer that began with success.
    #[error("provider error {code}: {message}")]
    Upstream {
        /// The provider's own type or code (`overloaded_error`, `RESOURCE_EXHAUSTED`), empty when it gave none.
        code: String,
        /// The HTTP status the provider named in the body, if it did.
        status: Option<u16>,
        message: String,
    },
    /// The stream ended without the event that says the answer is complete.
    #[error("the provider's stream ended early")]
    Truncated,
    /// Bytes that are not this dialect. Says what was being read, never the bytes.
    #[error("malformed {what} from the provider")]
    Malformed { what: &'static str },
    #[error("a single event from the provider exceeds {MAX_EVENT_BYTES} bytes")]
    TooLarge,
}
