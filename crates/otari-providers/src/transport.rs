//! The one file that sends HTTP to a model provider: pooled connections, no hidden retries, every wait bounded.

mod echo;
mod tls;
mod upload;

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use crate::credential::{Http, Used};
use crate::error::{ERROR_BODY_BYTES_MAX, UpstreamError, UpstreamErrorKind, retry_after};
use crate::instance::{Instance, Timeouts};
use crate::key_ring::Key;
use crate::provider::Dialect;

use echo::EchoBody;
use upload::UploadPool;
pub use upload::{BrokenOff, Feed, LiveBody, Turns, live_body};

/// Below the idle timeouts of the usual providers and load balancers, so that a pooled connection is rarely dead.
const POOL_IDLE: Duration = Duration::from_secs(55);

pub(crate) type Pool = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The pooled client. Built on first use: certificates are read only by who needs them.
#[derive(Default)]
pub struct Transport {
    connect_timeout: Duration,
    pool: OnceLock<Pool>,
    uploads: OnceLock<UploadPool>,
}

/// What to send.
#[derive(Clone, Debug)]
pub struct Outbound {
    pub method: Method,
    pub uri: Uri,
    /// Added to the instance's own; they win over it.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A successful (2xx) answer, body still arriving.
#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: UpstreamBody,
}

/// A body read chunk by chunk, each wait bounded by the instance's timeouts.
#[derive(Debug)]
pub struct UpstreamBody {
    source: Source,
    idle: Duration,
    /// When the last chunk came: a read that is cancelled and repeated does not restart the idle limit.
    last_chunk: Instant,
    deadline: Instant,
}

#[derive(Debug)]
enum Source {
    Http(Incoming),
    Echo(EchoBody),
}

impl Transport {
    pub fn new(connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            pool: OnceLock::new(),
            uploads: OnceLock::new(),
        }
    }

    /// Sends one request and waits for its headers. Every status outside 2xx is an error, its body read and
    /// classified. Where the instance has several keys, one that is refused makes room for the next.
    pub async fn send(
        &self,
        instance: &Instance,
        outbound: Outbound,
    ) -> Result<Answered, UpstreamError> {
        let keys = instance.keys();
        let mut ring = keys.in_turn();
        // The ring is never empty: the first key is the only one of most instances.
        let mut key = ring.next().unwrap_or(keys.first());
        for next in ring {
            match self.send_with(instance, key, outbound.clone()).await {
                Err(error) if keys.refused(key, &error) => key = next,
                done => return done,
            }
        }
        let sent = self.send_with(instance, key, outbound).await;
        if let Err(error) = &sent {
            keys.refused(key, error);
        }
        sent
    }

    /// The same with the first key only: for what is kept at the provider, under the account that made it.
    pub async fn send_as_first(
        &self,
        instance: &Instance,
        outbound: Outbound,
    ) -> Result<Answered, UpstreamError> {
        self.send_with(instance, instance.keys().first(), outbound)
            .await
    }

    async fn send_with(
        &self,
        instance: &Instance,
        key: &Key,
        outbound: Outbound,
    ) -> Result<Answered, UpstreamError> {
        let Timeouts {
            first_byte,
            idle,
            total,
            ..
        } = instance.timeouts;
        let now = Instant::now();
        let deadline = now + total;
        let headers_by = (now + first_byte).min(deadline);
        let (status, headers, source) = if instance.provider.dialect == Dialect::Echo {
            let answer = timeout_at(headers_by, echo::answer(outbound))
                .await
                .map_err(|_| timed_out())?;
            let (status, headers, body) = answer?;
            (status, headers, Source::Echo(body))
        } else {
            let response = timeout_at(headers_by, self.exchange(key, outbound))
                .await
                .map_err(|_| timed_out())??;
            let (parts, body) = response.into_parts();
            (parts.status, parts.headers, Source::Http(body))
        };
        let mut body = UpstreamBody {
            source,
            idle,
            last_chunk: Instant::now(),
            deadline,
        };
        if status.is_success() {
            return Ok(Answered {
                status,
                headers,
                body,
            });
        }
        let text = body.collect_up_to(ERROR_BODY_BYTES_MAX).await;
        Err(UpstreamError::from_answer(
            status.as_u16(),
            retry_after(&headers),
            &text,
        ))
    }

    /// One request; a second one only where the first was refused for a credential that can be renewed.
    async fn exchange(
        &self,
        key: &Key,
        outbound: Outbound,
    ) -> Result<Response<Incoming>, UpstreamError> {
        if key.credential.is_fixed() {
            return self.ask(request(key, outbound)).await;
        }
        let (response, used) = self.ask_as(key, &outbound).await?;
        let credential = &key.credential;
        if !credential.can_mend(&used, response.status(), response.headers()) {
            return Ok(response);
        }
        Ok(self.ask_as(key, &outbound).await?.0)
    }

    async fn ask_as(
        &self,
        key: &Key,
        outbound: &Outbound,
    ) -> Result<(Response<Incoming>, Used), UpstreamError> {
        let mut request = request(key, outbound.clone());
        let http = Http(self.pool().clone());
        let credential = &key.credential;
        let used = credential
            .put_on(&http, &mut request, &outbound.body)
            .await?;
        Ok((self.ask(request).await?, used))
    }

    async fn ask(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let answer = self.pool().request(request).await;
        answer.map_err(|error| unreachable_upstream(&error))
    }

    pub(crate) fn pool(&self) -> &Pool {
        self.pool.get_or_init(|| client(self.connect_timeout))
    }
}

