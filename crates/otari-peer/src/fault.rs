//! Failures on request: what a gateway does when its platform does not do what it should.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Peer;
use crate::gate::Gateway;
use crate::refusal::Refusal;

/// Which of the platform's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    Resolve,
    Usage,
    McpServers,
    WebSearch,
    CodeExecution,
    Health,
}

/// One failure. With nothing but `delay_ms` the true answer follows late.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub on: On,
    /// Only for this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How often; absent: until the list is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Of any shape; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// The whole body, instead of a detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The header's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
}

/// The failures in force; the first that fits is taken.
#[derive(Debug)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self(Mutex::new(faults))
    }

    pub(crate) fn replace(&self, faults: Vec<Fault>) {
        *self.0.lock() = faults;
    }

    fn take(&self, on: On, user: Option<&str>) -> Option<Fault> {
        let mut faults = self.0.lock();
        let fits = |fault: &&mut Fault| {
            let theirs = fault.user.is_none() || fault.user.as_deref() == user;
            fault.on == on && theirs && fault.times != Some(0)
        };
        let fault = faults.iter_mut().find(fits)?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.clone())
    }
}

impl Fault {
    /// Instead of the true answer; `None` where that only comes late.
    fn answer(&self) -> Option<Response> {
        let status = StatusCode::from_u16(self.status.unwrap_or(200)).unwrap_or_default();
        let mut response = match (&self.body, &self.detail) {
            (Some(body), _) => (status, Body::from(body.clone())).into_response(),
            (None, Some(detail)) => (status, Json(json!({"detail": detail}))).into_response(),
            (None, None) if self.status.is_some() => status.into_response(),
            (None, None) => return None,
        };
        let retry_after = self.retry_after.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(retry_after)) = retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, retry_after);
        }
        Some(response)
    }
}

/// `answer`, or what shall happen instead.
pub(crate) async fn with_faults(
    peer: &Peer,
    on: On,
    user: Option<&str>,
    answer: impl Future<Output = Result<Response, Refusal>>,
) -> Response {
    let fault = peer.faults.take(on, user);
    if let Some(fault) = &fault {
        if let Some(delay) = fault.delay_ms {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if let Some(response) = fault.answer() {
            return response;
        }
    }
    answer.await.unwrap_or_else(IntoResponse::into_response)
}

/// `GET /peer/faults`
pub(crate) async fn list(
    State(peer): State<Peer>,
    gateway: Result<Gateway, Refusal>,
) -> Result<Response, Refusal> {
    gateway?;
    let faults = peer.faults.0.lock().clone();
    Ok(Json(json!({"faults": faults})).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replacing {
    faults: Vec<Fault>,
}

/// `PUT /peer/faults`: `{"faults": [{"on": "resolve", "status": 429}]}`
pub(crate) async fn replace(
    State(peer): State<Peer>,
    gateway: Result<Gateway, Refusal>,
    body: axum::body::Bytes,
) -> Result<Response, Refusal> {
    gateway?;
    let replacing: Replacing = serde_json::from_slice(&body).map_err(|error| {
        Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("No list of faults: {error}"),
        )
    })?;
    peer.faults.replace(replacing.faults);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /peer/faults`
pub(crate) async fn clear(
    State(peer): State<Peer>,
    gateway: Result<Gateway, Refusal>,
) -> Result<Response, Refusal> {
    gateway?;
    peer.faults.replace(Vec::new());
    Ok(StatusCode::NO_CONTENT.into_response())
}
