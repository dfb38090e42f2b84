//! A body read chunk by chunk, bounded in size and time.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::{HttpError, HttpLimits};

/// The rest of an answer.
#[derive(Debug)]
pub struct GuardedBody {
    incoming: Incoming,
    host: String,
    limits: HttpLimits,
    deadline: Instant,
    read: usize,
}

impl GuardedBody {
    pub(super) fn new(
        incoming: Incoming,
        host: String,
        limits: HttpLimits,
        deadline: Instant,
    ) -> Self {
        Self {
            incoming,
            host,
            limits,
            deadline,
            read: 0,
        }
    }

    /// The next chunk, or `None` at the end. Fails when the body exceeds its limit, before the excess is kept.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let until = (Instant::now() + self.limits.idle).min(self.deadline);
            let frame = timeout_at(until, self.incoming.frame()).await;
            let frame = frame.map_err(|_| HttpError::Timeout {
                host: self.host.clone(),
            })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| HttpError::CutShort)?;
            // Trailers carry nothing that is read here.
            let Ok(data) = frame.into_data() else {
                continue;
            };
            self.read = self.read.saturating_add(data.len());
            if self.read > self.limits.body_bytes {
                return Err(HttpError::TooLarge(self.limits.body_bytes));
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    /// The whole body.
    pub async fn collect(mut self) -> Result<Bytes, HttpError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.next_chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// As much of the body as the limit allows, and whether that was all.
    pub async fn collect_some(mut self) -> Result<(Bytes, bool), HttpError> {
        let max = self.limits.body_bytes;
        self.limits.body_bytes = usize::MAX;
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.next_chunk().await? {
            let room = max - whole.len();
            if chunk.len() > room {
                whole.extend_from_slice(chunk.get(..room).unwrap_or_default());
                return Ok((whole.freeze(), false));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok((whole.freeze(), true))
    }
}
