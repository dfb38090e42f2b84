//! One layer around the router: request id, security headers, metrics, log line, panics.
//!
//! One layer rather than six: each would box a future on the path of every call.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use otari_gateway::{EndpointLabels, Metrics, RequestLabels};
use otari_types::new_id;

use crate::error::ApiError;
use crate::state::App;

/// The id of a request: the client's, if it sent a sane one, else a fresh one.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const OTARI_REQUEST_ID: HeaderName = HeaderName::from_static("otari-request-id");
const REQUEST_ID_MAX: usize = 128;

pub(crate) async fn edge(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = request_id(request.headers());
    let method = static_method(request.method());
    let path = request.uri().path().to_owned();
    request
        .extensions_mut()
        .insert(RequestId(request_id.clone()));
    let endpoint = route_of(&request);
    let metrics = Arc::clone(&app.gateway.metrics);
    metrics.active_requests.inc();
    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = outcome.unwrap_or_else(|_| {
        tracing::error!(request_id, path, "a request handler panicked");
        ApiError::internal().into_response()
    });
    let status = response.status();
    if status.is_server_error() {
        tracing::warn!(
            request_id,
            method,
            path,
            status = status.as_u16(),
            "request failed"
        );
    } else {
        tracing::debug!(
            request_id,
            method,
            path,
            status = status.as_u16(),
            "request answered"
        );
    }
    put_headers(&path, &request_id, response.headers_mut());
    // Scraping does not count itself.
    let counted = (endpoint != "/metrics").then_some((method, endpoint, status.as_u16()));
    response.map(|body| {
        Body::new(Counted {
            body,
            ending: Some(Ending {
                metrics,
                started,
                counted,
            }),
        })
    })
}

fn request_id(headers: &HeaderMap) -> String {
    let sent = headers
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let sane = |id: &&str| {
        !id.is_empty()
            && id.len() <= REQUEST_ID_MAX
            && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    sent.filter(sane).map_or_else(new_id, str::to_owned)
}

/// The route's template, interned: the set of routes is closed.
fn route_of(request: &Request) -> &'static str {
    let matched = request
        .extensions()
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    matched.map_or("unmatched", crate::router::interned)
}

fn static_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

fn put_headers(path: &str, request_id: &str, headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        // The published SDK reads the second name.
        headers.insert(OTARI_REQUEST_ID, value.clone());
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    );
    if path.starts_with("/health") {
        return;
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-store, no-cache"));
    let vary = match headers
        .get(header::VARY)
        .and_then(|value| value.to_str().ok())
    {
        None => HeaderValue::from_static("Authorization"),
        Some(existing) => {
            let mut names: Vec<&str> = existing
                .split(',')
                .map(str::trim)
                .chain(["Authorization"])
                .collect();
            names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
            names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
            HeaderValue::from_str(&names.join(", "))
                .unwrap_or(HeaderValue::from_static("Authorization"))
        }
    };
    headers.insert(header::VARY, vary);
}

/// A body that counts its request once it is fully sent, or dropped.
struct Counted {
    body: Body,
    ending: Option<Ending>,
}

struct Ending {
    metrics: Arc<Metrics>,
    started: Instant,
    counted: Option<(&'static str, &'static str, u16)>,
}

impl Ending {
    fn count(self) {
        self.metrics.active_requests.dec();
        let Some((method, endpoint, status)) = self.counted else {
            return;
        };
        self.metrics
            .requests
            .get_or_create(&RequestLabels {
                method,
                endpoint,
                status,
            })
            .inc();
        self.metrics
            .request_duration
            .get_or_create(&EndpointLabels { method, endpoint })
            .observe(self.started.elapsed().as_secs_f64());
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(ending) = self.ending.take() {
            ending.count();
        }
    }
}
