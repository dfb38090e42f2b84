//! Creating and destroying sessions.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use otari_types::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::{Refused, malformed};
use crate::{CreateSession, Sandbox, SessionHandle, SessionId};

const MICROS: f64 = 1_000_000.0;

#[derive(Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    idle_timeout_seconds: Option<u64>,
    #[serde(default)]
    max_lifetime_seconds: Option<u64>,
}

/// `POST /sessions`, with or without a body.
pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    body: Bytes,
) -> Result<Response, Refused> {
    let wanted = if body.trim_ascii().is_empty() {
        Wanted::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| malformed(error.to_string()))?
    };
    let wanted = CreateSession {
        idle_timeout: seconds("idle_timeout_seconds", wanted.idle_timeout_seconds)?,
        max_lifetime: seconds("max_lifetime_seconds", wanted.max_lifetime_seconds)?,
        credential: None,
    };
    let handle = sandbox.create(wanted).await?;
    Ok((StatusCode::CREATED, Json(shown(&handle))).into_response())
}

/// `DELETE /sessions/{id}`; one that is gone already is no error.
pub(super) async fn destroy(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    sandbox.destroy(&SessionId::new(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// At least one second where given.
pub(super) fn seconds(member: &str, given: Option<u64>) -> Result<Option<Duration>, Refused> {
    match given {
        Some(0) => Err(malformed(format!("{member} must be at least 1"))),
        given => Ok(given.map(Duration::from_secs)),
    }
}

fn shown(handle: &SessionHandle) -> Value {
    json!({
        "session_id": handle.id.as_str(),
        "idle_timeout_seconds": handle.idle_timeout.as_secs(),
        "max_lifetime_seconds": handle.max_lifetime.as_secs(),
        "created_at": posix(handle.created_at),
        "last_activity_at": posix(handle.last_activity_at),
    })
}

/// Seconds with their fraction.
pub(super) fn posix(moment: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact until the year 2255")]
    let micros = moment.0 as f64;
    micros / MICROS
}
