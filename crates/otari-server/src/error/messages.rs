//! Errors as Anthropic's clients expect them:
//! `{"type":"error","error":{"type","message"},"request_id","detail":…}`.

use http::StatusCode;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::middleware::edge::RequestId;

#[derive(Debug)]
pub(super) struct Envelope {
    request_id: Option<String>,
}

impl ApiError {
    /// The same error on a Messages route.
    pub(crate) fn for_messages(mut self, request_id: Option<RequestId>) -> Self {
        self.messages = Some(Box::new(Envelope {
            request_id: request_id.map(|id| id.0),
        }));
        self
    }
}

impl Envelope {
    pub(super) fn body(&self, error: &ApiError) -> Value {
        let mut inner = json!({"type": kind(error.status), "message": error.message});
        if let Some(code) = thread_code(error) {
            inner["details"] = json!({"error_code": code, "unsupported": []});
        }
        // `detail` repeats the envelope, unless it says which members are wrong.
        let detail = error
            .detail
            .as_deref()
            .cloned()
            .unwrap_or_else(|| json!({"type": "error", "error": inner}));
        json!({"type": "error", "error": inner, "request_id": self.request_id, "detail": detail})
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

/// <https://docs.anthropic.com/en/api/errors>
fn kind(status: StatusCode) -> &'static str {
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
