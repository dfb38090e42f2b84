//! Errors as statuses. Clients key on the status; `detail` is for people.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::SandboxError;

pub(super) struct Refused(pub(super) SandboxError);

impl From<SandboxError> for Refused {
    fn from(error: SandboxError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            SandboxError::Unauthorized => StatusCode::UNAUTHORIZED,
            SandboxError::BadRequest(_) => StatusCode::UNPROCESSABLE_ENTITY,
            SandboxError::PathEscapes(_) => StatusCode::FORBIDDEN,
            SandboxError::UnknownSession(_) | SandboxError::UnknownFile(_) => StatusCode::NOT_FOUND,
            SandboxError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            SandboxError::AtCapacity | SandboxError::Unavailable { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            SandboxError::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
        };
        let mut response = detail(status, &self.0.to_string());
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

pub(super) fn detail(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({"detail": text}))).into_response()
}

pub(super) fn malformed(text: impl Into<String>) -> Refused {
    Refused(SandboxError::BadRequest(text.into()))
}
