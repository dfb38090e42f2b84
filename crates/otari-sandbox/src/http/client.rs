//! One pooled HTTP client. The address is the operator's, so there is nothing to guard it against.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use otari_types::Secret;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::ANSWER_BYTES_MAX;
use crate::SandboxError;

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Below the idle timeouts of the usual servers, so that a pooled connection is rarely dead.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// The bundled web roots and the host's own certificates.
static TRUST: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(roots)
});

#[derive(Clone)]
pub(super) struct Client(Pool<HttpsConnector<HttpConnector>, Full<Bytes>>);

pub(super) struct Sending {
    method: Method,
    address: Url,
    content_type: Option<String>,
    body: Bytes,
    pub(super) answer_max: usize,
}

impl Sending {
    pub(super) fn bare(method: Method, address: Url) -> Self {
        Self {
            method,
            address,
            content_type: None,
            body: Bytes::new(),
            answer_max: ANSWER_BYTES_MAX,
        }
    }

    pub(super) fn body(method: Method, address: Url, content_type: &str, body: Bytes) -> Self {
        Self {
            content_type: Some(content_type.to_owned()),
            body,
            ..Self::bare(method, address)
        }
    }

    pub(super) fn json(method: Method, address: Url, body: Bytes) -> Self {
        Self::body(method, address, "application/json", body)
    }
}

/// An answer of any status.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Client {
    pub(super) fn new() -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_MAX));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .build(secure(http));
        Self(pool)
    }

    pub(super) async fn send(
        &self,
        sending: Sending,
        bearer: Option<&Secret>,
        patience: Duration,
    ) -> Result<Answer, SandboxError> {
        let answer_max = sending.answer_max;
        let request = request(sending, bearer)?;
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|error| {
                tracing::warn!(%error, "the sandbox cannot be reached");
                unreachable_now("it cannot be reached")
            })?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), answer_max).collect().await;
            let body = body.map_err(|_| unreachable_now("its answer was cut short or too long"))?;
            Ok(Answer {
                status,
                body: body.to_bytes(),
            })
        };
        let answer = tokio::time::timeout(patience, exchange).await;
        answer.map_err(|_| SandboxError::Timeout(patience))?
    }
}

/// A file of the web, of `bytes_max` at most.
pub(crate) async fn download(
    address: &str,
    bytes_max: usize,
    patience: Duration,
) -> Result<Bytes, SandboxError> {
    let address = Url::parse(address).map_err(|_| unreachable_now("its address cannot be used"))?;
    let host = address.host_str().unwrap_or_default().to_owned();
    let mut sending = Sending::bare(Method::GET, address);
    sending.answer_max = bytes_max;
    let failed = |reason: String| SandboxError::Unavailable {
        reason: format!("the download from {host} failed: {reason}"),
    };
    match Client::new().send(sending, None, patience).await {
        Ok(answer) if answer.status == StatusCode::OK => Ok(answer.body),
        Ok(answer) => Err(failed(format!("it answered {}", answer.status.as_u16()))),
        Err(SandboxError::Unavailable { reason }) => Err(failed(reason)),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn request(
    sending: Sending,
    bearer: Option<&Secret>,
) -> Result<Request<Full<Bytes>>, SandboxError> {
    let mut request = Request::builder()
        .method(sending.method)
        .uri(sending.address.as_str());
    if let Some(content_type) = sending.content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    if let Some(bearer) = bearer {
        let value = HeaderValue::try_from(format!("Bearer {}", bearer.expose()));
        let mut value = value.map_err(|_| SandboxError::Unauthorized)?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request
        .body(Full::new(sending.body))
        .map_err(|_| unreachable_now("its address cannot be used"))
}

fn unreachable_now(reason: &str) -> SandboxError {
    SandboxError::Unavailable {
        reason: reason.to_owned(),
    }
}

fn secure(http: HttpConnector) -> HttpsConnector<HttpConnector> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    #[expect(
        clippy::expect_used,
        reason = "ring supports the default protocol versions"
    )]
    let config = config.expect("ring speaks TLS 1.2 and 1.3");
    HttpsConnectorBuilder::new()
        .with_tls_config(
            config
                .with_root_certificates(Arc::clone(&TRUST))
                .with_no_client_auth(),
        )
        .https_or_http()
        .enable_http1()
        .wrap_connector(http)
}
