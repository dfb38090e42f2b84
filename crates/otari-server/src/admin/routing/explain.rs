//! `POST /v1/routing/policies/explain`: what a policy would do, without a call.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use otari_config::PolicySpec;
use otari_gateway::{Explanation, Simulated};
use otari_types::UserId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{checked_spec, no_such_policy};
use crate::error::ApiError;
use crate::extract::{JsonBody, Operator};
use crate::state::App;

/// What a draft is called that has no name yet.
const DRAFT: &str = "draft";

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ExplainPolicy {
    /// A policy that exists; or `spec`.
    name: Option<String>,
    /// A draft.
    spec: Option<Value>,
    /// As if this user asked.
    user_id: Option<String>,
    key_id: Option<String>,
    /// As if the key were limited to these models; left out, to none.
    allowed_models: Option<Vec<String>>,
    /// As if so much of the budget were used, in percent; left out, there is no budget.
    budget_used_pct: Option<f64>,
    /// As if so much of the budget were left, in dollars.
    budget_remaining_usd: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyExplanation {
    name: String,
    /// Why the first candidate has its place; `none` without candidates.
    selection_reason: String,
    is_dynamic: bool,
    /// In the order they would be tried.
    candidates: Vec<PolicyCandidate>,
    /// Models of the policy that would not be tried.
    dropped: Vec<DroppedCandidate>,
    guardrails: Vec<Value>,
    /// The router that decides, if one does.
    router_backend: Option<String>,
    router_candidates: Vec<String>,
    /// Shares of traffic, where the router has such.
    router_weights: BTreeMap<String, f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyCandidate {
    /// From 1.
    position: usize,
    instance: String,
    model: String,
    selection_reason: String,
    /// `instance:model`.
    dispatch_model: String,
    /// Why it would be tried after all others just now.
    stands_back: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DroppedCandidate {
    selector: String,
    /// `duplicate`, `not_allowed`, `unresolvable` or `too_many`.
    reason: &'static str,
    detail: &'static str,
}

/// Explain a routing policy
///
/// Which models a stored, configured or draft policy would try for a caller, and which not. Nothing is called.
#[utoipa::path(
    post, path = "/v1/routing/policies/explain", tag = "routing", operation_id = "explain_policy",
    request_body = ExplainPolicy,
    responses(
        (status = 200, body = PolicyExplanation),
        (status = 400, description = "A draft that cannot work, or neither or both of `name` and `spec`"),
        (status = 404, description = "No such policy"),
    )
)]
pub(crate) async fn explain_policy(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<ExplainPolicy>,
) -> Result<Json<PolicyExplanation>, ApiError> {
    let user = body.user_id.as_deref().map(UserId::from);
    let (name, spec) = match (&body.name, &body.spec) {
        (Some(name), None) => {
            let policy = app.gateway.policies.known_as(name, user.as_ref());
            let policy = policy.ok_or_else(|| no_such_policy(name))?;
            (name.clone(), policy.spec.clone())
        }
        (name, Some(spec)) => {
            let name = name.clone().unwrap_or_else(|| DRAFT.to_owned());
            let spec = checked_spec(&app, &name, spec)?;
            (name, spec)
        }
        (None, None) => {
            let message = "give the `name` of a policy, or a draft as `spec`";
            return Err(ApiError::bad_request(message));
        }
    };
    let simulated = Simulated {
        user: body.user_id,
        key: body.key_id,
        allowed_models: body.allowed_models,
        budget_used_pct: body.budget_used_pct,
        budget_remaining_usd: body.budget_remaining_usd,
    };
    let now = app.gateway.clock.now();
    let targets = &app.gateway.targets;
    let explanation = targets.explain_policy(&spec, &simulated, now).await?;
    Ok(Json(PolicyExplanation::of(name, &spec, explanation)))
}

impl PolicyExplanation {
    /// As the route answers it, and the command line prints it.
    pub(crate) fn of(name: String, spec: &PolicySpec, explanation: Explanation) -> Self {
        let candidates = explanation.candidates.into_iter().enumerate();
        let dropped = explanation.dropped.into_iter();
        let guardrails = explanation.guardrails.iter();
        let router = explanation.router;
        Self {
            name,
            selection_reason: explanation.selection_reason,
            is_dynamic: spec.is_dynamic(),
            candidates: candidates
                .map(|(index, candidate)| PolicyCandidate {
                    position: index + 1,
                    instance: candidate.instance,
                    model: candidate.model,
                    selection_reason: candidate.reason,
                    dispatch_model: candidate.key,
                    stands_back: candidate.stands_back,
                })
                .collect(),
            dropped: dropped
                .map(|dropped| DroppedCandidate {
                    selector: dropped.selector,
                    reason: dropped.reason.code(),
                    detail: dropped.reason.detail(),
                })
                .collect(),
            guardrails: guardrails
                .map(|guardrail| serde_json::to_value(guardrail).unwrap_or_default())
                .collect(),
            router_backend: router
                .as_ref()
                .map(|router| router.backend.name().to_owned()),
            router_candidates: router
                .as_ref()
                .map(|router| router.candidates.clone())
                .unwrap_or_default(),
            router_weights: router
                .map(|router| router.weights.into_iter().collect())
                .unwrap_or_default(),
        }
    }
}
