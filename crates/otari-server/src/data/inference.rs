//! From an HTTP request to the walk and back, for every inference route.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use http::request::Parts;
use http::{HeaderName, HeaderValue, header};
use http_body::{Frame, SizeHint};
use otari_gateway::{
    ByteStream, ClientBody, GatewayError, Inbound, Origin, RelayStream, Reply, ReplyBody, Surface,
    Underway, UploadForm,
};

use crate::error::{ApiError, put_platform_headers, put_rate_headers};
use crate::extract::{content_length, read_body};
use crate::middleware::edge::RequestId;
use crate::state::App;

const TRACEPARENT: &str = "traceparent";
/// Tells nginx and its kind not to collect a stream.
const NOT_BUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers a generation request in the surface's own shapes, errors included.
pub(super) async fn generate(
    app: &App,
    request: Request,
    surface: Surface,
    endpoint: &'static str,
) -> Result<Response, ApiError> {
    for_surface(surface, request, async |request| {
        let inbound = inbound(app, request, endpoint).await?;
        let answered = app.gateway.generate(surface, &inbound).await;
        answer(answered, inbound.underway)
    })
    .await
}

/// What became of a call, with what a platform knows it by.
pub(super) fn answer(
    answered: Result<Reply, GatewayError>,
    underway: Underway,
) -> Result<Response, ApiError> {
    match answered {
        Ok(reply) => Ok(respond(reply, underway)),
        Err(error) => Err(ApiError::from(error).with_platform_ids(underway.platform_ids())),
    }
}

/// Errors in the shape of the surface.
pub(super) async fn for_surface(
    surface: Surface,
    request: Request,
    answer: impl AsyncFnOnce(Request) -> Result<Response, ApiError>,
) -> Result<Response, ApiError> {
    // Only Messages says the id in the body.
    let request_id = match surface {
        Surface::Messages => request.extensions().get::<RequestId>().cloned(),
        _ => None,
    };
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
    let (parts, body) = request.into_parts();
    let origin = origin(app, &parts, endpoint);
    let declared = content_length(&parts.headers);
    let body = read_body(declared, body, app.max_body_bytes()).await?;
    Ok(Inbound {
        origin,
        headers: parts.headers,
        body,
        named: None,
        behalf: None,
        underway: Underway::default(),
    })
}

/// Answers a form, which is read while the call is made.
pub(super) async fn with_form(
    app: &App,
    request: Request,
    endpoint: &'static str,
    answer: impl AsyncFnOnce(&Inbound, &mut UploadForm<'_>) -> Result<Reply, GatewayError>,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let origin = origin(app, &parts, endpoint);
    let declared = content_length(&parts.headers);
    let max = app.max_body_bytes();
    if declared.is_some_and(|length| length > max) {
        return Err(ApiError::too_large(max));
    }
    let chunks = body.into_data_stream().map_err(Into::into);
    let mut body = ClientBody::new(chunks, declared, max);
    let answered = async {
        let mut upload = UploadForm::begin(&parts.headers, &mut body).await?;
        let inbound = Inbound {
            origin,
            headers: parts.headers,
            body: upload.head(),
            named: None,
            behalf: None,
            underway: Underway::default(),
        };
        let reply = answer(&inbound, &mut upload).await?;
        Ok::<_, GatewayError>(respond(reply, inbound.underway))
    };
    let answered = answered.await;
    // While the answer goes out.
    tokio::spawn(body.drain());
    Ok(answered?)
}

/// Where a request comes from, seen now.
pub(super) fn origin(app: &App, parts: &Parts, endpoint: &'static str) -> Origin {
    let request_id = parts.extensions.get::<RequestId>();
    Origin {
        endpoint,
        request_id: request_id
            .map(|id| Arc::from(id.0.as_str()))
            .unwrap_or_default(),
        started: Instant::now(),
        received_at: app.gateway.clock.now(),
        traceparent: parts.headers.get(TRACEPARENT).cloned(),
    }
}

/// The answer; the call is under way until its body was sent or dropped.
pub(super) fn respond(reply: Reply, underway: Underway) -> Response {
    let mut response = match reply.body {
        ReplyBody::Json(body) => {
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        ReplyBody::Typed(content_type, body) => {
            ([(header::CONTENT_TYPE, content_type)], body).into_response()
        }
        ReplyBody::Bytes(stream) => {
            let content_type = stream.content_type.clone();
            let body = Body::from_stream(bytes(stream));
            let unbuffered = HeaderValue::from_static("no");
            let headers = [
                (header::CONTENT_TYPE, content_type),
                (NOT_BUFFERED, unbuffered),
            ];
            (headers, body).into_response()
        }
        ReplyBody::Stream(stream) => {
            let mut response = Body::from_stream(events(stream)).into_response();
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream; charset=utf-8"),
            );
            headers.insert(NOT_BUFFERED, HeaderValue::from_static("no"));
            response
        }
    };
    let container = reply.container.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(container)) = container {
        response
            .headers_mut()
            .insert("x-otari-container", container);
    }
    let guardrails = reply.guardrails.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(guardrails)) = guardrails {
        response
            .headers_mut()
            .insert("x-otari-guardrails", guardrails);
    }
    if let Some(window) = &reply.rate {
        put_rate_headers(response.headers_mut(), window);
    }
    put_platform_headers(response.headers_mut(), &underway.platform_ids());
    response.map(|body| {
        Body::new(Held {
            body,
            _underway: underway,
        })
    })
}

fn events(
    relay: Box<RelayStream>,
) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Send {
    stream::unfold(relay, |mut relay| async move {
        let bytes = relay.next().await?;
        Some((Ok(bytes), relay))
    })
}

/// An error here closes the connection, which tells the client that the answer is not whole.
fn bytes(
    stream: Box<ByteStream>,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send {
    stream::unfold(stream, |mut stream| async move {
        let next = stream.next().await?;
        let next = next.map_err(|_| std::io::Error::other("the provider's answer broke off"));
        Some((next, stream))
    })
}

/// An answer's body, and the call that lasts as long.
struct Held {
    body: Body,
    _underway: Underway,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
