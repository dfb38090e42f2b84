//! The body of a request that is still arriving from its client.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::error::GatewayError;

/// Silence in the middle of a body after which its client is given up: a provider waits too, and room is held.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// How long the rest of a body is read that nobody needs.
const DRAIN_MAX: Duration = Duration::from_mins(1);

/// Any reason for which a body cannot be read on.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Bytes from a client, counted as they come.
pub struct ClientBody {
    chunks: Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>,
    declared: Option<u64>,
    max: usize,
    read: usize,
    /// Nothing more comes, or nothing more is wanted.
    is_over: bool,
}

impl ClientBody {
    /// `declared`: its `Content-Length`. More than `max` bytes are refused.
    pub fn new(
        chunks: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
        declared: Option<usize>,
        max: usize,
    ) -> Self {
        Self {
            chunks: Box::pin(chunks),
            declared: declared.and_then(|length| u64::try_from(length).ok()),
            max,
            read: 0,
            is_over: false,
        }
    }

    /// How much is still to come, where the client said it.
    pub(crate) fn left(&self) -> Option<u64> {
        let read = u64::try_from(self.read).ok()?;
        self.declared?.checked_sub(read)
    }

    /// What comes next, never empty; `None` at the end. Waits for it no longer than to `deadline`.
    pub(crate) async fn next(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<Bytes>, GatewayError> {
        while !self.is_over {
            let silence = Instant::now() + SILENCE_MAX;
            let until = deadline.map_or(silence, |deadline| deadline.min(silence));
            let next = timeout_at(until, self.chunks.next()).await;
            match self.count(next.map_err(|_| GatewayError::BodyStalled)) {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(Some(bytes)) => return Ok(Some(bytes)),
                ended => {
                    self.is_over = true;
                    return ended;
                }
            }
        }
        Ok(None)
    }

    /// Reads the rest and throws it away, so that a client that sends all before it reads sees its answer: a connection
    /// closed with unread bytes is reset.
    pub async fn drain(mut self) {
        let deadline = Instant::now() + DRAIN_MAX;
        while let Ok(Some(_)) = self.next(Some(deadline)).await {}
    }

    fn count(
        &mut self,
        next: Result<Option<Result<Bytes, BoxError>>, GatewayError>,
    ) -> Result<Option<Bytes>, GatewayError> {
        let Some(bytes) = next? else {
            return Ok(None);
        };
        let bytes = bytes.map_err(|error| {
            tracing::debug!(error, "a request body broke off");
            GatewayError::BodyBrokeOff
        })?;
        self.read = self.read.saturating_add(bytes.len());
        if self.read > self.max {
            return Err(GatewayError::BodyTooLarge { max: self.max });
        }
        Ok(Some(bytes))
    }
}

impl fmt::Debug for ClientBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBody")
            .field("read", &self.read)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}
