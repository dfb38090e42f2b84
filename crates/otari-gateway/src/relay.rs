//! Fifth step: the upstream's answer to the client, metered as it passes.
//!
//! The terminal event leaves only after the call is settled. After the first byte a failure is the surface's own
//! error event, then the end; never a silent cut.

mod passage;
mod relabel;
mod tap;
mod translated;
mod verbatim;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use otari_providers::{Answered, UpstreamBody, UpstreamError, UpstreamErrorKind};
use tokio::time::timeout;

use crate::error::GatewayError;
use crate::settle::Settlement;
use crate::thread::Keep;

use passage::Step;
pub(crate) use passage::{Passage, STREAM_ERROR};
pub(crate) use tap::upstream_error;

/// Longest non-streaming answer that is read: far above any model's output limit, images as base64 included.
pub(crate) const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A complete answer, settled. Nothing is settled when it fails: another candidate may follow.
pub(crate) async fn read_whole(
    answered: Answered,
    mut passage: Passage,
    keep: Option<Keep>,
    settlement: &mut Settlement,
) -> Result<Bytes, UpstreamError> {
    let body = answered.body.collect(ANSWER_BYTES_MAX).await?;
    let rendered = passage.whole(body)?;
    if let Some(produced) = settlement.produced() {
        passage.report(produced);
    }
    if let Some(keep) = keep {
        keep.whole(&rendered).await;
    }
    settlement.succeed().await;
    Ok(rendered)
}

/// An answer on its way, before it is known whether it begins at all.
#[derive(Debug)]
pub(crate) struct Flow {
    /// `None` once everything from upstream was read or given up.
    upstream: Option<UpstreamBody>,
    passage: Passage,
    instance: String,
    /// Keeps the answer when it is whole.
    keep: Option<Keep>,
    ready: VecDeque<Bytes>,
}

/// A stream on its way to the client. Dropping it settles the call as abandoned.
#[derive(Debug)]
pub struct RelayStream {
    flow: Flow,
    settlement: Settlement,
    keepalive: Option<Duration>,
}

impl Flow {
    /// Waits for the first event, so that a failure before it is still an HTTP error or moves on to another
    /// candidate; but no longer than one keep-alive interval, after which the stream begins with a keep-alive.
    pub(crate) async fn open(
        answered: Answered,
        passage: Passage,
        instance: &str,
        keep: Option<Keep>,
        settlement: &mut Settlement,
        keepalive: Option<Duration>,
    ) -> Result<Self, UpstreamError> {
        let mut flow = Self {
            upstream: Some(answered.body),
            passage,
            instance: instance.to_owned(),
            keep,
            ready: VecDeque::new(),
        };
        let first = flow.first_event(settlement);
        match keepalive {
            Some(interval) => timeout(interval, first).await.unwrap_or(Ok(())),
            None => first.await,
        }?;
        Ok(flow)
    }

    async fn first_event(&mut self, settlement: &mut Settlement) -> Result<(), UpstreamError> {
        while self.ready.is_empty() && self.upstream.is_some() {
            self.step(settlement).await?;
        }
        Ok(())
    }

    /// Reads one chunk and queues what it completes. Safe to cancel while it waits for the chunk; everything
    /// after the chunk arrived either does not wait or only for the settlement, which is not cancelled by the
    /// keep-alive because the last bytes are queued before it.
    async fn step(&mut self, settlement: &mut Settlement) -> Result<(), UpstreamError> {
        let Some(upstream) = &mut self.upstream else {
            return Ok(());
        };
        let Some(chunk) = upstream.next_chunk().await? else {
            self.upstream = None;
            let last = self.passage.end();
            self.report(settlement);
            self.finish(last?, settlement).await;
            return Ok(());
        };
        let Step {
            bytes,
            done,
            broken,
        } = self.passage.push(chunk);
        self.report(settlement);
        if done {
            self.finish(bytes, settlement).await;
        } else if !bytes.is_empty() {
            self.ready.push_back(bytes);
        }
        broken.map_or(Ok(()), Err)
    }

    /// Settles, then releases the last bytes.
    async fn finish(&mut self, last: Bytes, settlement: &mut Settlement) {
        // In this order: once taken, no keep-alive can cut in between.
        let upstream = self.upstream.take();
        self.ready.push_back(last.clone());
        // In a task of its own: a keep-alive or a client that goes away does not cut it short.
        let kept = self
            .keep
            .take()
            .map(|keep| tokio::spawn(keep.last_events(last)));
        settlement.succeed().await;
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

    async fn break_off(&mut self, error: UpstreamError, settlement: &mut Settlement) {
        self.upstream = None;
        let error = GatewayError::upstream(&self.instance, error);
        tracing::warn!(%error, "a stream broke off");
        settlement.fail(&error).await;
        self.ready.push_back(self.passage.fail());
    }

    fn report(&self, settlement: &mut Settlement) {
        let elapsed = settlement.elapsed_ms();
        if let Some(produced) = settlement.produced() {
            self.passage.report(produced);
            produced.first_chunk_ms.get_or_insert(elapsed);
        }
    }
}

impl RelayStream {
    pub(crate) fn new(flow: Flow, settlement: Settlement, keepalive: Option<Duration>) -> Self {
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
            self.flow.upstream.as_ref()?;
            let keepalive = self.keepalive;
            let step = self.flow.step(&mut self.settlement);
            let outcome = match keepalive {
                Some(interval) => match timeout(interval, step).await {
                    Ok(outcome) => outcome,
                    Err(_) => return Some(Bytes::from_static(self.flow.passage.keepalive())),
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
