//! An answer that passes as it comes: sound, and events that a provider words itself.

use bytes::Bytes;
use http::{HeaderValue, header};
use otari_providers::{Answered, UpstreamBody, UpstreamError};

use crate::error::GatewayError;
use crate::relay::{STREAM_ERROR, malformed};
use crate::settle::Settlement;

/// An answer whose first bytes are there, so that a failure before them was still an HTTP error.
pub(super) struct Begun {
    upstream: UpstreamBody,
    first: Bytes,
    content_type: HeaderValue,
    instance: String,
}

/// Bytes on their way to the client. Dropping it settles the call as abandoned, and charges it.
#[derive(Debug)]
pub struct ByteStream {
    pub content_type: HeaderValue,
    first: Option<Bytes>,
    /// `None` once everything was read or given up.
    upstream: Option<UpstreamBody>,
    instance: String,
    settlement: Settlement,
}

impl Begun {
    pub(super) async fn open(
        instance: &str,
        answered: Answered,
        usual: &'static str,
    ) -> Result<Self, UpstreamError> {
        let given = answered.headers.get(header::CONTENT_TYPE);
        let content_type = content_type(given, usual)?;
        let mut upstream = answered.body;
        let first = upstream.next_chunk().await?;
        Ok(Self {
            upstream,
            first: first.ok_or_else(|| malformed("the answer is empty"))?,
            content_type,
            instance: instance.to_owned(),
        })
    }

    /// `pieces`: what is charged once the answer has begun.
    pub(super) fn billed(self, mut settlement: Settlement, pieces: i64) -> ByteStream {
        settlement.first_chunk();
        if let Some(produced) = settlement.produced() {
            produced.pieces = Some(pieces);
        }
        ByteStream {
            content_type: self.content_type,
            first: Some(self.first),
            upstream: Some(self.upstream),
            instance: self.instance,
            settlement,
        }
    }
}

impl ByteStream {
    /// The next bytes, or `None` at the end, when the call is settled. An error is the end too, and nothing is charged:
    /// the client must be shown that the answer is not whole.
    pub async fn next(&mut self) -> Option<Result<Bytes, UpstreamError>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        let read = self.upstream.as_mut()?.next_chunk().await;
        match read {
            Ok(Some(chunk)) => Some(Ok(chunk)),
            Ok(None) => {
                self.upstream = None;
                self.settlement.succeed().await;
                None
            }
            Err(error) => {
                self.upstream = None;
                let told = error.clone();
                let failed = GatewayError::upstream(&self.instance, error);
                tracing::warn!(error = %failed, "an answer broke off");
                self.settlement.fail(&failed).await;
                Some(if is_events(&self.content_type) {
                    Ok(error_event())
                } else {
                    Err(told)
                })
            }
        }
    }
}

/// The provider's type where it is one of an answer. What a proxy's page says of itself is none.
fn content_type(
    given: Option<&HeaderValue>,
    usual: &'static str,
) -> Result<HeaderValue, UpstreamError> {
    let usual_value = HeaderValue::from_static(usual);
    let Some(given) = given else {
        return Ok(usual_value);
    };
    let kind = given.to_str().unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("text/html") || kind.starts_with("application/json") {
        return Err(malformed(
            "the answer is of another type than was asked for",
        ));
    }
    let is_known = kind.starts_with("audio/") || kind.starts_with("text/event-stream");
    Ok(if is_known { given.clone() } else { usual_value })
}

fn is_events(content_type: &HeaderValue) -> bool {
    content_type.as_bytes().starts_with(b"text/event-stream")
}

fn error_event() -> Bytes {
    Bytes::from(format!(
        "data: {{\"error\":{{\"message\":\"{STREAM_ERROR}\",\"type\":\"server_error\",\"param\":null,\"code\":null}}}}\n\n"
    ))
}
