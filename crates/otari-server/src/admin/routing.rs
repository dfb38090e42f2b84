//! `/v1/routing/policies`: which models are tried for a name, under which conditions and in which order.

pub(crate) mod explain;
pub(crate) mod learned;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use otari_config::PolicySpec;
use otari_store::StoreError;
use otari_store::routing_policies::{POLICIES, PolicyRow};
use otari_types::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::admin::names::{self, Kind, model_at_a_provider};
use crate::admin::users::known_user;
use crate::error::ApiError;
use crate::extract::{JsonBody, Operator, QueryArgs};
use crate::state::App;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SetPolicy {
    /// What callers write as the model: without `:` and `/`, and neither a provider's name nor an alias.
    #[schema(example = "resilient")]
    name: String,
    /// The policy, as in the configuration: `{select, on_failure, guardrails, retry, …}`.
    spec: Value,
    /// Only this user knows the policy; left out or null, everybody does.
    user_id: Option<String>,
    /// The stored policy of this name, of the same user, gets the new name and content.
    rename_from: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoredPolicy {
    name: String,
    spec: Value,
    /// `config` or `stored`.
    source: &'static str,
    user_id: Option<String>,
    /// Whether what is tried first can differ from call to call.
    is_dynamic: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

impl StoredPolicy {
    fn stored(row: PolicyRow) -> Self {
        let spec: Value = serde_json::from_str(&row.spec).unwrap_or_default();
        Self {
            is_dynamic: PolicySpec::read(&spec).is_ok_and(|spec| spec.is_dynamic()),
            spec,
            name: row.name,
            source: "stored",
            user_id: row.user_id.map(|id| id.to_string()),
            created_at: Some(row.created_at),
            updated_at: Some(row.updated_at),
        }
    }

    fn configured(name: &str, spec: &PolicySpec) -> Self {
        Self {
            name: name.to_owned(),
            spec: serde_json::to_value(spec).unwrap_or_default(),
            source: "config",
            user_id: None,
            is_dynamic: spec.is_dynamic(),
            created_at: None,
            updated_at: None,
        }
    }
}

/// List routing policies, by name
///
/// A stored policy of everybody's is shadowed by a configured one of the same name; a user's own goes before both.
#[utoipa::path(
    get, path = "/v1/routing/policies", tag = "routing", operation_id = "list_policies",
    params(("workspace_id" = Option<String>, Query, description = "Only stored ones of this workspace")),
    responses((status = 200, body = Vec<StoredPolicy>))
)]
pub(crate) async fn list_policies(
    State(app): State<App>,
    _: Operator,
    query: QueryArgs,
) -> Result<Json<Vec<StoredPolicy>>, ApiError> {
    let configured = app.gateway.policies.configured().iter();
    let mut policies: Vec<StoredPolicy> = configured
        .map(|(name, spec)| StoredPolicy::configured(name, spec))
        .collect();
    let workspace = query.one("workspace_id");
    if workspace.is_none_or(|id| id == app.workspace_id) {
        let stored = POLICIES.list(&app.gateway.store).await?;
        policies.extend(stored.into_iter().map(StoredPolicy::stored));
    }
    // Stable: configured before stored, and those in the store's order.
    policies.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(policies))
}

/// Set a routing policy
///
/// Creates it, gives it other content, or another name. It counts from the next call on.
#[utoipa::path(
    post, path = "/v1/routing/policies", tag = "routing", operation_id = "set_policy", request_body = SetPolicy,
    responses(
        (status = 200, body = StoredPolicy),
        (status = 400, description = "A policy that cannot work, every mistake with its place, or a name that is taken"),
        (status = 404, description = "Unknown user, or no policy to rename"),
        (status = 409, description = "The new name is taken"),
    )
)]
pub(crate) async fn set_policy(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<SetPolicy>,
) -> Result<Json<StoredPolicy>, ApiError> {
    let store = &app.gateway.store;
    let name = body.name.trim();
    let user = body.user_id.as_deref().map(UserId::from);
    names::check(&app, Kind::Policy, name, user.as_ref())?;
    let spec = checked_spec(&app, name, &body.spec)?;
    learned::check_prices(&app, &spec).await?;
    known_user(store, user.as_ref()).await?;
    let text = serde_json::to_string(&spec).unwrap_or_default();
    let from = body.rename_from.as_deref().map(str::trim);
    let row = match from.filter(|from| *from != name) {
        Some(from) => POLICIES
            .rename(store, from, name, &text, user.as_ref())
            .await
            .map_err(|error| match error {
                StoreError::NotFound => no_such_policy(from),
                StoreError::Conflict { .. } => ApiError::conflict(format!(
                    "Routing policy '{name}' exists already; delete it first or choose another name"
                )),
                other => other.into(),
            })?,
        None => POLICIES.set(store, name, &text, user.as_ref()).await?,
    };
    app.gateway.reload().await?;
    Ok(Json(StoredPolicy::stored(row)))
}

/// Delete a stored routing policy
///
/// Everybody's, or with `user_id` that user's own.
#[utoipa::path(
    delete, path = "/v1/routing/policies/{name}", tag = "routing", operation_id = "delete_policy",
    params(("name" = String, Path), ("user_id" = Option<String>, Query)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such stored policy"))
)]
pub(crate) async fn delete_policy(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
    query: QueryArgs,
) -> Result<StatusCode, ApiError> {
    let user = query.one("user_id").map(UserId::from);
    POLICIES
        .delete(&app.gateway.store, &name, user.as_ref())
        .await
        .map_err(ApiError::missing(&name, no_such_policy))?;
    app.gateway.reload().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_such_policy(name: &str) -> ApiError {
    ApiError::not_found(format!("Routing policy '{name}' not found"))
}

/// Each with its place.
fn mistakes(mistakes: &[Value]) -> ApiError {
    let message = "The routing policy has mistakes";
    ApiError::bad_request(message).with_detail(json!({"message": message, "errors": mistakes}))
}

/// A policy whose models can be called, or every mistake with its place.
fn checked_spec(app: &App, name: &str, spec: &Value) -> Result<PolicySpec, ApiError> {
    let spec = PolicySpec::read(spec).map_err(|problems| {
        let told = problems
            .into_iter()
            .map(|problem| json!({"path": problem.path, "message": problem.message}));
        mistakes(&told.collect::<Vec<_>>())
    })?;
    let wrong: Vec<Value> = spec
        .targets()
        .into_iter()
        .filter_map(|(path, target)| {
            let why = model_at_a_provider(app, name, target).err()?;
            Some(json!({"path": path, "message": format!("'{target}' {why}")}))
        })
        .collect();
    if wrong.is_empty() {
        Ok(spec)
    } else {
        Err(mistakes(&wrong))
    }
}
