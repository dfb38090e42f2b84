//! Errors in the envelopes of surfaces other than OpenAI's.
//!
//! Anthropic: `{"type":"error","error":{"type","message"},"request_id","detail":…}`.
//! Gemini: `{"error":{"code","message","status"},"detail":…}`.
//! Stored MCP servers: `{"code","detail","execution_state","request_id","error":…}`.

use http::StatusCode;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::middleware::edge::RequestId;

#[derive(Debug)]
pub(super) enum Envelope {
    Messages {
        request_id: Option<String>,
    },
    Gemini,
    Mcp {
        request_id: Option<String>,
        outcome: ToolOutcome,
    },
}

/// What is known of a tool whose call was refused or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolOutcome {
    /// It did not run.
    NotStarted,
    /// It may have run.
    Unknown,
}

impl ApiError {
    /// The same error on a Messages route.
    pub(crate) fn for_messages(mut self, request_id: Option<RequestId>) -> Self {
        self.envelope = Some(Box::new(Envelope::Messages {
            request_id: request_id.map(|id| id.0),
        }));
        self
    }

    /// The same error on a route of stored MCP servers.
    pub(crate) fn for_mcp(mut self, request_id: Option<RequestId>, outcome: ToolOutcome) -> Self {
        self.envelope = Some(Box::new(Envelope::Mcp {
            request_id: request_id.map(|id| id.0),
            outcome,
        }));
        self
    }

    /// The same error on a Gemini route.
    pub(crate) fn for_gemini(mut self) -> Self {
        self.envelope = Some(Box::new(Envelope::Gemini));
        self
    }
}

impl Envelope {
    pub(super) fn body(&self, error: &ApiError) -> Value {
        // `detail` repeats the error, unless it says which members are wrong.
        let detail = |error: &ApiError, repeated: Value| {
            error.detail.as_deref().cloned().unwrap_or(repeated)
        };
        match self {
            Self::Messages { request_id } => {
                let mut inner =
                    json!({"type": messages_kind(error.status), "message": error.message});
                if let Some(code) = thread_code(error)
                    && let Some(members) = inner.as_object_mut()
                {
                    let details = json!({"error_code": code, "unsupported": []});
                    members.insert("details".to_owned(), details);
                }
                let detail = detail(error, json!({"type": "error", "error": inner}));
                json!({"type": "error", "error": inner, "request_id": request_id, "detail": detail})
            }
            Self::Mcp {
                request_id,
                outcome,
            } => {
                let state = match outcome {
                    ToolOutcome::NotStarted => "not_started",
                    ToolOutcome::Unknown => "outcome_unknown",
                };
                json!({
                    "code": error.code.unwrap_or(error.kind), "detail": error.message, "execution_state": state,
                    "request_id": request_id.as_deref().unwrap_or_default(),
                    "error": {"message": error.message, "type": error.kind, "param": error.param, "code": error.code},
                })
            }
            Self::Gemini => {
                let status = gemini_status(error.status);
                let inner = json!({"code": error.status.as_u16(), "message": error.message, "status": status});
                json!({"error": inner, "detail": detail(error, json!(error.message))})
            }
        }
    }
}

/// Why a message thread cannot go on. The clients read it, and send the whole conversation instead.
pub(super) const THREAD_CODES: [&str; 4] = [
    "thread_unsupported_request",
    "thread_not_found",
    "thread_already_continued",
    "thread_continue_in_flight",
];

fn thread_code(error: &ApiError) -> Option<&'static str> {
    if error.param.as_deref() == Some("thread") {
        return Some("thread_unsupported_request");
    }
    error.code.filter(|code| THREAD_CODES.contains(code))
}

/// <https://cloud.google.com/apis/design/errors>
fn gemini_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 | 413 | 422 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

/// <https://docs.anthropic.com/en/api/errors>
fn messages_kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 | 422 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}
