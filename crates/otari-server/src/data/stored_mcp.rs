//! `/v1/mcp/servers/{mcp_server_id}/tools` and `/v1/mcp/execute`: a stored MCP server for applications that run the
//! conversation themselves and ask their users before a tool runs.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use otari_gateway::credentials::Credential;
use otari_gateway::tools::{StoredCall, StoredCallError};
use otari_gateway::{FieldProblem, GatewayError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::data::inference::inbound;
use crate::error::{ApiError, ToolOutcome};
use crate::extract::read_json;
use crate::middleware::edge::RequestId;
use crate::state::App;

/// Longest name that a call may carry.
const NAME_CHARS_MAX: usize = 256;

/// What a stored server offers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct McpTools {
    server_id: String,
    /// Sent back with a call: a server that was changed since then is not called.
    server_revision: String,
    tools: Vec<McpToolDefinition>,
    /// Tools that cannot be called, and why.
    warnings: Vec<McpToolWarning>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct McpToolDefinition {
    name: String,
    description: Option<String>,
    #[schema(value_type = Object)]
    input_schema: Map<String, Value>,
    /// What the server says of the tool's effects; nobody has checked it.
    #[schema(value_type = Option<Object>)]
    annotations: Option<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct McpToolWarning {
    tool_name: String,
    #[schema(example = "name_too_long")]
    code: &'static str,
}

/// A call that the application's user has permitted.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ExecuteMcpTool {
    /// A stored server's id.
    mcp_server_id: String,
    /// As it was told with the tools.
    server_revision: String,
    /// By the server's own name.
    tool_name: String,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    arguments: Option<Map<String, Value>>,
    /// The application's own id of this call, a UUID. It is not a key against repetition.
    client_execution_id: String,
}

impl ExecuteMcpTool {
    fn problem(&self) -> Option<FieldProblem> {
        let problem = |member: &str, kind, message: String| FieldProblem {
            loc: vec![member.to_owned()],
            kind,
            message,
        };
        if !(1..=NAME_CHARS_MAX).contains(&self.tool_name.chars().count()) {
            let message = format!("String should have 1 to {NAME_CHARS_MAX} characters");
            return Some(problem("tool_name", "string_length", message));
        }
        let id = &self.client_execution_id;
        if !is_uuid(id) {
            let message = "Input should be a valid UUID".to_owned();
            return Some(problem("client_execution_id", "uuid_parsing", message));
        }
        None
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths = parts.iter().map(|part| part.len());
    lengths.eq([8, 4, 4, 4, 12])
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// List the tools of a stored MCP server
#[utoipa::path(
    get, path = "/v1/mcp/servers/{mcp_server_id}/tools", tag = "mcp", operation_id = "list_mcp_tools",
    params(("mcp_server_id" = String, Path)),
    responses(
        (status = 200, body = McpTools), (status = 401, description = "Missing or invalid API key"),
        (status = 403, description = "The key may not use this server"), (status = 404, description = "No such server, or one that is switched off"),
        (status = 502, description = "The server does not answer"),
    )
)]
pub(crate) async fn list_mcp_tools(
    State(app): State<App>,
    Path(server): Path<String>,
    parts: Parts,
) -> Result<Json<McpTools>, ApiError> {
    let id = parts.extensions.get::<RequestId>().cloned();
    let told = |error: ApiError| error.for_mcp(id.clone(), ToolOutcome::NotStarted);
    let credential =
        Credential::from_headers(&parts.headers).map_err(|error| told(error.into()))?;
    let found = app.gateway.stored_server_tools(&credential, &server).await;
    let found = found.map_err(|error| told(error.into()))?;
    let (tools, too_long): (Vec<_>, Vec<_>) = found
        .tools
        .into_iter()
        .partition(|tool| tool.name.chars().count() <= NAME_CHARS_MAX);
    Ok(Json(McpTools {
        server_id: server,
        server_revision: found.revision,
        tools: tools
            .into_iter()
            .map(|tool| McpToolDefinition {
                name: tool.name,
                description: tool.description,
                input_schema: tool.input_schema,
                annotations: tool.annotations,
            })
            .collect(),
        warnings: too_long
            .into_iter()
            .map(|tool| McpToolWarning {
                tool_name: tool.name,
                code: "name_too_long",
            })
            .collect(),
    }))
}

/// Call a tool of a stored MCP server
///
/// Once, with these arguments, and answers the server's own result: one with `isError` is an answer too. An error says
/// in `execution_state` whether the tool may have run. Billed as one call under `otari:<tool>`.
#[utoipa::path(
    post, path = "/v1/mcp/execute", tag = "mcp", operation_id = "execute_mcp_tool", request_body = ExecuteMcpTool,
    responses(
        (status = 200, description = "The result, as the server wrote it", body = Object),
        (status = 400, description = "The server's address may not be visited"), (status = 401, description = "Missing or invalid API key"),
        (status = 403, description = "The key may not use this server, or is over budget"), (status = 404, description = "No such server or tool"),
        (status = 409, description = "The server was changed since its tools were listed"), (status = 422, description = "Invalid body"),
        (status = 502, description = "The server failed"), (status = 504, description = "The server did not answer in time"),
    )
)]
pub(crate) async fn execute_mcp_tool(
    State(app): State<App>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let id = request.extensions().get::<RequestId>().cloned();
    execute(&app, request)
        .await
        .map_err(|(error, outcome)| error.for_mcp(id, outcome))
}

async fn execute(app: &App, request: Request) -> Result<Json<Value>, (ApiError, ToolOutcome)> {
    let before = |error: ApiError| (error, ToolOutcome::NotStarted);
    let inbound = inbound(app, request, "/v1/mcp/execute")
        .await
        .map_err(before)?;
    let asked: ExecuteMcpTool = read_json(&inbound.body).map_err(before)?;
    if let Some(problem) = asked.problem() {
        return Err(before(ApiError::invalid_fields(&[problem])));
    }
    let call = StoredCall {
        server: asked.mcp_server_id,
        revision: asked.server_revision,
        tool: asked.tool_name,
        arguments: asked.arguments.unwrap_or_default(),
    };
    let called = app.gateway.call_stored(&inbound, call).await;
    let result = called.map_err(|error| match error {
        StoredCallError::NotStarted(error) => before(error.into()),
        StoredCallError::Changed => {
            before(ApiError::conflict(error.to_string()).code("server_revision_changed"))
        }
        StoredCallError::NoSuchTool(_) => {
            before(ApiError::not_found(error.to_string()).code("tool_not_found"))
        }
        StoredCallError::OutcomeUnknown(error) => {
            (GatewayError::Mcp(error).into(), ToolOutcome::Unknown)
        }
    })?;
    Ok(Json(result))
}
