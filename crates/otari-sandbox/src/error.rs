//! Why an operation was refused. A program that fails is no error: it is an outcome.

use std::time::Duration;

/// Closed; the texts may be shown to a caller or a model and hold no program output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// 401: the backend does not accept the credential.
    #[error("the sandbox refused the credential")]
    Unauthorized,
    /// 400 or 422: malformed, or a kind of tool that this backend does not have.
    #[error("{0}")]
    BadRequest(String),
    /// 403: the path leaves the workspace.
    #[error("`{0}` is outside the workspace")]
    PathEscapes(String),
    /// 404: never there, expired, destroyed, or lost with its worker.
    #[error("no session `{0}`: it has expired, was destroyed, or its process died")]
    UnknownSession(String),
    /// 404.
    #[error("no file `{0}` in the workspace")]
    UnknownFile(String),
    /// 413: a file over the limit. Nothing is cut short silently.
    #[error("`{path}` is larger than {limit_bytes} bytes")]
    TooLarge { path: String, limit_bytes: u64 },
    /// 503: as many sessions as the limit allows are open.
    #[error(
        "the sandbox is at capacity: {limit} sessions are open; destroy one or try again later"
    )]
    AtCapacity { limit: usize },
    /// The backend cannot be reached or cannot run here. `reason` is for operators and may be shown.
    #[error("the sandbox is unavailable: {reason}")]
    Unavailable { reason: String },
    /// The backend did not answer in time. A program that ran too long is an outcome, not this.
    #[error("the sandbox did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
}

impl From<crate::frame::Refusal> for SandboxError {
    fn from(refusal: crate::frame::Refusal) -> Self {
        use crate::frame::Refusal;
        match refusal {
            Refusal::BadRequest(told) => Self::BadRequest(told),
            Refusal::PathEscapes(path) => Self::PathEscapes(path),
            Refusal::UnknownFile(path) => Self::UnknownFile(path),
            Refusal::TooLarge { path, limit_bytes } => Self::TooLarge { path, limit_bytes },
        }
    }
}
