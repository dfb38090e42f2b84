//! What users have of the gateway's tools: three resolve endpoints.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use otari_platform::{McpResolveRequest, McpResolveResponse, WebSearchAnswer};
use serde_json::json;

use crate::Peer;
use crate::fault::{On, with_faults};
use crate::gate::Asking;
use crate::refusal::Refusal;

/// `POST /gateway/web-search/resolve`
pub(crate) async fn web_search(
    State(peer): State<Peer>,
    asking: Result<Asking, Refusal>,
) -> Response {
    let user = asking.as_ref().ok().map(|asking| asking.0.clone());
    with_faults(&peer, On::WebSearch, user.as_deref(), async {
        let workspace = peer.config.workspace(asking?.user(&peer)?);
        let answer = workspace.and_then(|workspace| workspace.web_search.clone());
        // A workspace that says nothing has it.
        let answer = answer.unwrap_or(WebSearchAnswer {
            enabled: true,
            ..WebSearchAnswer::default()
        });
        Ok(Json(answer).into_response())
    })
    .await
}

/// `POST /gateway/code-execution/resolve`
pub(crate) async fn code_execution(
    State(peer): State<Peer>,
    asking: Result<Asking, Refusal>,
) -> Response {
    let user = asking.as_ref().ok().map(|asking| asking.0.clone());
    with_faults(&peer, On::CodeExecution, user.as_deref(), async {
        let workspace = peer.config.workspace(asking?.user(&peer)?);
        let answer = workspace.and_then(|workspace| workspace.code_execution.clone());
        Ok(match answer {
            Some(answer) => Json(answer).into_response(),
            None => Json(json!({"enabled": true})).into_response(),
        })
    })
    .await
}

/// `POST /gateway/mcp-servers/resolve`
pub(crate) async fn mcp_servers(
    State(peer): State<Peer>,
    asking: Result<Asking, Refusal>,
    body: Bytes,
) -> Response {
    let user = asking.as_ref().ok().map(|asking| asking.0.clone());
    with_faults(&peer, On::McpServers, user.as_deref(), async {
        servers(&peer, &asking?, &body)
    })
    .await
}

fn servers(peer: &Peer, asking: &Asking, body: &[u8]) -> Result<Response, Refusal> {
    let workspace = peer.config.workspace(asking.user(peer)?);
    let asked: McpResolveRequest = serde_json::from_slice(body).map_err(|_| {
        let detail = "Expected {\"mcp_server_ids\": […]}";
        Refusal::new(StatusCode::BAD_REQUEST, detail)
    })?;
    let mut servers = Vec::with_capacity(asked.mcp_server_ids.len());
    for id in &asked.mcp_server_ids {
        let is_theirs = workspace.is_some_and(|workspace| workspace.mcp_servers.contains(id));
        let server = peer.config.mcp_servers.get(id).filter(|_| is_theirs);
        let server = server.ok_or_else(|| {
            Refusal::new(
                StatusCode::NOT_FOUND,
                format!("MCP server '{id}' not found"),
            )
        })?;
        servers.push(server.clone());
    }
    Ok(Json(McpResolveResponse { servers }).into_response())
}
