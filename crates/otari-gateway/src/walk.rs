//! The attempts of a call, first to last, until one answers. A failure before the first byte of an answer is repeated
//! or moves on; one of the gateway's own does not.

mod progress;
mod race;
mod rescue;
mod talk;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use otari_providers::{UpstreamError, UpstreamErrorKind};
use tokio::time::timeout;

use crate::Gateway;
use crate::admit::Billed;
use crate::dispatch::{Dispatched, Outgoing, Parsed, dispatch};
use crate::documents::Understood;
use crate::error::GatewayError;
use crate::guardrails::Told;
use crate::inbound::ReplyBody;
use crate::plan::Plan;
use crate::relay::{End, Flow, Relay, RelayStream, read_whole};
use crate::reserve::{Demand, top_up};
use crate::settle::Settlement;

use progress::Tried;
pub(crate) use progress::Walk;
use race::race;
pub(crate) use rescue::{Found, WaysOut};
use talk::Talk;

/// What an attempt brought, for the caller.
pub(crate) struct Answered {
    pub(crate) body: ReplyBody,
    pub(crate) told: Vec<Told>,
    /// Where its programs ran, if that stays.
    pub(crate) container: Option<String>,
}

impl Gateway {
    /// Walks the attempts until one answers.
    pub(crate) async fn attempt_all(
        self: &Arc<Self>,
        plan: &Plan,
        billed: &Billed,
        outgoing: Outgoing<'_>,
        settlement: &mut Settlement,
    ) -> Result<Answered, GatewayError> {
        let mut walk = Walk::new(plan, billed, &outgoing.inbound.underway);
        loop {
            let attempted = match &outgoing.tools {
                None => race(self, &mut walk, &outgoing, settlement).await,
                Some(tooling) => {
                    let talk = Talk {
                        tooling,
                        outgoing: &outgoing,
                        billed,
                    };
                    Box::pin(talk.attempt(walk.current, settlement)).await
                }
            };
            let error = match attempted {
                Ok(answer) => return Ok(self.hand_out(answer, &outgoing, settlement)),
                Err(failed) if failed.is_last => return Err(failed.error),
                Err(failed) => failed.error,
            };
            self.next_attempt(&mut walk, outgoing.demand(), error, settlement)
                .await?;
        }
    }

    fn hand_out(
        &self,
        answer: Answer,
        outgoing: &Outgoing<'_>,
        settlement: &mut Settlement,
    ) -> Answered {
        let (body, told) = match answer {
            Answer::Whole(bytes, told) => (ReplyBody::Json(bytes), told),
            Answer::Stream(flow) => {
                let keepalive = self.settings.keepalive;
                let stream = RelayStream::new(flow, settlement.hand_over(), keepalive);
                (ReplyBody::Stream(Box::new(stream)), Vec::new())
            }
        };
        Answered {
            body,
            told,
            container: outgoing.container(),
        }
    }

    /// Aims the walk at what is tried after a failure: the same candidate again after a wait, else the next one with
    /// room for it. An error ends the call.
    pub(crate) async fn next_attempt(
        &self,
        walk: &mut Walk<'_>,
        demand: Demand,
        error: GatewayError,
        settlement: &mut Settlement,
    ) -> Result<(), GatewayError> {
        if let Some(wait) = walk.wait_before_repeating(&error) {
            settlement.absorb(&error);
            tokio::time::sleep(wait).await;
            settlement.aim_again();
            walk.repeat();
            return Ok(());
        }
        let Some(next) = walk.rest.first().filter(|_| moves_on(&error)) else {
            settlement.fail(&error).await;
            return Err(exhausted(walk.plan, error));
        };
        walk.go_on();
        settlement.absorb(&error);
        settlement.aim(next);
        if let Some(reserved) = settlement.reserved() {
            top_up(self, walk.billed, demand, &next.target, reserved).await?;
        }
        Ok(())
    }

    /// One attempt at an answer to the request as its model can take it.
    async fn attempt(
        self: &Arc<Self>,
        tried: Tried<'_>,
        outgoing: &Outgoing<'_>,
        settlement: &mut Settlement,
    ) -> Result<Answer, Failed> {
        let understood = match outgoing.understanding {
            Some(understanding) => understanding.of(outgoing, tried.attempt).await,
            None => None,
        };
        match understood {
            None => self.attempt_in_time(tried, outgoing, settlement).await,
            // Rare, and large: other calls do not carry its room.
            Some(understood) => {
                Box::pin(self.attempt_understood(understood, tried, outgoing, settlement)).await
            }
        }
    }

