//! Asking the platform. Every failure it can have becomes one of two: it refused, in its own words, or it cannot be
//! asked.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use otari_platform::{GATEWAY_TOKEN, Receipt, USER_TOKEN, path};
use otari_tools::{GuardedClient, HttpError, HttpLimits, UrlGuard, UrlPolicy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PlatformOptions, UserToken};

/// Connections that stay open: every call asks once before and once after.
const IDLE_CONNECTIONS: usize = 64;
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Longest text of the platform's that is passed on.
const DETAIL_CHARS_MAX: usize = 2000;

/// Why the platform did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// In the platform's words where it has some.
    #[error("{detail}")]
    Refused {
        refusal: PlatformRefusal,
        detail: String,
        retry_after: Option<Duration>,
    },
    /// No answer, or one that is none; logged where it happened.
    #[error("Authorization service unavailable")]
    Unavailable,
    /// The gateway's own token cannot be sent.
    #[error("OTARI_AI_TOKEN cannot be sent in an HTTP header")]
    BadToken,
    /// At the start.
    #[error("platform.usage_spool_dir: '{}' cannot be used: {problem}", directory.display())]
    Spool {
        directory: PathBuf,
        problem: std::io::Error,
    },
}

/// What callers are told as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformRefusal {
    BadRequest,
    Unauthorized,
    PaymentRequired,
    Forbidden,
    NotFound,
    TooManyRequests,
}

impl PlatformRefusal {
    fn of(status: StatusCode) -> Option<Self> {
        Some(match status {
            StatusCode::BAD_REQUEST => Self::BadRequest,
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::PAYMENT_REQUIRED => Self::PaymentRequired,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::TOO_MANY_REQUESTS => Self::TooManyRequests,
            _ => return None,
        })
    }
}

/// Something the platform is asked for a caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) path: &'static str,
    /// Told where the platform refuses without a word.
    pub(super) fallback: &'static str,
}

/// What became of a usage report.
#[derive(Debug)]
pub(super) enum Delivery {
    /// Taken; with a receipt where it was priced at once.
    Taken(Option<Receipt>),
    /// It will not be taken however often it is sent.
    Refused(u16),
    /// To be sent again.
    Failed(String),
}

#[derive(Debug)]
pub(super) struct PlatformClient {
    http: GuardedClient,
    base: String,
    health: String,
    token: HeaderValue,
    resolve: Duration,
    usage: Duration,
}

impl PlatformClient {
    pub(super) fn new(options: &PlatformOptions) -> Result<Self, PlatformError> {
        let token = HeaderValue::from_str(options.token.expose().trim());
        let mut token = token.map_err(|_| PlatformError::BadToken)?;
        token.set_sensitive(true);
        let guard = UrlGuard::new(UrlPolicy::operator());
        let base = options.base_url.trim().trim_end_matches('/').to_owned();
        Ok(Self {
            http: GuardedClient::pooled(guard, options.connect_timeout, IDLE_CONNECTIONS),
            health: format!("{base}/{}", options.health_path.trim_start_matches('/')),
            base,
            token,
            resolve: options.resolve_timeout,
            usage: options.usage_timeout,
        })
    }

    /// Asks for `user`; `read` finds what was asked for in a 200.
    pub(super) async fn ask<T>(
        &self,
        question: Question,
        user: &UserToken,
        body: &impl Serialize,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, PlatformError> {
        let mut headers = self.headers();
        let Some(user) = user.header() else {
            return Err(PlatformError::BadToken);
        };
        headers.insert(HeaderName::from_static(USER_TOKEN), user);
        let answer = self.post(question.path, headers, body, self.resolve).await;
        let answer = answer.map_err(|error| {
            tracing::error!(path = question.path, error, "the platform cannot be asked");
            PlatformError::Unavailable
        })?;
        if answer.status == StatusCode::OK {
            return read(&answer.body).ok_or_else(|| {
                tracing::error!(
                    path = question.path,
                    "the platform's answer is not understood"
                );
                PlatformError::Unavailable
            });
        }
        let Some(refusal) = PlatformRefusal::of(answer.status) else {
            let status = answer.status.as_u16();
            tracing::error!(path = question.path, status, "the platform failed");
            return Err(PlatformError::Unavailable);
        };
        Err(PlatformError::Refused {
            refusal,
            detail: detail(&answer.body).unwrap_or_else(|| question.fallback.to_owned()),
            retry_after: answer.retry_after,
        })
    }

    /// Sends one usage report, once.
    pub(super) async fn report(&self, body: Bytes) -> Delivery {
        let answer = self.send(path::USAGE, self.headers(), body, self.usage);
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(error) => return Delivery::Failed(error),
        };
        match answer.status.as_u16() {
            200 => Delivery::Taken(serde_json::from_slice(&answer.body).ok()),
            201..=299 => Delivery::Taken(None),
            status @ (408 | 425 | 429 | 500..) => Delivery::Failed(format!("status {status}")),
            status => Delivery::Refused(status),
        }
    }

    pub(super) async fn is_reachable(&self) -> bool {
        let limits = limits(self.resolve);
        let answer = self.http.get(&self.health, self.headers(), limits).await;
        match answer {
            Ok(answer) if answer.status.as_u16() < 500 => true,
            Ok(answer) => {
                let status = answer.status.as_u16();
                tracing::warn!(status, "the platform is not well");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "the platform cannot be reached");
                false
            }
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
        let name = HeaderName::from_static(GATEWAY_TOKEN);
        headers.insert(name, self.token.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers
    }

    async fn post(
        &self,
        path: &str,
        headers: HeaderMap,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<Answer, String> {
        let body = serde_json::to_vec(body).map_err(|error| error.to_string())?;
        self.send(path, headers, body.into(), within).await
    }

    async fn send(
        &self,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
        within: Duration,
    ) -> Result<Answer, String> {
        let url = format!("{}{path}", self.base);
        let told = |error: HttpError| match error {
            HttpError::Unreachable { host, cause } => format!("{host} cannot be reached: {cause}"),
            error => error.to_string(),
        };
        let sent = self.http.post_json(&url, headers, body, limits(within));
        let received = sent.await.map_err(told)?;
        let retry_after = received.headers.get(header::RETRY_AFTER);
        let retry_after = retry_after
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        Ok(Answer {
            status: received.status,
            retry_after,
            body: received.body.collect().await.map_err(told)?,
        })
    }
}

struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Bytes,
}

fn limits(within: Duration) -> HttpLimits {
    HttpLimits {
        first_byte: within,
        idle: within,
        total: within,
        body_bytes: ANSWER_BYTES_MAX,
        redirects: 0,
    }
}

/// The platform's own words, where they are a text.
fn detail(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Told {
        detail: Value,
    }
    let told: Told = serde_json::from_slice(body).ok()?;
    let text = told.detail.as_str()?.trim();
    (!text.is_empty()).then(|| text.chars().take(DETAIL_CHARS_MAX).collect())
}
