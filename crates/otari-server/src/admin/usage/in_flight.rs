//! `GET /v1/usage/in-flight`

use axum::Json;
use axum::extract::State;
use otari_gateway::InFlightCall;
use otari_types::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::Operator;
use crate::state::App;

const CALLS_MAX: usize = 50;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InFlightCalls {
    /// Longest-running first, at most 50.
    requests: Vec<InFlightEntry>,
    /// All of them.
    total: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct InFlightEntry {
    id: String,
    endpoint: &'static str,
    /// The model being tried now.
    model: String,
    provider: Option<String>,
    user_id: Option<String>,
    api_key_id: Option<String>,
    policy_name: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    elapsed_ms: i64,
}

impl From<InFlightCall> for InFlightEntry {
    fn from(call: InFlightCall) -> Self {
        Self {
            id: call.id.to_string(),
            endpoint: call.endpoint,
            model: call.model,
            provider: call.provider,
            user_id: Some(call.user.to_string()),
            api_key_id: call.key.map(|key| key.to_string()),
            policy_name: call.policy,
            started_at: call.received_at,
            elapsed_ms: call.elapsed_ms,
        }
    }
}

/// List calls under way
///
/// Calls of this process that passed every gate and whose answer is not completely sent.
#[utoipa::path(
    get, path = "/v1/usage/in-flight", tag = "usage", operation_id = "list_in_flight",
    responses((status = 200, body = InFlightCalls))
)]
pub(crate) async fn list_in_flight(State(app): State<App>, _: Operator) -> Json<InFlightCalls> {
    let (calls, total) = app.gateway.in_flight.longest(CALLS_MAX);
    Json(InFlightCalls {
        requests: calls.into_iter().map(InFlightEntry::from).collect(),
        total,
    })
}
