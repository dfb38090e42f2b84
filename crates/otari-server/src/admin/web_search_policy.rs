//! `/v1/workspaces/{workspace_id}/web-search`: what a workspace takes away from web search and web fetch.

use axum::Json;
use axum::extract::{Path, State};
use otari_store::workspace_web_search_policies::{
    self as policies, WebSearchPolicy, WebSearchPolicyRow,
};
use otari_tools::definitions::GatewayTool;
use otari_types::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::admin::workspaces::known_workspace;
use crate::error::{ApiError, Problems};
use crate::extract::{JsonBody, Operator};
use crate::state::App;

const HINT_CHARS_MAX: usize = 2048;
const RESULTS_MAX: i64 = 20;
const DOMAINS_MAX: usize = 100;
const DOMAIN_CHARS_MAX: usize = 256;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SetWebSearchPolicy {
    /// False refuses `otari_web_search`, `otari_web_fetch` and the search endpoint.
    enabled: bool,
    /// Most results of one search, 1 to 20.
    max_results: Option<i64>,
    /// What the model is told web search is for, where a request does not say.
    purpose_hint: Option<String>,
    /// Only these sites, within what a request allows.
    allowed_domains: Option<Vec<String>>,
    /// Never these sites, beside what a request blocks.
    blocked_domains: Option<Vec<String>>,
    /// Sent with every search under the service's own names, below what a request says.
    #[schema(value_type = Option<Object>)]
    provider_options: Option<Map<String, Value>>,
}

/// The policy in force; without one of the workspace's own, nothing is taken away.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspaceWebSearchPolicy {
    workspace_id: String,
    /// Whether the workspace has a policy of its own.
    configured: bool,
    /// Whether this deployment can search.
    web_search_configured: bool,
    enabled: bool,
    max_results: Option<i64>,
    purpose_hint: Option<String>,
    allowed_domains: Option<Vec<String>>,
    blocked_domains: Option<Vec<String>>,
    #[schema(value_type = Option<Object>)]
    provider_options: Option<Map<String, Value>>,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

impl WorkspaceWebSearchPolicy {
    fn of(row: Option<WebSearchPolicyRow>, workspace: String, app: &App) -> Self {
        let set = app.gateway.tools.in_force();
        let configured = row.is_some();
        let (created_at, updated_at) = match &row {
            Some(row) => (Some(row.created_at), Some(row.updated_at)),
            None => (None, None),
        };
        let policy = row.map_or(nothing_taken(), |row| row.policy);
        Self {
            workspace_id: workspace,
            configured,
            web_search_configured: set.is_available(GatewayTool::WebSearch),
            enabled: policy.enabled,
            max_results: policy.max_results,
            purpose_hint: policy.purpose_hint,
            allowed_domains: policy.allowed_domains,
            blocked_domains: policy.blocked_domains,
            provider_options: policy.provider_options,
            created_at,
            updated_at,
        }
    }
}

fn nothing_taken() -> WebSearchPolicy {
    WebSearchPolicy {
        enabled: true,
        max_results: None,
        purpose_hint: None,
        allowed_domains: None,
        blocked_domains: None,
        provider_options: None,
    }
}

/// Get a workspace's web-search policy
#[utoipa::path(
    get, path = "/v1/workspaces/{workspace_id}/web-search", tag = "workspaces", operation_id = "get_web_search_policy",
    params(("workspace_id" = String, Path)),
    responses((status = 200, body = WorkspaceWebSearchPolicy), (status = 404, description = "Unknown workspace"))
)]
pub(crate) async fn get_web_search_policy(
    State(app): State<App>,
    _: Operator,
    Path(workspace): Path<String>,
) -> Result<Json<WorkspaceWebSearchPolicy>, ApiError> {
    known_workspace(&app, &workspace)?;
    let row = policies::get(&app.gateway.store, &workspace).await?;
    Ok(Json(WorkspaceWebSearchPolicy::of(row, workspace, &app)))
}

/// Set a workspace's web-search policy
///
/// In place of the one it had. It counts from the next request on.
#[utoipa::path(
    put, path = "/v1/workspaces/{workspace_id}/web-search", tag = "workspaces", operation_id = "set_web_search_policy",
    params(("workspace_id" = String, Path)), request_body = SetWebSearchPolicy,
    responses(
        (status = 200, body = WorkspaceWebSearchPolicy),
        (status = 404, description = "Unknown workspace"),
        (status = 422, description = "Invalid body"),
    )
)]
pub(crate) async fn set_web_search_policy(
    State(app): State<App>,
    _: Operator,
    Path(workspace): Path<String>,
    JsonBody(body): JsonBody<SetWebSearchPolicy>,
) -> Result<Json<WorkspaceWebSearchPolicy>, ApiError> {
    known_workspace(&app, &workspace)?;
    check(&body)?;
    let policy = WebSearchPolicy {
        enabled: body.enabled,
        max_results: body.max_results,
        purpose_hint: body.purpose_hint,
        allowed_domains: body.allowed_domains,
        blocked_domains: body.blocked_domains,
        provider_options: body.provider_options,
    };
    let row = policies::set(&app.gateway.store, &workspace, &policy).await?;
    Ok(Json(WorkspaceWebSearchPolicy::of(
        Some(row),
        workspace,
        &app,
    )))
}

/// Remove a workspace's web-search policy
///
/// Answers what is in force then.
#[utoipa::path(
    delete, path = "/v1/workspaces/{workspace_id}/web-search", tag = "workspaces", operation_id = "clear_web_search_policy",
    params(("workspace_id" = String, Path)),
    responses((status = 200, body = WorkspaceWebSearchPolicy), (status = 404, description = "Unknown workspace"))
)]
pub(crate) async fn clear_web_search_policy(
    State(app): State<App>,
    _: Operator,
    Path(workspace): Path<String>,
) -> Result<Json<WorkspaceWebSearchPolicy>, ApiError> {
    known_workspace(&app, &workspace)?;
    policies::clear(&app.gateway.store, &workspace).await?;
    Ok(Json(WorkspaceWebSearchPolicy::of(None, workspace, &app)))
}

fn check(body: &SetWebSearchPolicy) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    problems.check_count("max_results", body.max_results, RESULTS_MAX);
    problems.check_length("purpose_hint", body.purpose_hint.as_deref(), HINT_CHARS_MAX);
    for (member, list) in [
        ("allowed_domains", &body.allowed_domains),
        ("blocked_domains", &body.blocked_domains),
    ] {
        let list = list.as_deref().unwrap_or_default();
        let long = |site: &String| site.chars().count() > DOMAIN_CHARS_MAX;
        if list.len() > DOMAINS_MAX || list.iter().any(long) {
            let message = format!(
                "List should have at most {DOMAINS_MAX} sites of at most {DOMAIN_CHARS_MAX} characters"
            );
            problems.wrong(member, message);
        }
    }
    problems.refuse()
}
