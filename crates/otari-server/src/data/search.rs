//! `POST /v1/search`, `POST /v1/search/{search_tool_name}`

use axum::extract::{Path, Request, State};
use axum::response::Response;
use otari_gateway::GatewayError;

use crate::data::inference::{inbound, respond};
use crate::error::ApiError;
use crate::state::App;

/// Search the web
///
/// With the search tool that `search_tool_name` names, or the only one there is. Billed under `provider:tool`, or what
/// the service says it charged.
#[utoipa::path(
    post, path = "/v1/search", tag = "search", operation_id = "create_search",
    request_body(content = Object, description = "`query`, `search_tool_name`, `max_results` (1 to 20), `search_domain_filter` (`-` excludes), `country`, `max_tokens_per_page`, `user`"),
    responses(
        (status = 200, description = "`results` with `title`, `url`, `snippet` and `date`"),
        (status = 400, description = "No such search tool, or one that cannot work"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 403, description = "Not permitted, switched off, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the service"),
        (status = 502, description = "The service failed"),
    )
)]
pub(crate) async fn create_search(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    answer(&app, request, "/v1/search", None).await
}

/// Search the web with a named tool
#[utoipa::path(
    post, path = "/v1/search/{search_tool_name}", tag = "search", operation_id = "create_search_for_tool",
    params(("search_tool_name" = String, Path, description = "Goes before one in the body")),
    request_body(content = Object, description = "As for `/v1/search`"),
    responses((status = 200, description = "`results` with `title`, `url`, `snippet` and `date`"), (status = 400, description = "No such search tool, or one that cannot work"))
)]
pub(crate) async fn create_search_for_tool(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    answer(&app, request, "/v1/search/{search_tool_name}", Some(&name)).await
}

async fn answer(
    app: &App,
    request: Request,
    endpoint: &'static str,
    named: Option<&str>,
) -> Result<Response, ApiError> {
    let inbound = inbound(app, request, endpoint).await?;
    let reply = app.gateway.search(&inbound, named).await.map_err(told)?;
    Ok(respond(reply, inbound.underway))
}

/// The failure of a search is not a model's.
pub(super) fn told(error: GatewayError) -> ApiError {
    let of_service = matches!(error, GatewayError::Upstream(_));
    let mut error = ApiError::from(error);
    if of_service {
        error.message = error.message.replace("LLM provider", "Search provider");
    }
    error
}
