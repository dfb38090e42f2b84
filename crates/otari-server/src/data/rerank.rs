//! `POST /v1/rerank`

use axum::extract::{Request, State};
use axum::response::Response;

use crate::data::inference::{inbound, respond};
use crate::error::ApiError;
use crate::state::App;

/// Order documents by relevance
///
/// One shape on every provider that has rerank. Billed by input tokens, which not every provider reports.
#[utoipa::path(
    post, path = "/v1/rerank", tag = "rerank", operation_id = "create_rerank",
    request_body(content = Object, description = "`model`, `query`, `documents` (texts), `top_n`, `max_tokens_per_doc`, `return_documents`"),
    responses(
        (status = 200, description = "`results` with `index` and `relevance_score`, best first"),
        (status = 400, description = "The provider has no rerank, or no place for a member"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 402, description = "The model has no price and `require_pricing` is on"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn create_rerank(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    let inbound = inbound(&app, request, "/v1/rerank").await?;
    let reply = app.gateway.rerank(&inbound).await?;
    Ok(respond(reply, inbound.underway))
}
