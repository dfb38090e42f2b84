//! `POST /v1/responses`

use axum::extract::{Request, State};
use axum::response::Response;
use otari_gateway::Surface;

use crate::data::inference::generate;
use crate::error::ApiError;
use crate::state::App;

/// Create a response
///
/// OpenAI's Responses API on every chat provider. Where the provider has it natively the request passes as it is;
/// otherwise it is translated, and what the provider cannot hold is refused by name.
#[utoipa::path(
    post, path = "/v1/responses", tag = "responses", operation_id = "create_response",
    request_body(content = Object, description = "An OpenAI Responses request"),
    responses(
        (status = 200, description = "A response, or server-sent events when `stream` is true"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 402, description = "The model has no price and `require_pricing` is on"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
        (status = 504, description = "The provider did not answer in time"),
    )
)]
pub(crate) async fn create_response(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    generate(&app, request, Surface::Responses, "/v1/responses").await
}
