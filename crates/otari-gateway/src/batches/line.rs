//! One line: the call, once more where that may help, and what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use otari_ledger::LedgerError;
use otari_providers::UpstreamErrorKind;
use otari_store::batch_lines::{BatchLine, LineResult};
use otari_store::batches::BatchRow;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::error::GatewayError;
use crate::in_flight::Underway;
use crate::inbound::{Behalf, Inbound, Origin, ReplyBody};
use crate::metrics::LineOutcome;

use super::call_id;
use super::endpoint::Endpoint;
use super::engine::Engine;

const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_mins(1);
/// Where what holds the line up is the gateway's own and counts as no attempt.
const WAIT_OWN: Duration = Duration::from_secs(2);
/// Holds are bounds: lines beside this one may give most of theirs back within a moment.
const WAIT_ROOM: Duration = Duration::from_millis(250);
const ROOM_ATTEMPTS: u32 = 3;
/// A provider that wants more time gets it, but not the batch's whole window.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(10);

/// What a failed call calls for.
enum Next {
    Wait(Duration),
    GiveUp,
}

/// Failures so far.
#[derive(Default)]
struct Failures {
    provider: u32,
    room: u32,
}

impl Engine {
    /// `None`: it was not run, and may be later.
    pub(super) async fn run_line(
        &self,
        batch: &BatchRow,
        line: BatchLine,
        halt: &CancellationToken,
    ) -> Option<LineResult> {
        let endpoint = Endpoint::parse(&batch.endpoint)?;
        let id: Arc<str> = call_id(&batch.id, line.line).into();
        let body = Bytes::from(line.request);
        let mut failures = Failures::default();
        let (status, answer) = loop {
            let permit = tokio::select! {
                permit = self.permits.acquire() => permit.ok()?,
                () = halt.cancelled() => return None,
            };
            let answered = self.call(batch, endpoint, &id, body.clone()).await;
            drop(permit);
            let error = match answered {
                Ok(answer) => break (200, answer),
                Err(error) => error,
            };
            match failures.next(&error, self.options.line_attempts) {
                Next::GiveUp => break (self.render)(endpoint.surface(), error),
                Next::Wait(wait) => {
                    self.gateway.metrics.count_line(LineOutcome::Retried);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = halt.cancelled() => return None,
                    }
                }
            }
        };
        let outcome = if status == 200 {
            LineOutcome::Completed
        } else {
            LineOutcome::Failed
        };
        self.gateway.metrics.count_line(outcome);
        Some(LineResult {
            line: line.line,
            status: i64::from(status),
            answer,
        })
    }

    async fn call(
        &self,
        batch: &BatchRow,
        endpoint: Endpoint,
        id: &Arc<str>,
        body: Bytes,
    ) -> Result<String, GatewayError> {
        if streams(&body) {
            let text = "stream must be false: the lines of a batch are answered as a whole";
            return Err(GatewayError::InvalidRequest(text.to_owned()));
        }
        let inbound = Inbound {
            origin: Origin {
                endpoint: endpoint.path(),
                request_id: Arc::clone(id),
                started: Instant::now(),
                received_at: self.gateway.clock.now(),
                traceparent: None,
            },
            headers: HeaderMap::new(),
            body,
            named: None,
            behalf: Some(Behalf {
                user: batch.user_id.clone(),
                key: batch.api_key_id.clone(),
                row_id: Arc::clone(id),
            }),
            underway: Underway::default(),
        };
        let reply = endpoint.call(&self.gateway, &inbound).await?;
        match reply.body {
            ReplyBody::Json(answer) => Ok(String::from_utf8_lossy(&answer).into_owned()),
            _ => Err(GatewayError::InvalidRequest(
                "the answer is no JSON, which is all that a batch can hold".to_owned(),
            )),
        }
    }
}

impl Failures {
    fn next(&mut self, error: &GatewayError, attempts: u32) -> Next {
        use UpstreamErrorKind as Kind;
        match error {
            GatewayError::Upstream(failure) => match failure.error.kind {
                Kind::Timeout
                | Kind::Unreachable
                | Kind::RateLimited
                | Kind::Overloaded
                | Kind::Malformed
                | Kind::Provider => self.of_provider(attempts, failure.error.retry_after),
                _ => Next::GiveUp,
            },
            GatewayError::AllFailed { .. } | GatewayError::GuardrailUnavailable(_) => {
                self.of_provider(attempts, None)
            }
            GatewayError::BudgetExceeded(_) | GatewayError::BudgetRanOut(_) => {
                self.room += 1;
                if self.room < ROOM_ATTEMPTS {
                    Next::Wait(WAIT_ROOM * self.room)
                } else {
                    Next::GiveUp
                }
            }
            GatewayError::CannotRecord | GatewayError::AuthUnavailable => Next::Wait(WAIT_OWN),
            GatewayError::Store(error) | GatewayError::Ledger(LedgerError::Store(error))
                if error.is_unavailable() =>
            {
                Next::Wait(WAIT_OWN)
            }
            _ => Next::GiveUp,
        }
    }

    fn of_provider(&mut self, attempts: u32, asked: Option<Duration>) -> Next {
        self.provider += 1;
        if self.provider >= attempts {
            return Next::GiveUp;
        }
        let doubled = WAIT_FIRST.saturating_mul(1 << (self.provider - 1).min(8));
        let wait = asked.map_or(doubled.min(WAIT_MAX), |asked| asked.min(RETRY_AFTER_MAX));
        Next::Wait(wait)
    }
}

fn streams(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body {
        stream: Option<bool>,
    }
    serde_json::from_slice::<Body>(body).is_ok_and(|body| body.stream == Some(true))
}
