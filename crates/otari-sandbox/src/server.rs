//! The code-execution protocol, version 1, served: what `otari sandbox serve` puts on a port.

mod exec;
mod files;
mod refusal;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use otari_types::Secret;
use serde_json::json;
use subtle::ConstantTimeEq as _;

use crate::{Sandbox, SandboxError};
use refusal::{Refused, detail};

/// JSON bodies: a program and its wrapping.
const JSON_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What multipart adds around a file.
const FORM_BYTES: u64 = 64 * 1024;

/// The protocol's routes over `sandbox`. With a token, each operation needs it as `Authorization: Bearer`.
/// `file_bytes_max` bounds an upload; `GET /health` is open to all.
pub fn router(sandbox: Sandbox, token: Option<Secret>, file_bytes_max: u64) -> Router {
    let upload_max = usize::try_from(file_bytes_max.saturating_add(FORM_BYTES));
    let upload_max = DefaultBodyLimit::max(upload_max.unwrap_or(usize::MAX));
    Router::new()
        .route("/sessions", post(sessions::create))
        .route("/sessions/{id}", delete(sessions::destroy))
        .route("/sessions/{id}/exec", post(exec::exec))
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .route("/sessions/{id}/files/list", get(files::list))
        .route(
            "/sessions/{id}/files",
            get(files::get).post(files::put).layer(upload_max),
        )
        .route_layer(middleware::from_fn_with_state(Arc::new(token), authorize))
        .route("/health", get(health))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(sandbox)
}

async fn authorize(
    State(token): State<Arc<Option<Secret>>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(token) = token.as_ref() else {
        return next.run(request).await;
    };
    let given = request.headers().get(AUTHORIZATION);
    let given = given
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, given)| given.trim());
    let right = given.is_some_and(|given| given.as_bytes().ct_eq(token.expose().as_bytes()).into());
    if right {
        return next.run(request).await;
    }
    Refused(SandboxError::Unauthorized).into_response()
}

async fn health() -> Response {
    axum::Json(json!({"status": "healthy"})).into_response()
}

async fn unknown_route() -> Response {
    detail(
        StatusCode::NOT_FOUND,
        "no such route; the protocol begins with POST /sessions",
    )
}

async fn wrong_method() -> Response {
    detail(StatusCode::METHOD_NOT_ALLOWED, "not a method of this route")
}
