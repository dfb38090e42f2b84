//! From an HTTP request to the walk and back, for every inference route.

use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use otari_gateway::{Inbound, RelayStream, Reply, ReplyBody, Surface};

use crate::error::{ApiError, put_rate_headers};
use crate::extract::{content_length, read_body};
use crate::middleware::edge::RequestId;
use crate::state::App;

/// Answers a generation request in the surface's own shapes, errors included.
pub(super) async fn generate(
    app: &App,
    request: Request,
    surface: Surface,
    endpoint: &'static str,
) -> Result<Response, ApiError> {
    for_surface(surface, request, async |request| {
        let inbound = inbound(app, request, endpoint).await?;
        Ok(respond(app.gateway.generate(surface, &inbound).await?))
    })
    .await
}

/// Errors in the shape of the surface.
pub(super) async fn for_surface(
    surface: Surface,
    request: Request,
    answer: impl AsyncFnOnce(Request) -> Result<Response, ApiError>,
) -> Result<Response, ApiError> {
    let request_id = request.extensions().get::<RequestId>().cloned();
    answer(request).await.map_err(|error| match surface {
        Surface::Messages => error.for_messages(request_id),
        Surface::Gemini => error.for_gemini(),
        Surface::Chat | Surface::Responses | Surface::Completions => error,
    })
}

/// A request as the walk takes it.
pub(super) async fn inbound(
    app: &App,
    request: Request,
    endpoint: &'static str,
) -> Result<Inbound, ApiError> {
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
        named: None,
        started,
        received_at,
    })
}

pub(super) fn respond(reply: Reply) -> Response {
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
    let guardrails = reply.guardrails.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(guardrails)) = guardrails {
        response
            .headers_mut()
            .insert("x-otari-guardrails", guardrails);
    }
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
