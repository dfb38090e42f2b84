//! `POST /v1/messages`, `POST /v1/messages/count_tokens`

use axum::extract::{Request, State};
use axum::response::Response;
use otari_gateway::Surface;

use crate::data::inference::{for_surface, generate, inbound, respond};
use crate::error::ApiError;
use crate::state::App;

/// Create a message
///
/// Anthropic's Messages API on every chat provider. Where the provider has it natively the request passes as it is;
/// otherwise it is translated, and what the provider cannot hold is refused by name. Errors have Anthropic's shape.
#[utoipa::path(
    post, path = "/v1/messages", tag = "messages", operation_id = "create_message",
    request_body(content = Object, description = "An Anthropic Messages request"),
    responses(
        (status = 200, description = "A message, or server-sent events when `stream` is true"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 402, description = "The model has no price and `require_pricing` is on"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
        (status = 504, description = "The provider did not answer in time"),
    )
)]
pub(crate) async fn create_message(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    generate(&app, request, Surface::Messages, "/v1/messages").await
}

/// Count tokens
///
/// The tokens of a prompt: the provider's own count where it has one, else by a local tokenizer. Costs nothing.
#[utoipa::path(
    post, path = "/v1/messages/count_tokens", tag = "messages", operation_id = "count_message_tokens",
    request_body(content = Object, description = "An Anthropic Messages request; `max_tokens` is not needed"),
    responses(
        (status = 200, description = "`{\"input_tokens\": n}`"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 422, description = "Invalid body"),
    )
)]
pub(crate) async fn count_message_tokens(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    for_surface(Surface::Messages, request, async |request| {
        let inbound = inbound(&app, request, "/v1/messages/count_tokens").await?;
        let reply = app.gateway.count_tokens(&inbound).await?;
        Ok(respond(reply, inbound.underway))
    })
    .await
}
