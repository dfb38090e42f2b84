//! `POST /gateway/provider-keys/resolve`

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use otari_platform::{AttemptForm, ResolveRequest};
use otari_types::{Secret, new_id};
use serde_json::json;

use crate::Peer;
use crate::books::Entry;
use crate::fault::{On, with_faults};
use crate::gate::Asking;
use crate::refusal::Refusal;

pub(crate) async fn resolve(
    State(peer): State<Peer>,
    asking: Result<Asking, Refusal>,
    body: Bytes,
) -> Response {
    let user = asking.as_ref().ok().map(|asking| asking.0.clone());
    with_faults(&peer, On::Resolve, user.as_deref(), async {
        answer(&peer, &asking?, &body)
    })
    .await
}

fn answer(peer: &Peer, asking: &Asking, body: &[u8]) -> Result<Response, Refusal> {
    let Asking(name) = asking;
    let user = asking.user(peer)?;
    let asked: ResolveRequest = serde_json::from_slice(body).map_err(|_| {
        let detail = "Expected {\"model\": …} and, where the name has one, \"provider\"";
        Refusal::new(StatusCode::BAD_REQUEST, detail)
    })?;
    if let Some(wait) = peer
        .books
        .over_rate(name, user.requests_per_minute, peer.clock.now())
    {
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded");
        return Err(refusal.retry_after(wait));
    }
    let spent = peer.books.spent(name);
    if user.budget_usd.is_some_and(|budget| spent >= budget) {
        let detail = format!("User '{name}' has spent its budget");
        return Err(Refusal::new(StatusCode::PAYMENT_REQUIRED, detail));
    }
    let mut served = peer.config.served(user, &asked)?;
    if peer.config.flat {
        served.truncate(1);
    }
    let request_id = new_id();
    let mut attempts = Vec::with_capacity(served.len());
    for (position, one) in served.iter().enumerate() {
        let attempt_id = new_id();
        peer.books.open(Entry {
            attempt_id: attempt_id.clone(),
            request_id: request_id.clone(),
            user: name.clone(),
            workspace: user.workspace.clone(),
            provider: one.name.to_owned(),
            model: one.model.to_owned(),
        });
        let credential = one.credential;
        let extra = &credential.extra_params;
        attempts.push(AttemptForm {
            attempt_id: attempt_id.into(),
            position: i64::try_from(position).unwrap_or(i64::MAX),
            provider: credential.provider(one.name).to_owned(),
            model: one.model.to_owned(),
            api_key: credential
                .api_key
                .as_ref()
                .map(|key| Secret::expose(key).to_owned()),
            api_base: credential.api_base.clone(),
            managed: credential.managed,
            extra_params: (!extra.is_empty()).then(|| extra.clone()),
        });
    }
    if peer.config.flat {
        return Ok(Json(attempts.first().map(flat)).into_response());
    }
    let answer = json!({
        "request_id": request_id, "fallback_enabled": attempts.len() > 1, "user_id": name,
        "workspace_id": user.workspace, "organization_id": "peer", "attempts": attempts,
    });
    Ok(Json(answer).into_response())
}

fn flat(attempt: &AttemptForm) -> serde_json::Value {
    json!({
        "provider": attempt.provider, "model": attempt.model, "api_key": attempt.api_key,
        "api_base": attempt.api_base, "managed": attempt.managed, "correlation_id": attempt.attempt_id,
    })
}
