//! `/v1/workspaces/{workspace_id}/mcp-servers`: MCP servers that requests name by id.

mod limits;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use otari_store::workspace_mcp_servers::{self, McpServerPatch, McpServerRow, NewMcpServer};
use otari_tools::mcp::{McpEndpoint, McpServer};
use otari_types::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::admin::secrets::seal;
use crate::admin::tri_state;
use crate::admin::workspaces::known_workspace;
use crate::error::ApiError;
use crate::extract::{JsonBody, Operator, Page};
use crate::state::App;

use limits::Limits;

const SERVERS_MAX: i64 = 50;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateMcpServer {
    /// Unique in the workspace; 1 to 128 characters.
    name: String,
    /// Streamable HTTP. `https` where a token is sent.
    url: String,
    /// Sent as `Authorization: Bearer`; never shown again.
    #[schema(value_type = Option<String>)]
    authorization_token: Option<Secret>,
    /// What the model is told its tools are for.
    purpose_hint: Option<String>,
    /// Only these tools; all when null or empty.
    allowed_tools: Option<Vec<String>>,
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

/// Members left out stay; `null` clears the nullable ones.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UpdateMcpServer {
    name: Option<String>,
    url: Option<String>,
    /// A new token, or null or an empty text for none.
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>)]
    authorization_token: Option<Option<Secret>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>)]
    purpose_hint: Option<Option<String>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_tools: Option<Option<Vec<String>>>,
    enabled: Option<bool>,
}

/// A stored server without its token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoredMcpServer {
    /// What requests put into `mcp_server_ids`.
    id: String,
    workspace_id: String,
    name: String,
    url: String,
    purpose_hint: Option<String>,
    allowed_tools: Option<Vec<String>>,
    enabled: bool,
    has_token: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct McpServersList {
    data: Vec<StoredMcpServer>,
    /// In the workspace, whatever page this is.
    count: i64,
}

