//! Requests to the services that give out credentials, and what they answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use otari_types::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{UpstreamError, UpstreamErrorKind, client_safe};
use crate::transport::Pool;

use super::cached::Fetched;

/// The whole exchange. Such services answer in well under a second, and callers are waiting.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);
const REPLY_BYTES_MAX: usize = 256 * 1024;
/// For a service that does not say.
const LIFE_SECS_UNKNOWN: i64 = 300;

/// Why there is no credential to call a provider with. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no credential for the provider: {0}")]
pub(crate) struct CredentialError(String);

impl CredentialError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<CredentialError> for UpstreamError {
    fn from(error: CredentialError) -> Self {
        Self::new(UpstreamErrorKind::Credentials, error.to_string())
    }
}

/// The transport's connections, for exchanges.
#[derive(Clone, Debug)]
pub(crate) struct Http(pub(crate) Pool);

/// A reply of any status.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Http {
    /// `whom`: the service, as an operator knows it.
    pub(crate) async fn call(
        &self,
        whom: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply, CredentialError> {
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| {
                tracing::debug!(%error, whom, "no exchange");
                CredentialError::new(format!("{whom} cannot be reached"))
            })?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, REPLY_BYTES_MAX).collect().await;
            let body =
                body.map_err(|_| CredentialError::new(format!("the answer of {whom} broke off")))?;
            Ok(Reply {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes(),
            })
        };
        tokio::time::timeout(EXCHANGE_LIMIT, exchange)
            .await
            .unwrap_or_else(|_| {
                Err(CredentialError::new(format!(
                    "{whom} did not answer in time"
                )))
            })
    }

    /// The same, where only 2xx will do.
    pub(crate) async fn ask(
        &self,
        whom: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply, CredentialError> {
        let reply = self.call(whom, request).await?;
        if reply.status.is_success() {
            return Ok(reply);
        }
        let said = reply
            .complaint()
            .map_or_else(String::new, |said| format!(": {said}"));
        Err(CredentialError::new(format!(
            "{whom} refused with status {}{said}",
            reply.status.as_u16()
        )))
    }

    pub(crate) async fn token(
        &self,
        whom: &str,
        request: Request<Full<Bytes>>,
        now: Timestamp,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        self.ask(whom, request).await?.token(whom, now)
    }
}

impl Reply {
    /// What a refusal says, without anything private in it.
    fn complaint(&self) -> Option<String> {
        let text = std::str::from_utf8(&self.body).ok()?;
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            let (code, message) = (xml_text(text, "Code"), xml_text(text, "Message"));
            return client_safe(
                &[code, message]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(": "),
            );
        };
        let inner = value.get("error").filter(|error| error.is_object());
        let value = inner.unwrap_or(&value);
        let names = [
            "error",
            "errorCode",
            "code",
            "status",
            "error_description",
            "errorMessage",
            "message",
        ];
        let said: Vec<&str> = names
            .iter()
            .filter_map(|name| value.get(name)?.as_str())
            .collect();
        client_safe(&said.join(": "))
    }

    /// A bearer token with its life, as nearly every service answers it.
    pub(crate) fn token(
        &self,
        whom: &str,
        now: Timestamp,
    ) -> Result<Fetched<HeaderValue>, CredentialError> {
        self.read_token(now)
            .ok_or_else(|| CredentialError::new(format!("the answer of {whom} holds no token")))
    }

    fn read_token(&self, now: Timestamp) -> Option<Fetched<HeaderValue>> {
        #[derive(Deserialize)]
        struct Body {
            access_token: Secret,
            #[serde(default)]
            expires_in: Value,
        }
        let body: Body = serde_json::from_slice(&self.body).ok()?;
        let life = match &body.expires_in {
            Value::Number(secs) => secs.as_i64(),
            // Azure's metadata service writes it as a text.
            Value::String(secs) => secs.parse().ok(),
            _ => None,
        };
        Some(Fetched {
            value: bearer(&body.access_token).ok()?,
            expires_at: Some(now.plus_secs(life.unwrap_or(LIFE_SECS_UNKNOWN))),
        })
    }

    pub(crate) fn json<'a, T: Deserialize<'a>>(&'a self, whom: &str) -> Result<T, CredentialError> {
        serde_json::from_slice(&self.body)
            .map_err(|_| CredentialError::new(format!("the answer of {whom} cannot be read")))
    }
}

pub(crate) fn bearer(token: &Secret) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose().trim()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A form as OAuth services take it.
pub(crate) fn form(
    url: &str,
    pairs: &[(&str, &str)],
) -> Result<Request<Full<Bytes>>, CredentialError> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(pairs);
    let mut request = bare(Method::POST, url, body.finish().into())?;
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

pub(crate) fn post_json(url: &str, body: &Value) -> Result<Request<Full<Bytes>>, CredentialError> {
    let mut request = bare(Method::POST, url, body.to_string().into())?;
    request.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(request)
}

pub(crate) fn get(
    url: &str,
    headers: &[(&'static str, &str)],
) -> Result<Request<Full<Bytes>>, CredentialError> {
    with(bare(Method::GET, url, Bytes::new())?, headers)
}

pub(crate) fn put(
    url: &str,
    headers: &[(&'static str, &str)],
) -> Result<Request<Full<Bytes>>, CredentialError> {
    with(bare(Method::PUT, url, Bytes::new())?, headers)
}

pub(crate) fn with(
    mut request: Request<Full<Bytes>>,
    headers: &[(&'static str, &str)],
) -> Result<Request<Full<Bytes>>, CredentialError> {
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value.trim())
            .map_err(|_| CredentialError::new("a secret cannot be sent in an HTTP header"))?;
        value.set_sensitive(true);
        request
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}

fn bare(method: Method, url: &str, body: Bytes) -> Result<Request<Full<Bytes>>, CredentialError> {
    Request::builder()
        .method(method)
        .uri(url)
        .body(Full::new(body))
        .map_err(|_| CredentialError::new("the address of the credential service is malformed"))
}

/// The first element of that name, where its text needs no unescaping.
pub(crate) fn xml_text<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}
