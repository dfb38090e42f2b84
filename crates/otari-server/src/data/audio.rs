//! `POST /v1/audio/speech`, `/v1/audio/transcriptions`, `/v1/audio/translations`

use axum::extract::{Request, State};
use axum::response::Response;
use otari_providers::Operation;

use crate::data::inference::{inbound, respond, with_form};
use crate::error::ApiError;
use crate::state::App;

/// Turn text into speech
///
/// OpenAI's shape; the sound is passed on as the provider makes it.
/// Billed by the request, at a millionth of the model's input price; a model without a price is served for nothing.
#[utoipa::path(
    post, path = "/v1/audio/speech", tag = "audio", operation_id = "create_speech",
    request_body(content = Object, description = "`model`, `input`, `voice`, `response_format`, `speed`, `instructions`"),
    responses(
        (status = 200, description = "Sound, of the type that `response_format` asks for"),
        (status = 400, description = "The provider has no speech"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn create_speech(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    let inbound = inbound(&app, request, "/v1/audio/speech").await?;
    let reply = app.gateway.speak(&inbound).await?;
    Ok(respond(reply, inbound.underway))
}

/// Turn speech into text
///
/// OpenAI's form, passed on with the model's own name in it.
/// Billed by the request, at a millionth of the model's input price; a model without a price is served for nothing.
#[utoipa::path(
    post, path = "/v1/audio/transcriptions", tag = "audio", operation_id = "create_transcription",
    request_body(content = Object, content_type = "multipart/form-data", description = "`file` (25 MiB at most), `model`, `language`, `prompt`, `response_format`, `temperature`, `stream`"),
    responses(
        (status = 200, description = "The text, as JSON or as `response_format` asks; events where `stream` is on"),
        (status = 400, description = "The provider has no transcription"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 408, description = "The body did not arrive in time"),
        (status = 413, description = "The file is larger than 25 MiB"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn create_transcription(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    with_form(
        &app,
        request,
        "/v1/audio/transcriptions",
        async |inbound, upload| {
            let gateway = &app.gateway;
            gateway
                .transcribe(inbound, upload, Operation::Transcriptions)
                .await
        },
    )
    .await
}

/// Turn speech into English text
///
/// OpenAI's form, passed on with the model's own name in it.
/// Billed by the request, at a millionth of the model's input price; a model without a price is served for nothing.
#[utoipa::path(
    post, path = "/v1/audio/translations", tag = "audio", operation_id = "create_translation",
    request_body(content = Object, content_type = "multipart/form-data", description = "`file` (25 MiB at most), `model`, `prompt`, `response_format`, `temperature`"),
    responses(
        (status = 200, description = "The text, as JSON or as `response_format` asks"),
        (status = 400, description = "The provider has no audio translation"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 408, description = "The body did not arrive in time"),
        (status = 413, description = "The file is larger than 25 MiB"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
    )
)]
pub(crate) async fn create_translation(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    with_form(
        &app,
        request,
        "/v1/audio/translations",
        async |inbound, upload| {
            let gateway = &app.gateway;
            gateway
                .transcribe(inbound, upload, Operation::Translations)
                .await
        },
    )
    .await
}
