//! For people and tests: whether the platform is there, and what it was told.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::Peer;
use crate::fault::{On, with_faults};
use crate::gate::Gateway;
use crate::refusal::Refusal;

/// `GET` the health path.
pub(crate) async fn health(State(peer): State<Peer>) -> Response {
    with_faults(&peer, On::Health, None, async {
        Ok(Json(json!({"status": "ok"})).into_response())
    })
    .await
}

/// `GET /peer/reports`: the reports taken, the oldest first.
pub(crate) async fn reports(
    State(peer): State<Peer>,
    gateway: Result<Gateway, Refusal>,
) -> Result<Response, Refusal> {
    gateway?;
    Ok(Json(json!({"reports": peer.books.reports()})).into_response())
}

/// `GET /peer/spend`: dollars by user.
pub(crate) async fn spend(
    State(peer): State<Peer>,
    gateway: Result<Gateway, Refusal>,
) -> Result<Response, Refusal> {
    gateway?;
    Ok(Json(json!({"spend_usd": peer.books.all_spent()})).into_response())
}