    /// With what was made of the attachments.
    async fn attempt_understood(
        self: &Arc<Self>,
        understood: Understood,
        tried: Tried<'_>,
        outgoing: &Outgoing<'_>,
        settlement: &mut Settlement,
    ) -> Result<Answer, Failed> {
        let thread = understood.thread(outgoing.thread);
        let requests = understood.requests(outgoing, &thread)?;
        let shown = Outgoing {
            body: understood.body(outgoing),
            request: &requests.request,
            expanded: requests.expanded.as_ref(),
            thread: &thread,
            parsed: Parsed::default(),
            output: outgoing.output.clone(),
            tools: None,
            ..*outgoing
        };
        if let Some(reserved) = settlement.reserved() {
            let target = &tried.attempt.target;
            top_up(self, tried.billed, shown.demand(), target, reserved).await?;
        }
        settlement.begin_turn(shown.demand().prompt_bytes);
        self.attempt_in_time(tried, &shown, settlement).await
    }

    /// Given up where its first token does not come in time.
    async fn attempt_in_time(
        self: &Arc<Self>,
        tried: Tried<'_>,
        outgoing: &Outgoing<'_>,
        settlement: &mut Settlement,
    ) -> Result<Answer, Failed> {
        let keepalive = self.settings.keepalive.filter(|_| tried.limit.is_none());
        let limit = {
            // Pinned once: both ways to wait share its room.
            let mut asked = pin!(self.attempt_once(tried, outgoing, settlement, keepalive));
            let Some(limit) = tried.limit else {
                return asked.await;
            };
            if let Ok(attempted) = timeout(limit, asked.as_mut()).await {
                return attempted;
            }
            limit
        };
        let message = format!("no first token within {} ms", limit.as_millis());
        let error = UpstreamError::new(UpstreamErrorKind::Timeout, message);
        Err(Failed {
            error: GatewayError::upstream(&tried.attempt.instance()?.name, error),
            is_last: settlement.is_settled(),
        })
    }

    async fn attempt_once(
        self: &Arc<Self>,
        tried: Tried<'_>,
        outgoing: &Outgoing<'_>,
        settlement: &mut Settlement,
        keepalive: Option<Duration>,
    ) -> Result<Answer, Failed> {
        let attempt = tried.attempt;
        if let Some(rest) = tried.ways_out
            && let Some(mut flow) = Box::pin(rescue::begin(self, tried, rest, outgoing)).await?
        {
            flow.begin(settlement, keepalive, None).await?;
            return Ok(Answer::Stream(flow));
        }
        let deadline = attempt.first_chunk_by(outgoing.request.stream, false);
        let sent = dispatch(self, outgoing, attempt);
        let Dispatched {
            answered,
            passage,
            keep,
        } = match deadline {
            Some((deadline, instance)) => deadline.within(instance, Box::pin(sent)).await?,
            None => sent.await?,
        };
        let relay = Relay {
            passage,
            instance: attempt.instance()?.name.as_str(),
            end: End {
                surface: outgoing.request.surface,
                keep,
                output: outgoing.output.clone(),
            },
        };
        if outgoing.request.stream {
            let mut flow = Flow::of(answered, relay);
            flow.begin(settlement, keepalive, deadline).await?;
            return Ok(Answer::Stream(flow));
        }
        let (whole, told) = read_whole(answered, relay, settlement).await?;
        Ok(Answer::Whole(whole, told))
    }
}

/// An attempt that brought no answer.
struct Failed {
    error: GatewayError,
    /// No other candidate is asked: tools may have run for this one.
    is_last: bool,
}

impl From<GatewayError> for Failed {
    fn from(error: GatewayError) -> Self {
        Self {
            error,
            is_last: false,
        }
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "moved once, into the box of its stream"
)]
enum Answer {
    /// Complete and settled, and what was said of it.
    Whole(Bytes, Vec<Told>),
    Stream(Flow),
}

/// Whether the next candidate may do better: the provider failed, or has no place for what was asked.
fn moves_on(error: &GatewayError) -> bool {
    matches!(
        error,
        GatewayError::Upstream(_) | GatewayError::Unsupported { .. }
    )
}

/// A single candidate's failure is told as if it had been named; of several only that all failed.
fn exhausted(plan: &Plan, last: GatewayError) -> GatewayError {
    match last {
        GatewayError::Upstream(failure) if !plan.rest.is_empty() => GatewayError::AllFailed {
            timed_out: failure.error.kind == UpstreamErrorKind::Timeout,
        },
        other => other,
    }
}