impl From<McpServerRow> for StoredMcpServer {
    fn from(row: McpServerRow) -> Self {
        Self {
            has_token: row.sealed_token.is_some(),
            id: row.id,
            workspace_id: row.workspace_id,
            name: row.name,
            url: row.url,
            purpose_hint: row.purpose_hint,
            allowed_tools: row.allowed_tools,
            enabled: row.enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// List a workspace's MCP servers, oldest first
#[utoipa::path(
    get, path = "/v1/workspaces/{workspace_id}/mcp-servers", tag = "mcp-servers", operation_id = "list_workspace_mcp_servers",
    params(("workspace_id" = String, Path), ("skip" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, body = McpServersList), (status = 404, description = "Unknown workspace"))
)]
pub(crate) async fn list_mcp_servers(
    State(app): State<App>,
    _: Operator,
    Path(workspace): Path<String>,
    page: Page,
) -> Result<Json<McpServersList>, ApiError> {
    known_workspace(&app, &workspace)?;
    let store = &app.gateway.store;
    let rows = workspace_mcp_servers::list(store, &workspace, &page.into()).await?;
    Ok(Json(McpServersList {
        count: workspace_mcp_servers::count(store, &workspace).await?,
        data: rows.into_iter().map(StoredMcpServer::from).collect(),
    }))
}

/// Store an MCP server
///
/// At most 50 in a workspace. Its address is checked now and again whenever it is used.
#[utoipa::path(
    post, path = "/v1/workspaces/{workspace_id}/mcp-servers", tag = "mcp-servers", operation_id = "create_workspace_mcp_server",
    params(("workspace_id" = String, Path)), request_body = CreateMcpServer,
    responses(
        (status = 201, body = StoredMcpServer),
        (status = 400, description = "An address that may not be visited, too many servers, or no OTARI_SECRET_KEY for the token"),
        (status = 404, description = "Unknown workspace"),
        (status = 409, description = "There is one of this name"),
        (status = 422, description = "Invalid body"),
    )
)]
pub(crate) async fn create_mcp_server(
    State(app): State<App>,
    _: Operator,
    Path(workspace): Path<String>,
    JsonBody(body): JsonBody<CreateMcpServer>,
) -> Result<(StatusCode, Json<StoredMcpServer>), ApiError> {
    known_workspace(&app, &workspace)?;
    let token = body.authorization_token.filter(is_given);
    let mut server = NewMcpServer::of(&workspace, body.name.trim(), body.url.trim());
    server.purpose_hint = body.purpose_hint;
    server.allowed_tools = body.allowed_tools;
    server.enabled = body.enabled;
    Limits {
        name: Some(&server.name),
        url: Some(&server.url),
        token: token.as_ref(),
        hint: server.purpose_hint.as_deref(),
        tools: server.allowed_tools.as_deref(),
    }
    .check()?;
    check_address(&app, &server.name, &server.url, token.as_ref()).await?;
    let store = &app.gateway.store;
    server.sealed_token = seal(
        &app,
        workspace_mcp_servers::TABLE,
        &server.id,
        token.as_ref(),
    )?;
    let row = workspace_mcp_servers::insert(store, &server, SERVERS_MAX).await?;
    let row = row.ok_or_else(|| {
        ApiError::bad_request(format!(
            "A workspace has at most {SERVERS_MAX} MCP servers; delete one first"
        ))
    })?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Change a stored MCP server
#[utoipa::path(
    patch, path = "/v1/workspaces/{workspace_id}/mcp-servers/{server_id}", tag = "mcp-servers", operation_id = "update_workspace_mcp_server",
    params(("workspace_id" = String, Path), ("server_id" = String, Path)), request_body = UpdateMcpServer,
    responses(
        (status = 200, body = StoredMcpServer),
        (status = 400, description = "An address that may not be visited, or no OTARI_SECRET_KEY for the token"),
        (status = 404, description = "Unknown workspace or server"),
        (status = 409, description = "There is one of this name"),
        (status = 422, description = "Invalid body"),
    )
)]
pub(crate) async fn update_mcp_server(
    State(app): State<App>,
    _: Operator,
    Path((workspace, id)): Path<(String, String)>,
    JsonBody(body): JsonBody<UpdateMcpServer>,
) -> Result<Json<StoredMcpServer>, ApiError> {
    known_workspace(&app, &workspace)?;
    let store = &app.gateway.store;
    let row = workspace_mcp_servers::get(store, &workspace, &id).await?;
    let row = row.ok_or_else(|| unknown(&id))?;
    let token = body.authorization_token.map(|token| token.filter(is_given));
    let name = body.name.map(|name| name.trim().to_owned());
    let url = body.url.map(|url| url.trim().to_owned());
    Limits {
        name: name.as_deref(),
        url: url.as_deref(),
        token: token.as_ref().and_then(Option::as_ref),
        hint: body.purpose_hint.as_ref().and_then(Option::as_deref),
        tools: body.allowed_tools.as_ref().and_then(Option::as_deref),
    }
    .check()?;
    if url.is_some() || token.is_some() {
        // A kept token counts as one, without being opened.
        let kept = row.sealed_token.as_ref().map(|_| Secret::new("kept"));
        let with = token.clone().unwrap_or(kept);
        let (name, url) = (
            name.as_ref().unwrap_or(&row.name),
            url.as_ref().unwrap_or(&row.url),
        );
        check_address(&app, name, url, with.as_ref()).await?;
    }
    let sealed = match &token {
        None => None,
        Some(token) => Some(seal(
            &app,
            workspace_mcp_servers::TABLE,
            &id,
            token.as_ref(),
        )?),
    };
    let patch = McpServerPatch {
        name,
        url,
        sealed_token: sealed,
        purpose_hint: body.purpose_hint,
        allowed_tools: body.allowed_tools,
        enabled: body.enabled,
    };
    let row = workspace_mcp_servers::update(store, &workspace, &id, &patch).await;
    Ok(Json(row.map_err(ApiError::missing(&id, unknown))?.into()))
}

/// Delete a stored MCP server
#[utoipa::path(
    delete, path = "/v1/workspaces/{workspace_id}/mcp-servers/{server_id}", tag = "mcp-servers", operation_id = "delete_workspace_mcp_server",
    params(("workspace_id" = String, Path), ("server_id" = String, Path)),
    responses((status = 200, description = "Deleted"), (status = 404, description = "Unknown workspace or server"))
)]
pub(crate) async fn delete_mcp_server(
    State(app): State<App>,
    _: Operator,
    Path((workspace, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    known_workspace(&app, &workspace)?;
    let deleted = workspace_mcp_servers::delete(&app.gateway.store, &workspace, &id).await;
    deleted.map_err(ApiError::missing(&id, unknown))?;
    Ok(Json(json!({"message": "MCP server deleted"})))
}

fn is_given(token: &Secret) -> bool {
    !token.expose().trim().is_empty()
}

fn unknown(id: &str) -> ApiError {
    ApiError::not_found(format!("MCP server '{id}' not found"))
}

/// That the gateway would visit it.
async fn check_address(
    app: &App,
    name: &str,
    url: &str,
    token: Option<&Secret>,
) -> Result<(), ApiError> {
    let server = McpServer {
        name: name.to_owned(),
        endpoint: McpEndpoint::Http {
            url: url.to_owned(),
            token: token.cloned(),
        },
        purpose_hint: None,
        allowed_tools: Vec::new(),
    };
    let checked = app.gateway.tools.mcp().check(&server).await;
    checked.map_err(|refusal| ApiError::bad_request(format!("url cannot be used: {refusal}")))
}
