//! `/v1/workspaces/{workspace_id}/code-execution-policy`: what a workspace takes away from code execution.

use axum::Json;
use axum::extract::{Path, State};
use otari_store::workspace_code_execution_policies::{
    self as policies, CodeExecutionPolicy, CodeExecutionPolicyRow,
};
use otari_tools::definitions::GatewayTool;
use otari_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::workspaces::known_workspace;
use crate::error::{ApiError, Problems};
use crate::extract::{JsonBody, Operator};
use crate::state::App;

const HINT_CHARS_MAX: usize = 2048;
/// The deployment's own ceilings; a workspace can only narrow.
const ITERATIONS_MAX: i64 = 25;
const SECONDS_MAX: i64 = 60;
/// What the gateway's code execution can be.
const KINDS: [&str; 1] = ["python"];

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SetCodeExecutionPolicy {
    /// False refuses requests that ask for code execution; others go on.
    enabled: bool,
    /// What the model is told it is for, where a request does not say.
    default_purpose_hint: Option<String>,
    /// Provider calls of one request, 1 to 25.
    max_iterations: Option<i64>,
    /// Seconds of one execution, 1 to 60.
    exec_timeout_s: Option<i64>,
    /// Kinds of execution; null is every kind there is.
    tools: Option<Vec<String>>,
}

/// The policy in force; without one of the workspace's own, nothing is taken away.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspaceCodeExecutionPolicy {
    workspace_id: String,
    /// Whether the workspace has a policy of its own.
    configured: bool,
    /// Whether this deployment can run code.
    sandbox_configured: bool,
    enabled: bool,
    default_purpose_hint: Option<String>,
    max_iterations: Option<i64>,
    exec_timeout_s: Option<i64>,
    tools: Option<Vec<String>>,
    available_tools: Vec<&'static str>,
    /// Always null: there is one executor.
    executor: Option<String>,
    /// Always null: there are no images.
    image: Option<String>,
    allowed_images: Vec<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

impl WorkspaceCodeExecutionPolicy {
    fn of(row: Option<&CodeExecutionPolicyRow>, workspace: String, app: &App) -> Self {
        let set = app.gateway.tools.in_force();
        let policy = row.map(|row| &row.policy);
        Self {
            workspace_id: workspace,
            configured: row.is_some(),
            sandbox_configured: set.is_available(GatewayTool::CodeExecution),
            enabled: policy.is_none_or(|policy| policy.enabled),
            default_purpose_hint: policy.and_then(|policy| policy.default_purpose_hint.clone()),
            max_iterations: policy.and_then(|policy| policy.max_iterations),
            exec_timeout_s: policy.and_then(|policy| policy.exec_timeout_s),
            tools: policy.and_then(|policy| policy.tools.clone()),
            available_tools: KINDS.to_vec(),
            executor: None,
            image: None,
            allowed_images: Vec::new(),
            created_at: row.map(|row| row.created_at),
            updated_at: row.map(|row| row.updated_at),
        }
    }
}

/// Get a workspace's code-execution policy
#[utoipa::path(
    get, path = "/v1/workspaces/{workspace_id}/code-execution-policy", tag = "workspaces", operation_id = "get_code_execution_policy",
    params(("workspace_id" = String, Path)),
    responses((status = 200, body = WorkspaceCodeExecutionPolicy), (status = 404, description = "Unknown workspace"))
)]
pub(crate) async fn get_code_execution_policy(
    State(app): State<App>,
    _: Operator,
    Path(workspace): Path<String>,
) -> Result<Json<WorkspaceCodeExecutionPolicy>, ApiError> {
    known_workspace(&app, &workspace)?;
    let row = policies::get(&app.gateway.store, &workspace).await?;
    Ok(Json(WorkspaceCodeExecutionPolicy::of(
        row.as_ref(),
        workspace,
        &app,
    )))
}

/// Set a workspace's code-execution policy
///
/// In place of the one it had. It counts from the next request on.
#[utoipa::path(
    put, path = "/v1/workspaces/{workspace_id}/code-execution-policy", tag = "workspaces", operation_id = "set_code_execution_policy",
    params(("workspace_id" = String, Path)), request_body = SetCodeExecutionPolicy,
    responses(
        (status = 200, body = WorkspaceCodeExecutionPolicy),
        (status = 404, description = "Unknown workspace"),
        (status = 422, description = "A value above the deployment's own"),
    )
)]
pub(crate) async fn set_code_execution_policy(
    State(app): State<App>,
    _: Operator,
    Path(workspace): Path<String>,
    JsonBody(body): JsonBody<SetCodeExecutionPolicy>,
) -> Result<Json<WorkspaceCodeExecutionPolicy>, ApiError> {
    known_workspace(&app, &workspace)?;
    check(&body)?;
    let policy = CodeExecutionPolicy {
        enabled: body.enabled,
        default_purpose_hint: body.default_purpose_hint,
        max_iterations: body.max_iterations,
        exec_timeout_s: body.exec_timeout_s,
        tools: body.tools,
    };
    let row = policies::set(&app.gateway.store, &workspace, &policy).await?;
    let policy = WorkspaceCodeExecutionPolicy::of(Some(&row), workspace, &app);
    Ok(Json(policy))
}

/// Remove a workspace's code-execution policy
///
/// Answers what is in force then.
#[utoipa::path(
    delete, path = "/v1/workspaces/{workspace_id}/code-execution-policy", tag = "workspaces", operation_id = "clear_code_execution_policy",
    params(("workspace_id" = String, Path)),
    responses((status = 200, body = WorkspaceCodeExecutionPolicy), (status = 404, description = "Unknown workspace"))
)]
pub(crate) async fn clear_code_execution_policy(
    State(app): State<App>,
    _: Operator,
    Path(workspace): Path<String>,
) -> Result<Json<WorkspaceCodeExecutionPolicy>, ApiError> {
    known_workspace(&app, &workspace)?;
    policies::clear(&app.gateway.store, &workspace).await?;
    Ok(Json(WorkspaceCodeExecutionPolicy::of(
        None, workspace, &app,
    )))
}

fn check(body: &SetCodeExecutionPolicy) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    problems.check_count("max_iterations", body.max_iterations, ITERATIONS_MAX);
    problems.check_count("exec_timeout_s", body.exec_timeout_s, SECONDS_MAX);
    let hint = body.default_purpose_hint.as_deref();
    problems.check_length("default_purpose_hint", hint, HINT_CHARS_MAX);
    let mut kinds = body.tools.iter().flatten();
    if kinds.any(|kind| !KINDS.contains(&kind.as_str())) {
        let message = format!("Items should be among {}", KINDS.join(", "));
        problems.wrong("tools", message);
    }
    problems.refuse()
}
