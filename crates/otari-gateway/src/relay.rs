//! Fifth step: the upstream's answer to the client, metered as it passes.
//!
//! The terminal event leaves only after the call is settled. After the first byte a failure is the surface's own
//! error event, then the end; never a silent cut.

mod continued;
mod passage;
mod relabel;
mod source;
mod spoken;
mod tap;
mod translated;
mod verbatim;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use otari_providers::{Answered, UpstreamError, UpstreamErrorKind};
use otari_translate::Surface;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::GatewayError;
use crate::guardrails::{OutputChecks, Told, Window};
use crate::hybrid::{Carrier, Deadline, Receipt, with_cost};
use crate::settle::Settlement;
use crate::thread::Keep;

pub(crate) use continued::{Begun, Continued};
use passage::BrokenOff;
pub(crate) use passage::{Passage, STREAM_ERROR};
use source::{Read, Source};
pub(crate) use spoken::Spoken;
pub(crate) use tap::{Meter, upstream_error};

/// Longest non-streaming answer that is read: far above any model's output limit, images as base64 included.
pub(crate) const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What an attempt's answer passes through.
pub(crate) struct Relay<'a> {
    pub(crate) passage: Passage,
    pub(crate) instance: &'a str,
    pub(crate) end: End,
}

/// What becomes of an answer once it is whole.
pub(crate) struct End {
    pub(crate) surface: Surface,
    /// Keeps it.
    pub(crate) keep: Option<Keep>,
    /// Checks it.
    pub(crate) output: Option<Arc<OutputChecks>>,
}

impl End {
    /// A complete answer, settled, and what guardrails said of it. Nothing is settled when it fails.
    pub(crate) async fn whole(
        self,
        rendered: Bytes,
        settlement: &mut Settlement,
    ) -> Result<(Bytes, Vec<Told>), GatewayError> {
        let (rendered, verdicts) = match self.output {
            Some(output) => output.whole(self.surface, rendered).await?,
            None => (rendered, Vec::new()),
        };
        if let Some(keep) = self.keep {
            keep.whole(&rendered).await;
        }
        let mut rendered = rendered;
        if let Some(mut receipt) = settlement.succeed().await
            && let Some(cost) = receipt.cost().await
        {
            rendered = with_cost(self.surface, rendered, &cost);
        }
        Ok((rendered, verdicts))
    }
}

/// Reads a complete answer. Another candidate may follow when it fails.
pub(crate) async fn read_whole(
    answered: Answered,
    relay: Relay<'_>,
    settlement: &mut Settlement,
) -> Result<(Bytes, Vec<Told>), GatewayError> {
    let Relay {
        mut passage,
        instance,
        end,
    } = relay;
    let told = |error| GatewayError::upstream(instance, error);
    let body = answered
        .body
        .collect(ANSWER_BYTES_MAX)
        .await
        .map_err(told)?;
    let rendered = passage.whole(body).map_err(told)?;
    if let Some(produced) = settlement.produced() {
        passage.report(produced);
    }
    end.whole(rendered, settlement).await
}

/// An answer on its way, before it is known whether it begins at all.
#[derive(Debug)]
pub(crate) struct Flow {
    source: Source,
    /// Keeps the answer when it is whole.
    keep: Option<Keep>,
    /// Holds back what guardrails have not seen.
    window: Option<Window>,
    ending: Option<Ending>,
    surface: Surface,
    /// Holds back what will tell the cost, where a platform keeps the books.
    carrier: Option<Carrier>,
    /// The platform is asked what it cost.
    receipt: Option<Receipt>,
    ready: VecDeque<Bytes>,
}

/// A stream that was read and waits for the guardrails that judge all of it.
#[derive(Debug)]
struct Ending {
    last: Bytes,
    verdict: JoinHandle<Result<(), GatewayError>>,
}

/// A stream on its way to the client. Dropping it settles the call as abandoned.
#[derive(Debug)]
pub struct RelayStream {
    flow: Flow,
    settlement: Settlement,
    keepalive: Option<Duration>,
}

impl Flow {
    /// The answer of one upstream.
    pub(crate) fn of(answered: Answered, relay: Relay<'_>) -> Self {
        let Relay {
            passage,
            instance,
            end,
        } = relay;
        Self::new(Source::upstream(answered.body, passage, instance), end)
    }

    /// A conversation with tools.
    pub(crate) fn of_spoken(spoken: Box<Spoken>, end: End) -> Self {
        Self::new(Source::spoken(spoken), end)
    }

    /// A stream that another model may go on with.
    pub(crate) fn of_continued(continued: Box<Continued>, end: End) -> Self {
        Self::new(Source::Continued(continued), end)
    }

    fn new(source: Source, end: End) -> Self {
        let End {
            surface,
            keep,
            output,
        } = end;
        Self {
            source,
            keep,
            window: output.map(|checks| checks.window(surface)),
            ending: None,
            carrier: None,
            receipt: None,
            surface,
            ready: VecDeque::new(),
        }
    }

    /// Waits for the first event, so that a failure before it is still an HTTP error or moves on to another
    /// candidate; but no longer than one keep-alive interval, after which the stream begins with a keep-alive.
    /// `deadline`: until when something must have come, which a keep-alive does not change.
    pub(crate) async fn begin(
        &mut self,
        settlement: &mut Settlement,
        keepalive: Option<Duration>,
        deadline: Option<(Deadline, &str)>,
    ) -> Result<(), GatewayError> {
        if settlement.tab().is_some() {
            self.carrier = Some(Carrier::new(self.surface));
        }
        if let Some((deadline, instance)) = deadline {
            let first = Box::pin(self.step(settlement));
            deadline.within(instance, first).await?;
        }
        let first = self.first_event(settlement);
        match keepalive {
            Some(interval) => timeout(interval, first).await.unwrap_or(Ok(())),
            None => first.await,
        }
    }

