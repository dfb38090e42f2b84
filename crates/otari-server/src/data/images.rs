//! `POST /v1/images/generations`, `POST /v1/images/edits`, `POST /v1/images/variations`

use axum::extract::{Request, State};
use axum::response::Response;

use crate::data::inference::{inbound, respond, with_form};
use crate::error::ApiError;
use crate::state::App;

/// Generate images
///
/// OpenAI's shape. Billed by the image: the model's input price is read as dollars for one.
#[utoipa::path(
    post, path = "/v1/images/generations", tag = "images", operation_id = "generate_images",
    request_body(content = Object, description = "An OpenAI images request"),
    responses(
        (status = 200, description = "Images as `url` or `b64_json`; events where `stream` is on"),
        (status = 400, description = "The provider has no image generation"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 402, description = "The model has no price of its own and `require_pricing` is on"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn generate_images(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    let inbound = inbound(&app, request, "/v1/images/generations").await?;
    let reply = app.gateway.generate_images(&inbound).await?;
    Ok(respond(reply, inbound.underway))
}

/// Edit images
///
/// OpenAI's form. Billed as generated images are.
#[utoipa::path(
    post, path = "/v1/images/edits", tag = "images", operation_id = "edit_images",
    request_body(content = Object, content_type = "multipart/form-data", description = "`model`, `prompt`, `image` or several `image[]`, `mask`, `n`"),
    responses(
        (status = 200, description = "Images as `url` or `b64_json`; events where `stream` is on"),
        (status = 400, description = "The provider has no image editing"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 402, description = "The model has no price of its own and `require_pricing` is on"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 408, description = "The body did not arrive in time"),
        (status = 413, description = "The body is too large"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn edit_images(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    with_form(
        &app,
        request,
        "/v1/images/edits",
        async |inbound, upload| app.gateway.edit_images(inbound, upload).await,
    )
    .await
}

/// Vary an image
///
/// OpenAI's form, for providers that have its endpoint. Billed as generated images are.
#[utoipa::path(
    post, path = "/v1/images/variations", tag = "images", operation_id = "vary_image",
    request_body(content = Object, content_type = "multipart/form-data", description = "`model`, `image`, `n`, `size`, `response_format`"),
    responses(
        (status = 200, description = "Images as `url` or `b64_json`"),
        (status = 400, description = "The provider has no image variations"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 402, description = "The model has no price of its own and `require_pricing` is on"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 408, description = "The body did not arrive in time"),
        (status = 413, description = "The body is too large"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn vary_image(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    with_form(
        &app,
        request,
        "/v1/images/variations",
        async |inbound, upload| app.gateway.vary_image(inbound, upload).await,
    )
    .await
}
