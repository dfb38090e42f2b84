//! Fourth step: the upstream's answer to the client, metered as it passes.
//!
//! Chat from an OpenAI-compatible upstream is relayed byte-true, event by event. A tap reads usage, finish
//! reason and errors; the terminal event leaves only after the call is settled.

mod tap;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use otari_providers::{Answered, UpstreamBody, UpstreamError, UpstreamErrorKind};
use otari_wire::sse::{EventBuffer, data_frame};
use tokio::time::timeout;

use crate::error::GatewayError;
use crate::settle::Settlement;

use tap::{Seen, Tap};

/// Longest non-streaming answer that is read: far above any model's output limit, images as base64 included.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
const KEEPALIVE: &[u8] = b": keepalive\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";
/// Fixed text: the provider's own goes to the usage row only.
const STREAM_ERROR: &str = r#"{"error":{"message":"An error occurred during streaming","type":"server_error","param":null,"code":null}}"#;

/// How answers are labelled: an aliased call shows the name the caller asked for.
#[derive(Clone, Debug)]
pub(crate) struct Relabel(pub(crate) Option<String>);

/// What relaying needs to know of the attempt that answers.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) instance: String,
    /// Reasoning tokens come beside, not inside, the completion count.
    pub(crate) reasoning_outside: bool,
}

/// A complete answer, settled.
pub(crate) async fn relay_whole(
    answered: Answered,
    from: &Source,
    relabel: &Relabel,
    settlement: &mut Settlement,
) -> Result<Bytes, GatewayError> {
    let outcome = read_whole(answered, from, relabel, settlement).await;
    match outcome {
        Ok(body) => {
            settlement.succeed().await;
            Ok(body)
        }
        Err(error) => {
            let error = GatewayError::upstream(&from.instance, error);
            settlement.fail(&error).await;
            Err(error)
        }
    }
}

async fn read_whole(
    answered: Answered,
    from: &Source,
    relabel: &Relabel,
    settlement: &mut Settlement,
) -> Result<Bytes, UpstreamError> {
    let body = answered.body.collect(ANSWER_BYTES_MAX).await?;
    let mut tap = Tap::new(from.reasoning_outside);
    tap.read_whole(&body)?;
    if let Some(produced) = settlement.produced() {
        tap.report(produced);
    }
    Ok(match &relabel.0 {
        Some(name) => tap::relabelled(&body, name).map_or(body, Bytes::from),
        None => body,
    })
}

/// A stream on its way to the client. Dropping it settles the call as abandoned.
#[derive(Debug)]
pub struct RelayStream {
    /// `None` once everything from upstream was read or given up.
    upstream: Option<UpstreamBody>,
    buffer: EventBuffer,
    tap: Tap,
    settlement: Settlement,
    relabel: Relabel,
    instance: String,
    ready: VecDeque<Bytes>,
    keepalive: Option<Duration>,
}

impl RelayStream {
    /// Waits for the first event, so that a failure before it is still an HTTP error; but no longer than one
    /// keep-alive interval, after which the stream begins with a keep-alive.
    pub(crate) async fn open(
        answered: Answered,
        from: Source,
        relabel: Relabel,
        settlement: Settlement,
        keepalive: Option<Duration>,
    ) -> Result<Self, GatewayError> {
        let mut stream = Self {
            upstream: Some(answered.body),
            buffer: EventBuffer::default(),
            tap: Tap::new(from.reasoning_outside),
            settlement,
            relabel,
            instance: from.instance,
            ready: VecDeque::new(),
            keepalive,
        };
        let first = stream.first_event();
        let outcome = match keepalive {
            Some(interval) => timeout(interval, first).await.unwrap_or(Ok(())),
            None => first.await,
        };
        match outcome {
            Ok(()) => Ok(stream),
            Err(error) => {
                let error = GatewayError::upstream(&stream.instance, error);
                stream.settlement.fail(&error).await;
                Err(error)
            }
        }
    }

