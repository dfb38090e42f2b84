//! The HTTP client for URLs that a request can influence.
//!
//! Each hop of a redirect is checked again; addresses are checked where the connection is opened, so a name that
//! changes its mind between two look-ups gains nothing. Every wait and every body is bounded.

mod body;
mod resolver;
mod tls;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, LOCATION};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::url_guard::{Refusal, UrlGuard};

pub use body::GuardedBody;
use resolver::GuardedResolver;

/// Below the idle timeouts of the usual servers, so that a pooled connection is rarely dead.
const POOL_IDLE: Duration = Duration::from_secs(30);
const POOL_IDLE_PER_HOST: usize = 4;

type Pool = Client<HttpsConnector<HttpConnector<GuardedResolver>>, Full<Bytes>>;

/// Bounds of one request, redirects included.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Until the last redirect has answered with its headers.
    pub first_byte: Duration,
    /// Between two chunks of a body.
    pub idle: Duration,
    /// From sending to the last byte.
    pub total: Duration,
    pub body_bytes: usize,
    pub redirects: u8,
}

/// What to send.
#[derive(Clone, Debug)]
pub struct Sending {
    pub method: Method,
    /// The URL as it was given; it is checked here.
    pub url: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub limits: HttpLimits,
}

/// An answer of any status, body still arriving.
#[derive(Debug)]
pub struct Received {
    /// Where it came from, after redirects.
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: GuardedBody,
}

/// Why there is no answer, or no whole one. The texts may be shown to a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{host} did not answer in time")]
    Timeout { host: String },
    /// The cause is for logs only: it can name an address.
    #[error("{host} cannot be reached")]
    Unreachable { host: String, cause: String },
    #[error("more than {0} redirects")]
    TooManyRedirects(u8),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the answer was cut short")]
    CutShort,
}

/// A pooled client bound to a [`UrlGuard`]. Cheap to clone; connections are shared only under the same guard.
#[derive(Clone)]
pub struct GuardedClient {
    guard: UrlGuard,
    pool: Pool,
}

impl GuardedClient {
    /// `connect_timeout` bounds looking up and connecting together with the request's own limits.
    pub fn new(guard: UrlGuard, connect_timeout: Duration) -> Self {
        Self::pooled(guard, connect_timeout, POOL_IDLE_PER_HOST)
    }

    /// The same, keeping up to `idle` connections to a host that is asked all the time.
    pub fn pooled(guard: UrlGuard, connect_timeout: Duration, idle: usize) -> Self {
        let resolver = GuardedResolver::new(guard.clone());
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.set_nodelay(true);
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(connect_timeout));
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(idle)
            .build(tls::connector(connector));
        Self { guard, pool }
    }

    pub fn guard(&self) -> &UrlGuard {
        &self.guard
    }

    /// A GET, redirects followed.
    pub async fn get(
        &self,
        url: &str,
        headers: HeaderMap,
        limits: HttpLimits,
    ) -> Result<Received, HttpError> {
        self.send(Sending {
            method: Method::GET,
            url: url.to_owned(),
            headers,
            body: Bytes::new(),
            limits,
        })
        .await
    }

    /// A POST of JSON.
    pub async fn post_json(
        &self,
        url: &str,
        mut headers: HeaderMap,
        body: impl Into<Bytes>,
        limits: HttpLimits,
    ) -> Result<Received, HttpError> {
        let json = http::HeaderValue::from_static("application/json");
        headers.entry(CONTENT_TYPE).or_insert(json);
        self.send(Sending {
            method: Method::POST,
            url: url.to_owned(),
            headers,
            body: body.into(),
            limits,
        })
        .await
    }

    /// Sends, follows redirects, and waits for the headers. A redirect that would change the method of anything but a
    /// GET or HEAD is handed back as it came.
    pub async fn send(&self, sending: Sending) -> Result<Received, HttpError> {
        let Sending {
            method,
            url,
            mut headers,
            body,
            limits,
        } = sending;
        let now = Instant::now();
        let deadline = now + limits.total;
        let headers_by = (now + limits.first_byte).min(deadline);
        let mut url = self.guard.check(&url)?;
        for _ in 0..=limits.redirects {
            let request = request(&method, &url, &headers, &body)?;
            let answer = timeout_at(headers_by, self.pool.request(request)).await;
            let answer = answer.map_err(|_| HttpError::Timeout { host: host(&url) })?;
            let (parts, incoming) = answer.map_err(|error| failure(&error, &url))?.into_parts();
            let Some(next) = redirection(&method, parts.status, &parts.headers, &url) else {
                return Ok(Received {
                    body: GuardedBody::new(incoming, host(&url), limits, deadline),
                    url,
                    status: parts.status,
                    headers: parts.headers,
                });
            };
            let next = self.guard.check(&next?)?;
            if next.origin() != url.origin() {
                drop_credentials(&mut headers);
                if method != Method::GET && method != Method::HEAD {
                    // A body meant for one server is not carried to another.
                    return Err(Refusal::new(&host(&next), crate::Reason::Redirect).into());
                }
            }
            url = next;
        }
        Err(HttpError::TooManyRedirects(limits.redirects))
    }
}

impl fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedClient")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

fn request(
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Request<Full<Bytes>>, HttpError> {
    let malformed = || Refusal::new(&host(url), crate::Reason::Malformed);
    let uri: Uri = url.as_str().parse().map_err(|_| malformed())?;
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers.clone();
    // The length is that of the body, whatever the caller says.
    request.headers_mut().remove(CONTENT_LENGTH);
    Ok(request)
}

/// Where an answer sends us, if it does.
fn redirection(
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
    from: &Url,
) -> Option<Result<String, Refusal>> {
    let safe = method == Method::GET || method == Method::HEAD;
    let follows = match status.as_u16() {
        301..=303 => safe,
        307 | 308 => true,
        _ => false,
    };
    let location = headers.get(LOCATION).filter(|_| follows)?;
    let malformed = || Refusal::new(&host(from), crate::Reason::Malformed);
    let location = std::str::from_utf8(location.as_bytes()).map(str::trim);
    let next = location.map_err(|_| malformed()).and_then(|location| {
        // An absolute URL is handed on as written, so that the guard sees how its host was written.
        if location.starts_with("//") {
            Ok(format!("{}:{location}", from.scheme()))
        } else if Url::parse(location).is_ok() {
            Ok(location.to_owned())
        } else {
            from.join(location)
                .map(String::from)
                .map_err(|_| malformed())
        }
    });
    Some(next)
}

/// Headers that are meant for one origin alone.
fn drop_credentials(headers: &mut HeaderMap) {
    let named: [HeaderName; 2] = [AUTHORIZATION, COOKIE];
    for name in named {
        headers.remove(name);
    }
    let custom: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name.starts_with("x-")
                || ["key", "token", "session"]
                    .iter()
                    .any(|word| name.contains(word))
        })
        .cloned()
        .collect();
    for name in custom {
        headers.remove(name);
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or("the host").to_owned()
}

/// What went wrong, dug out of the layers below: a refusal of ours comes back as it was raised.
fn failure(error: &hyper_util::client::legacy::Error, url: &Url) -> HttpError {
    let mut cause = String::new();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return HttpError::Refused(refusal.clone());
        }
        if !cause.is_empty() {
            cause.push_str(": ");
        }
        cause.push_str(&error.to_string());
        source = error.source();
    }
    let host = host(url);
    if cause.contains("timed out") {
        HttpError::Timeout { host }
    } else {
        HttpError::Unreachable { host, cause }
    }
}
