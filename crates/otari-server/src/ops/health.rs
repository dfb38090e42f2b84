//! `GET /health`, `/health/liveness`, `/health/readiness`: unauthenticated.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use otari_gateway::Platform;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::state::App;

/// Health
#[utoipa::path(get, path = "/health", tag = "health", operation_id = "health", responses((status = 200, description = "The process answers")))]
pub(crate) async fn get_health(State(app): State<App>) -> Json<Value> {
    let Some(platform) = app.gateway.platform() else {
        return Json(json!({"status": "healthy"}));
    };
    let reachable = if platform.is_reachable().await {
        "yes"
    } else {
        "no"
    };
    Json(json!({"status": "healthy", "mode": "hybrid", "platform_reachable": reachable}))
}

/// Liveness
#[utoipa::path(get, path = "/health/liveness", tag = "health", operation_id = "liveness", responses((status = 200, body = String)))]
pub(crate) async fn get_liveness() -> Json<&'static str> {
    Json("I'm alive!")
}

/// Readiness: the database answers, or the platform in hybrid mode, and the process is not shutting down
#[utoipa::path(
    get, path = "/health/readiness", tag = "health", operation_id = "readiness",
    responses((status = 200, description = "Ready for requests"), (status = 503, description = "Not ready"))
)]
pub(crate) async fn get_readiness(State(app): State<App>) -> Response {
    if let Some(platform) = app.gateway.platform() {
        return hybrid(&app, platform).await;
    }
    let database = app.gateway.store.ping().await;
    if let Err(error) = &database {
        tracing::warn!(%error, "not ready: the database does not answer");
    }
    let connected = database.is_ok();
    let ready = connected && !app.draining.is_cancelled();
    let body = json!({
        "status": status(ready),
        "database": state(connected),
        "version": app.version,
    });
    readiness(ready, connected, body, "Database unavailable")
}

async fn hybrid(app: &App, platform: &Platform) -> Response {
    let connected = platform.is_reachable().await;
    let ready = connected && !app.draining.is_cancelled();
    let body = json!({
        "status": status(ready),
        "mode": "hybrid",
        "platform": state(connected),
        "version": app.version,
    });
    readiness(ready, connected, body, "Platform unavailable")
}

fn status(ready: bool) -> &'static str {
    if ready { "healthy" } else { "unhealthy" }
}

fn state(connected: bool) -> &'static str {
    if connected {
        "connected"
    } else {
        "unavailable"
    }
}

fn readiness(ready: bool, connected: bool, body: Value, away: &'static str) -> Response {
    if ready {
        return Json(body).into_response();
    }
    let reason = if connected { "Shutting down" } else { away };
    ApiError::unavailable(reason)
        .with_detail(body)
        .into_response()
}
