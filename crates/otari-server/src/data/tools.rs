//! `GET /v1/tools`

use axum::Json;
use axum::extract::State;
use otari_tools::definitions::GatewayTool;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::extract::AnyKey;
use crate::state::App;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToolList {
    #[schema(example = "list")]
    object: &'static str,
    data: Vec<ManagedTool>,
}

/// A tool the gateway runs itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManagedTool {
    /// The `type` of its entry in `tools`.
    #[schema(example = "otari_web_search")]
    id: &'static str,
    #[schema(example = "tool")]
    object: &'static str,
    /// As the model reads it.
    description: &'static str,
    /// Whether it is set up here. A request that declares a tool which is not is refused with 400.
    available: bool,
    /// Whether this key may use it.
    permitted: bool,
    /// Every `type` that is run here rather than by the provider.
    accepted_types: Vec<&'static str>,
    /// JSON Schema of the arguments the model writes.
    #[schema(value_type = Object)]
    input_schema: Value,
    /// An entry for `tools`, ready to use.
    #[schema(value_type = Object)]
    example: Value,
    /// A body for `POST /v1/chat/completions`; put a model of `GET /v1/models` in.
    #[schema(value_type = Object)]
    example_request: Value,
}

/// List the gateway's own tools
///
/// Those that are not set up are listed too, as not available.
#[utoipa::path(
    get, path = "/v1/tools", tag = "tools", operation_id = "list_tools",
    responses((status = 200, body = ToolList), (status = 401, description = "Missing or invalid API key"))
)]
pub(crate) async fn list_tools(State(app): State<App>, key: AnyKey) -> Json<ToolList> {
    let set = app.gateway.tools.in_force();
    let intercept = set.intercepts_web_search();
    let order = [
        GatewayTool::WebSearch,
        GatewayTool::CodeExecution,
        GatewayTool::WebFetch,
    ];
    let data = order.into_iter().map(|tool| ManagedTool {
        id: tool.kind(),
        object: "tool",
        description: tool.description(),
        available: set.is_available(tool),
        permitted: key.may_use(tool),
        accepted_types: tool.accepted_types(intercept),
        input_schema: tool.input_schema(),
        example: tool.example(),
        example_request: json!({
            "model": "provider:model",
            "messages": [{"role": "user", "content": ask(tool)}],
            "tools": [tool.example()],
        }),
    });
    Json(ToolList {
        object: "list",
        data: data.collect(),
    })
}

fn ask(tool: GatewayTool) -> &'static str {
    match tool {
        GatewayTool::WebSearch => "What happened in space flight this week? Name your sources.",
        GatewayTool::CodeExecution => "What is the 1000th prime number?",
        GatewayTool::WebFetch => "Summarise https://example.com in one sentence.",
    }
}
