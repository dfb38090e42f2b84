//! `GET /health`, `/health/liveness`, `/health/readiness`: unauthenticated.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::state::App;

/// Health
#[utoipa::path(get, path = "/health", tag = "health", operation_id = "health", responses((status = 200, description = "The process answers")))]
pub(crate) async fn get_health() -> Json<Value> {
    Json(json!({"status": "healthy"}))
}

/// Liveness
#[utoipa::path(get, path = "/health/liveness", tag = "health", operation_id = "liveness", responses((status = 200, body = String)))]
pub(crate) async fn get_liveness() -> Json<&'static str> {
    Json("I'm alive!")
}

/// Readiness: the database answers, and the process is not shutting down
#[utoipa::path(
    get, path = "/health/readiness", tag = "health", operation_id = "readiness",
    responses((status = 200, description = "Ready for requests"), (status = 503, description = "Not ready"))
)]
pub(crate) async fn get_readiness(State(app): State<App>) -> Response {
    let database = app.gateway.store.ping().await;
    if let Err(error) = &database {
        tracing::warn!(%error, "not ready: the database does not answer");
    }
    let connected = database.is_ok();
    let ready = connected && !app.draining.is_cancelled();
    let body = json!({
        "status": if ready { "healthy" } else { "unhealthy" },
        "database": if connected { "connected" } else { "unavailable" },
        "version": app.version,
    });
    if ready {
        return Json(body).into_response();
    }
    let reason = if connected {
        "Shutting down"
    } else {
        "Database unavailable"
    };
    ApiError::unavailable(reason)
        .with_detail(body)
        .into_response()
}