fn client<B>(connect_timeout: Duration) -> Client<HttpsConnector<HttpConnector>, B>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(connect_timeout));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .build(tls::connector(connector))
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

fn request(key: &Key, outbound: Outbound) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(outbound.body));
    *request.method_mut() = outbound.method;
    *request.uri_mut() = outbound.uri;
    *request.headers_mut() = key.headers.clone();
    request.headers_mut().extend(outbound.headers);
    request
}

impl UpstreamBody {
    /// The body of an answer from elsewhere than a provider.
    pub(crate) fn of(body: Incoming, idle: Duration, total: Duration) -> Self {
        let now = Instant::now();
        Self {
            source: Source::Http(body),
            idle,
            last_chunk: now,
            deadline: now + total,
        }
    }

    /// The next chunk, or `None` at the end. Safe to cancel: a chunk is never lost between two calls.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        let until = (self.last_chunk + self.idle).min(self.deadline);
        let chunk = timeout_at(until, self.source.next())
            .await
            .map_err(|_| timed_out())??;
        self.last_chunk = Instant::now();
        Ok(chunk)
    }

    /// The whole body; more than `max` bytes is a malformed answer.
    pub async fn collect(mut self, max: usize) -> Result<Bytes, UpstreamError> {
        let Some(first) = self.next_chunk().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.next_chunk().await? else {
            return within(first, max);
        };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(chunk) = self.next_chunk().await? {
            if whole.len() + chunk.len() > max {
                return Err(too_large(max));
            }
            whole.extend_from_slice(&chunk);
        }
        within(whole.freeze(), max)
    }

    /// What there is of a body, at most `max` bytes; failures end it.
    async fn collect_up_to(&mut self, max: usize) -> Bytes {
        let mut whole = BytesMut::new();
        while whole.len() < max
            && let Ok(Some(chunk)) = self.next_chunk().await
        {
            whole.extend_from_slice(&chunk);
        }
        whole.truncate(max);
        whole.freeze()
    }

    /// Reads to the end so that the connection can be used again. Bounded by the timeouts.
    pub async fn drain(mut self) {
        while let Ok(Some(_)) = self.next_chunk().await {}
    }
}

impl Source {
    async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        match self {
            Self::Echo(body) => body.next().await,
            Self::Http(body) => loop {
                match body.frame().await {
                    None => return Ok(None),
                    Some(Ok(frame)) => {
                        // Trailers carry nothing the gateway reads.
                        if let Ok(data) = frame.into_data()
                            && !data.is_empty()
                        {
                            return Ok(Some(data));
                        }
                    }
                    Some(Err(error)) => {
                        return Err(UpstreamError::new(
                            UpstreamErrorKind::Malformed,
                            format!("the answer was cut short: {error}"),
                        ));
                    }
                }
            },
        }
    }
}

fn within(body: Bytes, max: usize) -> Result<Bytes, UpstreamError> {
    if body.len() > max {
        Err(too_large(max))
    } else {
        Ok(body)
    }
}

fn too_large(max: usize) -> UpstreamError {
    UpstreamError::new(
        UpstreamErrorKind::Malformed,
        format!("the answer is larger than {max} bytes"),
    )
}

fn timed_out() -> UpstreamError {
    UpstreamError::new(
        UpstreamErrorKind::Timeout,
        "the provider did not answer in time",
    )
}

fn unreachable_upstream(error: &hyper_util::client::legacy::Error) -> UpstreamError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    let kind = if text.contains("timed out") {
        UpstreamErrorKind::Timeout
    } else {
        UpstreamErrorKind::Unreachable
    };
    UpstreamError::new(kind, text)
}
