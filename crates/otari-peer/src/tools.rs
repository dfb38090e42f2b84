//! What users have of the gateway's tools: three resolve endpoints, and a search service of the platform's own.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use otari_platform::{McpResolveRequest, McpResolveResponse, WebSearchAnswer};
use serde::Deserialize;
use serde_json::json;

use crate::Peer;
use crate::config::Document;
use crate::fault::{On, with_faults};
use crate::gate::{Asking, Gateway};
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

#[derive(Debug, Deserialize)]
pub(crate) struct Query {
    #[serde(default)]
    q: String,
}

/// `GET /gateway/web-search/search?q=…`: the documents that have most of the words, in SearXNG's format.
pub(crate) async fn search(
    State(peer): State<Peer>,
    gateway: Result<Gateway, Refusal>,
    query: axum::extract::Query<Query>,
) -> Result<Response, Refusal> {
    gateway?;
    let asked = query.q.to_lowercase();
    let words: Vec<&str> = asked.split_whitespace().collect();
    let documents = peer.config.documents.iter();
    let mut found: Vec<(usize, &Document)> = documents
        .map(|document| {
            let text = format!("{} {}", document.title, document.content).to_lowercase();
            let count = words.iter().filter(|word| text.contains(**word)).count();
            (count, document)
        })
        .filter(|(count, _)| *count > 0)
        .collect();
    found.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let results: Vec<&Document> = found.into_iter().map(|(_, document)| document).collect();
    Ok(Json(json!({"results": results})).into_response())
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
