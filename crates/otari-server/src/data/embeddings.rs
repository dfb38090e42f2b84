//! `POST /v1/embeddings`

use axum::extract::{Request, State};
use axum::response::Response;

use crate::data::inference::{inbound, respond};
use crate::error::ApiError;
use crate::state::App;

/// Create embeddings
///
/// OpenAI's shape on every provider that has embeddings. `input` is a text, a list of texts, or lists of token ids
/// where the provider takes them; `dimensions` and `encoding_format` where it can hold them.
#[utoipa::path(
    post, path = "/v1/embeddings", tag = "embeddings", operation_id = "create_embedding",
    request_body(content = Object, description = "An OpenAI embeddings request"),
    responses(
        (status = 200, description = "A list of embeddings"),
        (status = 400, description = "The provider has no embeddings, or no place for a member"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 402, description = "The model has no price and `require_pricing` is on"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn create_embedding(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    let inbound = inbound(&app, request, "/v1/embeddings").await?;
    let reply = app.gateway.embed(&inbound).await?;
    Ok(respond(reply, inbound.underway))
}