    /// Whether another candidate is out of the question, though nothing left yet.
    pub(crate) fn is_locked_in(&self) -> bool {
        self.source.is_locked_in()
    }

    async fn first_event(&mut self, settlement: &mut Settlement) -> Result<(), GatewayError> {
        while self.ready.is_empty() && self.is_open() {
            self.step(settlement).await?;
        }
        Ok(())
    }

    /// Reads one chunk and queues what it completes. Safe to cancel while it waits for the chunk; everything
    /// after the chunk arrived either does not wait or only for the settlement, which is not cancelled by the
    /// keep-alive because the last bytes are queued before it.
    async fn step(&mut self, settlement: &mut Settlement) -> Result<(), GatewayError> {
        if let Some(receipt) = &mut self.receipt {
            let cost = receipt.cost().await;
            self.receipt = None;
            if let Some(carrier) = &mut self.carrier {
                self.ready.extend(carrier.release(cost.as_ref()));
            }
            return Ok(());
        }
        if let Some(ending) = &mut self.ending {
            let verdict = (&mut ending.verdict).await;
            let last = self.ending.take().map(|ending| ending.last);
            verdict
                .unwrap_or_else(|_| Err(GatewayError::GuardrailUnavailable("output".to_owned())))?;
            self.finish(last.unwrap_or_default(), settlement).await;
            return Ok(());
        }
        let Read {
            bytes,
            done,
            broken,
        } = self.source.step(settlement).await;
        if !bytes.is_empty() {
            settlement.first_chunk();
        }
        if done {
            self.end(bytes, settlement).await?;
        } else if let Some(window) = &mut self.window {
            for free in window.push(bytes)? {
                self.let_go(free);
            }
        } else if !bytes.is_empty() {
            self.let_go(bytes);
        }
        broken.map_or(Ok(()), Err)
    }

    /// What may leave, but for what waits for its cost.
    fn let_go(&mut self, bytes: Bytes) {
        match &mut self.carrier {
            None => self.ready.push_back(bytes),
            Some(carrier) => self.ready.extend(carrier.push(bytes)),
        }
    }

    /// Whether more may come.
    fn is_open(&self) -> bool {
        self.source.is_open() || self.ending.is_some() || self.receipt.is_some()
    }

    /// The upstream's last bytes: they leave once the guardrails agree.
    async fn end(&mut self, last: Bytes, settlement: &mut Settlement) -> Result<(), GatewayError> {
        if let Some(window) = &mut self.window {
            window.end(last.clone())?;
            if let Some(verdict) = window.ask() {
                self.ending = Some(Ending { last, verdict });
                return Ok(());
            }
        }
        self.finish(last, settlement).await;
        Ok(())
    }

    /// Settles, then releases the last bytes.
    async fn finish(&mut self, last: Bytes, settlement: &mut Settlement) {
        // In this order: once taken, no keep-alive can cut in between.
        let upstream = self.source.close();
        let held: Vec<Bytes> = match &mut self.window {
            Some(window) => window.release().collect(),
            None => Vec::new(),
        };
        for bytes in held {
            self.let_go(bytes);
        }
        self.let_go(last.clone());
        // In a task of its own: a keep-alive or a client that goes away does not cut it short.
        let kept = self
            .keep
            .take()
            .map(|keep| tokio::spawn(keep.last_events(last)));
        self.receipt = settlement.succeed().await;
        if let (None, Some(carrier)) = (&self.receipt, &mut self.carrier) {
            self.ready.extend(carrier.release(None));
        }
        if let Some(kept) = kept
            && kept.await.is_err()
        {
            tracing::error!("keeping a response panicked");
        }
        if let Some(upstream) = upstream {
            // Reads the end of the body, so that the connection is reused; the client does not wait for it.
            tokio::spawn(upstream.drain());
        }
    }

    async fn break_off(&mut self, error: GatewayError, settlement: &mut Settlement) {
        self.source.close();
        self.window = None;
        if let Some(carrier) = &mut self.carrier {
            self.ready.extend(carrier.release(None));
        }
        tracing::warn!(%error, "a stream broke off");
        settlement.fail(&error).await;
        self.ready
            .push_back(self.source.fail(BrokenOff::of(&error)));
    }
}

impl RelayStream {
    pub(crate) fn new(mut flow: Flow, settlement: Settlement, keepalive: Option<Duration>) -> Self {
        flow.source.release();
        Self {
            flow,
            settlement,
            keepalive,
        }
    }

    /// The next bytes for the client, or `None` at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.flow.ready.pop_front() {
                return Some(bytes);
            }
            if !self.flow.is_open() {
                return None;
            }
            let keepalive = self.keepalive;
            let step = self.flow.step(&mut self.settlement);
            let outcome = match keepalive {
                Some(interval) => match timeout(interval, step).await {
                    Ok(outcome) => outcome,
                    Err(_) => return Some(Bytes::from_static(self.flow.source.keepalive())),
                },
                None => step.await,
            };
            if let Err(error) = outcome {
                self.flow.break_off(error, &mut self.settlement).await;
            }
        }
    }
}

pub(crate) fn malformed(message: &str) -> UpstreamError {
    UpstreamError::new(UpstreamErrorKind::Malformed, message)
}
