//! `GET /metrics`: the Prometheus exposition, open unless a token is set.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use otari_gateway::credentials::hash_token;
use subtle::ConstantTimeEq;

use crate::error::ApiError;
use crate::state::App;

const OPENMETRICS: &str = "application/openmetrics-text";
const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) async fn get_metrics(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(token) = &app.config.metrics.metrics_token {
        let presented = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let presented = presented
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default();
        if !bool::from(hash_token(presented).ct_eq(&hash_token(token.expose()))) {
            return Err(ApiError::unauthorized("Invalid metrics token"));
        }
    }
    let metrics = &app.gateway.metrics;
    metrics
        .drain
        .queue_depth
        .set(i64::try_from(app.gateway.ledger.waiting()).unwrap_or(i64::MAX));
    let waiting = app
        .gateway
        .platform()
        .map_or(0, |platform| platform.waiting());
    metrics
        .hybrid
        .usage_reports_waiting
        .set(i64::try_from(waiting).unwrap_or(i64::MAX));
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (content_type, page) = if accepted.contains(OPENMETRICS) {
        (OPENMETRICS_TYPE, metrics.render_openmetrics())
    } else {
        (PLAIN_TYPE, metrics.render_plain())
    };
    Ok(([(header::CONTENT_TYPE, content_type)], page).into_response())
}
