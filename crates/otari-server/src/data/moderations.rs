//! `POST /v1/moderations`

use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;

use crate::data::inference::{inbound, respond};
use crate::error::ApiError;
use crate::extract::QueryArgs;
use crate::state::App;

/// Classify text and images
///
/// OpenAI's shape on every provider that has moderations. Billed by the request, at a millionth of the model's input
/// price; a model without a price is served for nothing.
#[utoipa::path(
    post, path = "/v1/moderations", tag = "moderations", operation_id = "create_moderation",
    params(("include_raw" = Option<bool>, Query, description = "Each result also as the provider wrote it, in `provider_raw`")),
    request_body(content = Object, description = "`model`, and `input`: a text, a list of texts, or a list of content objects"),
    responses(
        (status = 200, description = "One result an input: `flagged`, `categories`, `category_scores`"),
        (status = 400, description = "The provider has no moderations"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn create_moderation(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let query = QueryArgs::from_request_parts(&mut parts, &app).await?;
    let include_raw = query.bool("include_raw")?.unwrap_or(false);
    let request = Request::from_parts(parts, body);
    let inbound = inbound(&app, request, "/v1/moderations").await?;
    let reply = app.gateway.moderate(&inbound, include_raw).await?;
    Ok(respond(reply, inbound.underway))
}
