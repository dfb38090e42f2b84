//! `POST /v1/chat/completions`

use axum::extract::{Request, State};
use axum::response::Response;
use otari_gateway::Surface;

use crate::data::inference::generate;
use crate::error::ApiError;
use crate::state::App;

/// Create a chat completion
///
/// Takes every member OpenAI's Chat Completions takes; members the gateway does not own are forwarded as they
/// are. `model` is `provider:model`, a configured alias, or a routing policy.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "chat", operation_id = "chat_completions",
    request_body(content = Object, description = "An OpenAI Chat Completions request"),
    responses(
        (status = 200, description = "A chat completion, or server-sent events when `stream` is true"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 402, description = "The model has no price and `require_pricing` is on"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
        (status = 504, description = "The provider did not answer in time"),
    )
)]
pub(crate) async fn create_chat_completion(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    generate(&app, request, Surface::Chat, "/v1/chat/completions").await
}
