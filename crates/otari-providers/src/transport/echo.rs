//! Plays the built-in `echo` provider's plan in time, as if it had come over a connection.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::Instant;

use crate::echo::{EchoOutcome, plan};
use crate::error::{UpstreamError, UpstreamErrorKind};

use super::Outbound;

#[derive(Debug)]
pub(super) struct EchoBody {
    chunks: VecDeque<Bytes>,
    before_first: Duration,
    gap: Duration,
    started: bool,
    /// When the next chunk is due; kept across cancelled reads.
    due: Option<Instant>,
    end: End,
}

#[derive(Debug)]
enum End {
    Clean,
    Cut,
    Hang,
}

pub(super) async fn answer(
    outbound: Outbound,
) -> Result<(StatusCode, HeaderMap, EchoBody), UpstreamError> {
    let plan = plan(outbound.uri.path(), &outbound.body);
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    let mut headers = HeaderMap::new();
    let (status, chunks, end) = match plan.outcome {
        EchoOutcome::Respond { chunks, .. } => (200, chunks, End::Clean),
        EchoOutcome::Cut { chunks } => (200, chunks, End::Cut),
        EchoOutcome::Hang => std::future::pending().await,
        EchoOutcome::HangMidStream { chunks } => (200, chunks, End::Hang),
        EchoOutcome::Fail {
            status,
            body,
            retry_after,
        } => {
            if let Some(seconds) = retry_after {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            (status, vec![body.into()], End::Clean)
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = EchoBody {
        chunks: chunks.into(),
        before_first: plan.first_chunk_delay,
        gap: plan.chunk_gap,
        started: false,
        due: None,
        end,
    };
    Ok((status, headers, body))
}

impl EchoBody {
    /// Cancel-safe: a chunk leaves the queue only after its wait.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        if self.chunks.is_empty() {
            return match self.end {
                End::Clean => Ok(None),
                End::Cut => Err(UpstreamError::new(
                    UpstreamErrorKind::Malformed,
                    "the answer was cut short, as asked",
                )),
                End::Hang => std::future::pending().await,
            };
        }
        let wait = if self.started {
            self.gap
        } else {
            self.before_first
        };
        if !wait.is_zero() {
            let due = *self.due.get_or_insert_with(|| Instant::now() + wait);
            tokio::time::sleep_until(due).await;
            self.due = None;
        }
        self.started = true;
        Ok(self.chunks.pop_front())
    }
}
