//! `/mcp`: the gateway as an MCP server. Its own tools and those of the caller's servers, under one virtual key.
//!
//! Stateless streamable HTTP: every request is authenticated, and any node can answer it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use otari_gateway::credentials::Credential;
use otari_gateway::{GatewayError, Inbound, Underway};
use otari_tools::mcp::McpResult;
use otari_translate::{Block, MediaKind, Part, Source};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorCode,
    Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
    Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;

use crate::data::inference::origin;
use crate::error::ApiError;
use crate::extract::AnyKey;
use crate::state::App;

const ENDPOINT: &str = "/mcp";
/// JSON-RPC's first code for errors of a server's own; the HTTP status it would have been is in `data`.
const REFUSED: ErrorCode = ErrorCode(-32000);

/// Serve MCP
///
/// Streamable HTTP, without sessions. `tools/list` has the gateway's own tools and those of the servers the key can
/// name, these as `SERVER__TOOL`; `tools/call` is billed under `otari:<tool>`.
#[utoipa::path(
    post, path = "/mcp", tag = "tools", operation_id = "serve_mcp",
    request_body(content = Object, description = "A JSON-RPC message of the Model Context Protocol"),
    responses(
        (status = 200, description = "The answer, as JSON"),
        (status = 202, description = "A notification was taken"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 405, description = "Only POST; there are no sessions"),
    )
)]
pub(crate) async fn serve_mcp(
    State(app): State<App>,
    _: AnyKey,
    request: Request,
) -> Result<Response, ApiError> {
    let mut config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        // Every request brings a key, which no page that rebinds a name to this host has.
        .disable_allowed_hosts();
    config.max_request_body_bytes = app.max_body_bytes();
    let server = Door { app };
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    Ok(service.handle(request).await.map(Body::new))
}

/// What answers one request.
#[derive(Clone, Debug)]
struct Door {
    app: App,
}

impl ServerHandler for Door {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("otari", self.app.version.clone()))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let parts = parts(&context)?;
        let credential = Credential::from_headers(&parts.headers).map_err(refused)?;
        let offered = self.app.gateway.offered_tools(&credential).await;
        let tools = offered.map_err(refused)?.into_iter().map(|tool| {
            Tool::new_with_raw(
                tool.name,
                tool.description.map(Into::into),
                Arc::new(tool.input_schema),
            )
        });
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let inbound = self.inbound(parts(&context)?);
        let arguments = request.arguments.unwrap_or_default();
        let gateway = &self.app.gateway;
        let called = gateway.call_offered(&inbound, &request.name, arguments);
        let result = tokio::select! {
            called = called => called.map_err(refused)?,
            // Who asked has gone: what was held for the call is released as it is dropped.
            () = context.ct.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
        };
        Ok(CallToolResponse::Complete(written(result)))
    }
}

impl Door {
    fn inbound(&self, parts: &Parts) -> Inbound {
        Inbound {
            origin: origin(&self.app, parts, ENDPOINT),
            headers: parts.headers.clone(),
            body: Bytes::new(),
            named: None,
            behalf: None,
            underway: Underway::default(),
        }
    }
}

fn parts(context: &RequestContext<RoleServer>) -> Result<&Parts, ErrorData> {
    let parts = context.extensions.get::<Parts>();
    parts.ok_or_else(|| ErrorData::internal_error("the request has no HTTP headers", None))
}

/// A refusal as MCP has it, with the status and code of the HTTP routes.
fn refused(error: GatewayError) -> ErrorData {
    if let GatewayError::NoSuchTool(_) = error {
        return ErrorData::invalid_params(error.to_string(), None);
    }
    let error = ApiError::from(error);
    let data = json!({"status": error.status.as_u16(), "code": error.code});
    let internal = error.status == StatusCode::INTERNAL_SERVER_ERROR;
    let code = if internal {
        ErrorCode::INTERNAL_ERROR
    } else {
        REFUSED
    };
    ErrorData::new(code, error.message, Some(data))
}

fn written(result: McpResult) -> CallToolResult {
    let content = result.content.into_iter().filter_map(block).collect();
    if result.is_error {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    }
}

fn block(part: Part) -> Option<ContentBlock> {
    match part.block {
        Block::Text(text) => Some(ContentBlock::text(text)),
        Block::Media(media) if media.kind == MediaKind::Image => match media.source {
            Source::Data(data) => {
                let mime = media.mime.unwrap_or_else(|| "image/png".to_owned());
                Some(ContentBlock::image(data, mime))
            }
            _ => None,
        },
        _ => None,
    }
}