    /// The next bytes for the client, or `None` at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            self.upstream.as_ref()?;
            let keepalive = self.keepalive;
            let step = self.step();
            let outcome = match keepalive {
                Some(interval) => match timeout(interval, step).await {
                    Ok(outcome) => outcome,
                    Err(_) => return Some(Bytes::from_static(KEEPALIVE)),
                },
                None => step.await,
            };
            if let Err(error) = outcome {
                self.break_off(error).await;
            }
        }
    }

    async fn first_event(&mut self) -> Result<(), UpstreamError> {
        while self.ready.is_empty() && self.upstream.is_some() {
            self.step().await?;
        }
        Ok(())
    }

    /// Reads one chunk and queues what it completes. Safe to cancel while it waits for the chunk; everything
    /// after the chunk arrived either does not wait or only for the settlement, which is not cancelled by the
    /// keep-alive because it happens in `finish`.
    async fn step(&mut self) -> Result<(), UpstreamError> {
        let Some(upstream) = &mut self.upstream else {
            return Ok(());
        };
        match upstream.next_chunk().await? {
            Some(chunk) => {
                self.buffer.push(chunk);
                self.take_events().await
            }
            None => self.end_of_upstream().await,
        }
    }

    /// Queues the complete events, as one piece where nothing has to change.
    async fn take_events(&mut self) -> Result<(), UpstreamError> {
        let mut out = BytesMut::new();
        let mut single: Option<Bytes> = None;
        let mut done = false;
        let mut broken = None;
        loop {
            let event = match self.buffer.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(_) => {
                    broken = Some(malformed("an event of the stream is too large"));
                    break;
                }
            };
            let bytes = match self.tap.read_event(&event) {
                Ok(Seen::Forward) => match &self.relabel.0 {
                    Some(name) => tap::relabelled_event(&event, name).unwrap_or(event.raw),
                    None => event.raw,
                },
                Ok(Seen::Done) => {
                    done = true;
                    event.raw
                }
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            };
            match single.take() {
                None if out.is_empty() => single = Some(bytes),
                None => out.extend_from_slice(&bytes),
                Some(first) => {
                    out.extend_from_slice(&first);
                    out.extend_from_slice(&bytes);
                }
            }
            if done {
                break;
            }
        }
        self.report();
        let piece = single.unwrap_or_else(|| out.freeze());
        if !piece.is_empty() {
            if done {
                self.finish(piece).await;
            } else {
                self.ready.push_back(piece);
            }
        }
        broken.map_or(Ok(()), Err)
    }

    /// The upstream closed. Fine after a finish reason, with or without `[DONE]`; otherwise the answer was cut.
    async fn end_of_upstream(&mut self) -> Result<(), UpstreamError> {
        self.upstream = None;
        let rest = std::mem::take(&mut self.buffer).into_rest();
        let mut last = BytesMut::new();
        if let Some(event) = rest {
            // The last blank line is missing, as some servers have it.
            let seen = self.tap.read_event(&event)?;
            last.extend_from_slice(&event.raw);
            last.extend_from_slice(b"\n\n");
            if matches!(seen, Seen::Forward) && self.tap.is_complete() {
                last.extend_from_slice(DONE);
            }
        } else if self.tap.is_complete() {
            last.extend_from_slice(DONE);
        }
        self.report();
        if !self.tap.is_complete() {
            return Err(malformed("the stream ended before the answer was complete"));
        }
        self.finish(last.freeze()).await;
        Ok(())
    }

    /// Settles, then releases the last bytes.
    async fn finish(&mut self, last: Bytes) {
        // In this order: once taken, no keep-alive can cut in between.
        let upstream = self.upstream.take();
        self.ready.push_back(last);
        self.settlement.succeed().await;
        if let Some(upstream) = upstream {
            // Reads the end of the body, so that the connection is reused; the client does not wait for it.
            tokio::spawn(upstream.drain());
        }
    }

    /// After the first byte a failure is the surface's own error event, then the end; never a silent cut.
    async fn break_off(&mut self, error: UpstreamError) {
        self.upstream = None;
        let error = GatewayError::upstream(&self.instance, error);
        tracing::warn!(%error, "a stream broke off");
        self.settlement.fail(&error).await;
        self.ready.push_back(data_frame(STREAM_ERROR.as_bytes()));
        self.ready.push_back(Bytes::from_static(DONE));
    }

    fn report(&mut self) {
        let elapsed = self.settlement.elapsed_ms();
        if let Some(produced) = self.settlement.produced() {
            self.tap.report(produced);
            produced.first_chunk_ms.get_or_insert(elapsed);
        }
    }
}

fn malformed(message: &str) -> UpstreamError {
    UpstreamError::new(UpstreamErrorKind::Malformed, message)
}
