//! `POST /v1/chat/completions`

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use otari_gateway::{Inbound, RelayStream, Reply, ReplyBody};

use crate::error::{ApiError, put_rate_headers};
use crate::extract::{content_length, read_body};
use crate::middleware::edge::RequestId;
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
    let inbound = inbound(&app, request, "/v1/chat/completions").await?;
    let reply = app.gateway.chat(&inbound).await?;
    Ok(respond(reply))
}

/// A request as the walk takes it.
async fn inbound(app: &App, request: Request, endpoint: &'static str) -> Result<Inbound, ApiError> {
    let started = Instant::now();
    let received_at = app.gateway.clock.now();
    let (mut parts, body) = request.into_parts();
    let request_id = parts
        .extensions
        .remove::<RequestId>()
        .map(|id| id.0)
        .unwrap_or_default();
    let declared = content_length(&parts.headers);
    let body = read_body(declared, body, app.max_body_bytes()).await?;
    Ok(Inbound {
        endpoint,
        headers: parts.headers,
        body,
        request_id,
        started,
        received_at,
    })
}

fn respond(reply: Reply) -> Response {
    let mut response = match reply.body {
        ReplyBody::Json(body) => {
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        ReplyBody::Stream(stream) => {
            let mut response = Body::from_stream(events(stream)).into_response();
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream; charset=utf-8"),
            );
            // Tells nginx and its kind not to collect the stream.
            headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
            response
        }
    };
    if let Some(window) = &reply.rate {
        put_rate_headers(response.headers_mut(), window);
    }
    response
}

fn events(
    relay: Box<RelayStream>,
) -> impl futures_util::Stream<Item = Result<Bytes, std::convert::Infallible>> + Send {
    stream::unfold(relay, |mut relay| async move {
        relay.next().await.map(|bytes| (Ok(bytes), relay))
    })
}
