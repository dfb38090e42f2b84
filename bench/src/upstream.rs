//! A model provider that answers at once: OpenAI chat completions over HTTP/1.1, as cheap as it can be.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::shape::Shape;
use stream::Chunks;

mod stream;

const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// About 0.7 KB, as an ordinary short answer.
const ANSWER: &str = r#"{"id":"chatcmpl-9f2c41d07b6e4a5c8d13","object":"chat.completion","created":1760000000,"model":"mock","system_fingerprint":"fp_5d1e0c77ab","choices":[{"index":0,"message":{"role":"assistant","content":"The lighthouse keeper wound the clock each evening before the lamp was lit, because the fishermen set their watches by the first turn of the beam. When the storm stopped the clock, he counted the seconds aloud until morning, and not one boat in the harbour noticed the difference.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":87,"completion_tokens":58,"total_tokens":145,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#;
const MODELS: &str = r#"{"object":"list","data":[{"id":"mock","object":"model","created":1760000000,"owned_by":"bench"}]}"#;

type Body = Either<Full<Bytes>, Chunks>;

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    model: std::borrow::Cow<'a, str>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: StreamOptions,
}

#[derive(Deserialize, Default)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// Serves until the listener fails.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new());
        // A peer that goes away ends its own connection and nothing else.
        tokio::spawn(server.serve_connection(TokioIo::new(socket), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    Ok(match *request.method() {
        Method::POST if path.ends_with("/chat/completions") => chat(request).await,
        Method::GET if path.ends_with("/models") => json(StatusCode::OK, MODELS),
        Method::GET if path == "/health" => json(StatusCode::OK, r#"{"status":"healthy"}"#),
        _ => refusal(StatusCode::NOT_FOUND, "no such route"),
    })
}

async fn chat(request: Request<Incoming>) -> Response<Body> {
    let Ok(body) = Limited::new(request.into_body(), MAX_BODY_BYTES)
        .collect()
        .await
    else {
        return refusal(StatusCode::BAD_REQUEST, "the body did not arrive whole");
    };
    let body = body.to_bytes();
    let asked: Asked<'_> = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if !asked.stream {
        return json(StatusCode::OK, ANSWER);
    }
    let chunks = Chunks::new(
        Shape::of_model(&asked.model),
        asked.stream_options.include_usage,
    );
    let mut response = Response::new(Either::Right(chunks));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    response
}

fn json(status: StatusCode, text: &'static str) -> Response<Body> {
    whole(status, Bytes::from_static(text.as_bytes()))
}

fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    let error = serde_json::json!({"error": {"message": message, "type": "invalid_request_error"}});
    whole(status, Bytes::from(error.to_string()))
}

fn whole(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
