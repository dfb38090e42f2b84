//! Where an answer comes from.

use bytes::Bytes;
use otari_providers::{UpstreamBody, UpstreamError};
use otari_translate::surface::keep_alive;

use crate::error::GatewayError;
use crate::relay::continued::Continued;
use crate::relay::passage::{BrokenOff, Passage, Step};
use crate::relay::spoken::Spoken;
use crate::settle::Settlement;

/// One answer of one upstream, or a conversation between a model and tools.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one, and goes into the box of its stream"
)]
pub(super) enum Source {
    Upstream {
        /// `None` once everything was read or given up.
        body: Option<UpstreamBody>,
        passage: Passage,
        instance: String,
    },
    Spoken {
        spoken: Box<Spoken>,
        open: bool,
    },
    Continued(Box<Continued>),
}

/// What one step of a source makes.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// For the client; complete events.
    pub(super) bytes: Bytes,
    /// `bytes` ends the answer.
    pub(super) done: bool,
    /// The answer is broken after `bytes`.
    pub(super) broken: Option<GatewayError>,
}

impl Source {
    pub(super) fn upstream(body: UpstreamBody, passage: Passage, instance: &str) -> Self {
        Self::Upstream {
            body: Some(body),
            passage,
            instance: instance.to_owned(),
        }
    }

    pub(super) fn spoken(spoken: Box<Spoken>) -> Self {
        Self::Spoken { spoken, open: true }
    }

    /// Whether more may come.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Upstream { body, .. } => body.is_some(),
            Self::Spoken { open, .. } => *open,
            Self::Continued(continued) => continued.is_open(),
        }
    }

    /// The caller has an answer from here on.
    pub(super) fn release(&mut self) {
        if let Self::Continued(continued) = self {
            continued.release();
        }
    }

    /// Whether another candidate is out of the question, though nothing left yet.
    pub(super) fn is_locked_in(&self) -> bool {
        match self {
            Self::Upstream { .. } | Self::Continued(_) => false,
            Self::Spoken { spoken, .. } => spoken.is_locked_in(),
        }
    }

    /// Reads what comes next. Safe to cancel while it waits.
    pub(super) async fn step(&mut self, settlement: &mut Settlement) -> Read {
        match self {
            Self::Spoken { spoken, .. } => spoken.step(settlement).await,
            Self::Continued(continued) => continued.step(settlement).await,
            Self::Upstream {
                body,
                passage,
                instance,
            } => {
                let Some(upstream) = body else {
                    return Read::default();
                };
                let step = match upstream.next_chunk().await {
                    Ok(Some(chunk)) => passage.push(chunk),
                    Ok(None) => {
                        *body = None;
                        ended(passage.end())
                    }
                    Err(error) => Step {
                        broken: Some(error),
                        ..Step::default()
                    },
                };
                if let Some(produced) = settlement.produced() {
                    passage.report(produced);
                }
                Read {
                    bytes: step.bytes,
                    done: step.done,
                    broken: step
                        .broken
                        .map(|error| GatewayError::upstream(instance, error)),
                }
            }
        }
    }

    /// Nothing more is read. What is left of an upstream's body can be drained, so that its connection is used again.
    pub(super) fn close(&mut self) -> Option<UpstreamBody> {
        match self {
            Self::Upstream { body, .. } => body.take(),
            Self::Spoken { open, .. } => {
                *open = false;
                None
            }
            Self::Continued(continued) => {
                continued.close();
                None
            }
        }
    }

    /// The surface's error event and what must follow it.
    pub(super) fn fail(&mut self, why: BrokenOff) -> Bytes {
        match self {
            Self::Upstream { passage, .. } => passage.fail(why),
            Self::Spoken { spoken, .. } => spoken.fail(why),
            Self::Continued(continued) => continued.fail(why),
        }
    }

    pub(super) fn keepalive(&self) -> &'static [u8] {
        match self {
            Self::Upstream { passage, .. } => passage.keepalive(),
            Self::Spoken { spoken, .. } => keep_alive(spoken.surface()),
            Self::Continued(continued) => keep_alive(continued.surface()),
        }
    }
}

fn ended(last: Result<Bytes, UpstreamError>) -> Step {
    match last {
        Ok(bytes) => Step {
            bytes,
            done: true,
            broken: None,
        },
        Err(error) => Step {
            broken: Some(error),
            ..Step::default()
        },
    }
}
