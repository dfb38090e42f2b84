//! `POST /v1/completions`

use axum::extract::{Request, State};
use axum::response::Response;
use otari_gateway::Surface;

use crate::data::inference::generate;
use crate::error::ApiError;
use crate::state::App;

/// Create a completion
///
/// The format before Chat, on every chat provider: the prompt is what a user says. One prompt a request.
#[utoipa::path(
    post, path = "/v1/completions", tag = "chat", operation_id = "create_completion",
    request_body(content = Object, description = "An OpenAI legacy Completions request"),
    responses(
        (status = 200, description = "A completion, or server-sent events when `stream` is true"),
        (status = 400, description = "A member that chat models have no place for"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn create_completion(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    generate(&app, request, Surface::Completions, "/v1/completions").await
}
