//! The walk of a generation call: admit → plan → reserve → dispatch → relay → settle.

use std::sync::Arc;

use bytes::Bytes;
use otari_providers::UpstreamErrorKind;
use otari_translate::Surface;

use crate::Gateway;
use crate::admit::{Admitted, Billed, Refused, admit};
use crate::dispatch::{Dispatched, Outgoing, Parsed, anthropic_headers, dispatch, envelope, watch};
use crate::error::GatewayError;
use crate::guardrails::{self, AnswerChecks, Asker, Screened, Told};
use crate::in_flight::Underway;
use crate::inbound::{Inbound, Origin, Reply, ReplyBody};
use crate::plan::{Attempt, Plan, plan};
use crate::relay::{End, Flow, Relay, RelayStream, Spoken, read_whole};
use crate::request::Request;
use crate::reserve::{Demand, reserve, top_up};
use crate::settle::{Settlement, log_refusal};
use crate::thread::Thread;
use crate::tool_loop::{Beginning, Conversation, Line, Tooling, set_up};

impl Gateway {
    /// Answers one generation request of any surface.
    pub async fn generate(
        self: &Arc<Self>,
        surface: Surface,
        inbound: &Inbound,
    ) -> Result<Reply, GatewayError> {
        let request = Request::parse(surface, inbound.named.as_ref(), &inbound.body)?;
        let mut begun = self
            .begin(
                inbound,
                request.user.as_deref(),
                &request.model,
                request.demand,
            )
            .await?;
        if let Some(tab) = begun.settlement.tab()
            && let Some(label) = &request.session
        {
            tab.set_session(label);
        }
        match self.checked(inbound, &request, &mut begun).await {
            Ok((answered, told)) => Ok(Reply {
                body: answered.body,
                guardrails: guardrails::header(&told),
                container: answered.container,
                rate: begun.admitted.rate,
            }),
            Err(error) => {
                // Whatever stopped it. What an attempt settled stays as it is.
                begun.settlement.fail(&error).await;
                Err(error)
            }
        }
    }

    /// Asks the guardrails, and answers what they let through.
    async fn checked(
        self: &Arc<Self>,
        inbound: &Inbound,
        request: &Request<'_>,
        begun: &mut Begun,
    ) -> Result<(Answered, Vec<Told>), GatewayError> {
        let demanded = &begun.plan.guardrails;
        let screen = self
            .guardrails
            .screen(&request.guardrails, demanded)
            .await?;
        let asker = Asker {
            gateway: self,
            origin: &inbound.origin,
            billed: &begun.admitted.billed,
        };
        let Screened { mut told, body } = screen.input(asker, request).await?;
        let checks = screen.answer(self, &inbound.origin, asker.billed);
        let mut answered = match body {
            None => {
                self.answer(inbound, request, &inbound.body, begun, checks)
                    .await?
            }
            Some(body) => {
                let changed = Request::parse(request.surface, inbound.named.as_ref(), &body)?;
                self.answer(inbound, &changed, &body, begun, checks).await?
            }
        };
        told.append(&mut answered.told);
        Ok((answered, told))
    }

    /// `body` is what `request` was read from.
    async fn answer(
        self: &Arc<Self>,
        inbound: &Inbound,
        request: &Request<'_>,
        body: &Bytes,
        begun: &mut Begun,
        checks: AnswerChecks,
    ) -> Result<Answered, GatewayError> {
        let thread = match request.surface {
            Surface::Responses => self.thread(&inbound.origin, request, begun).await?,
            _ => Thread::default(),
        };
        let expanded = match &thread.previous {
            Some(previous) => Some(Request::parse(request.surface, None, &previous.expanded)?),
            None => None,
        };
        let mut outgoing = Outgoing {
            inbound,
            body,
            request,
            expanded: expanded.as_ref(),
            thread: &thread,
            user: &begun.admitted.billed.user,
            label: begun.plan.label.as_deref(),
            parsed: Parsed::default(),
            output: checks.output,
            tools: None,
        };
        if request.tools.is_some() {
            outgoing.tools = set_up(self, &outgoing, &begun.admitted, checks.results).await?;
        }
        if let Some(tooling) = &outgoing.tools {
            begun
                .settlement
                .set_tool_prices(tooling.pool.prices().clone());
        }
        self.attempt_all(
            &begun.plan,
            &begun.admitted.billed,
            outgoing,
            &mut begun.settlement,
        )
        .await
    }

    /// The conversation a Responses request belongs to; what it adds to the prompt is held too.
    async fn thread(
        &self,
        origin: &Origin,
        request: &Request<'_>,
        begun: &mut Begun,
    ) -> Result<Thread, GatewayError> {
        let billed = &begun.admitted.billed;
        let thread = Thread::open(self, origin, request, billed).await?;
        if let (Some(previous), Some(reserved)) = (&thread.previous, begun.settlement.reserved()) {
            let demand = Demand {
                prompt_bytes: previous.expanded.len(),
                ..request.demand
            };
            top_up(self, billed, demand, &begun.plan.first.target, reserved).await?;
        }
        Ok(thread)
    }

    /// The gates every call passes, in their order; a refusal leaves its row.
    pub(crate) async fn begin(
        &self,
        inbound: &Inbound,
        user: Option<&str>,
        model: &str,
        demand: Demand,
    ) -> Result<Begun, GatewayError> {
        if self.control.platform().is_some() && self.policies.find(model).is_some() {
            return Err(GatewayError::PolicyElsewhere(model.to_owned()));
        }
        let refuse = |refused: Refused| {
            log_refusal(self, &inbound.origin, &refused, model);
            refused.error
        };
        let admitted = admit(self, inbound, user).await.map_err(refuse)?;
        let plan = plan(self, inbound, model, &admitted)
            .await
            .map_err(refuse)?;
        let reserved = reserve(self, &admitted.billed, demand, &plan.first.target)
            .await
            .map_err(refuse)?;
        let mut settlement = Settlement::open(
            self,
            &inbound.origin,
            &admitted.billed,
            &plan,
            reserved,
            demand,
        );
        if let Some(behalf) = &inbound.behalf {
            settlement.charge_once_as(&behalf.row_id);
        }
        Underway::begin(&self.in_flight, inbound, &admitted.billed, &plan);
        Ok(Begun {
            admitted,
            plan,
            settlement,
        })
    }

    /// Walks the attempts until one answers. A failure before the first byte of an answer moves on; one of the
    /// gateway's own does not.
    pub(crate) async fn attempt_all(
        &self,
        plan: &Plan,
        billed: &Billed,
        mut outgoing: Outgoing<'_>,
        settlement: &mut Settlement,
    ) -> Result<Answered, GatewayError> {
        let mut walk = Walk::new(plan, billed, &outgoing.inbound.underway);
        let mut attempt = &plan.first;
        loop {
            let attempted = match &outgoing.tools {
                None => self.attempt(attempt, &mut outgoing, settlement).await,
                Some(tooling) => {
                    let talk = Talk {
                        tooling,
                        outgoing: &outgoing,
                        billed,
                    };
                    talk.attempt(attempt, settlement).await
                }
            };
            let error = match attempted {
                Ok(Answer::Whole(bytes, told)) => {
                    let body = ReplyBody::Json(bytes);
                    return Ok(Answered {
                        body,
                        told,
                        container: outgoing.container(),
                    });
                }
                Ok(Answer::Stream(flow)) => {
                    let keepalive = self.settings.keepalive;
                    let stream = RelayStream::new(flow, settlement.hand_over(), keepalive);
                    let body = ReplyBody::Stream(Box::new(stream));
                    let told = Vec::new();
                    return Ok(Answered {
                        body,
                        told,
                        container: outgoing.container(),
                    });
                }
                Err(failed) if failed.is_last => return Err(failed.error),
                Err(failed) => failed.error,
            };
            attempt = self
                .next_attempt(&mut walk, outgoing.demand(), error, settlement)
                .await?;
        }
    }

    /// The candidate after one that failed, with room for it; else what ends the call.
    pub(crate) async fn next_attempt<'a>(
        &self,
        walk: &mut Walk<'a>,
        demand: Demand,
        error: GatewayError,
        settlement: &mut Settlement,
    ) -> Result<&'a Attempt, GatewayError> {
        let Some(next) = walk.rest.next().filter(|_| moves_on(&error)) else {
            settlement.fail(&error).await;
            return Err(exhausted(walk.plan, error));
        };
        settlement.absorb(&error);
        settlement.aim(next);
        walk.underway.aim(next);
        if let Some(reserved) = settlement.reserved() {
            top_up(self, walk.billed, demand, &next.target, reserved).await?;
        }
        Ok(next)
    }

    async fn attempt(
        &self,
        attempt: &Attempt,
        outgoing: &mut Outgoing<'_>,
        settlement: &mut Settlement,
    ) -> Result<Answer, Failed> {
        let stream = outgoing.request.stream;
        let deadline = attempt.first_chunk_by(stream, false);
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
            let keepalive = self.settings.keepalive;
            flow.begin(settlement, keepalive, deadline).await?;
            return Ok(Answer::Stream(flow));
        }
        let (whole, told) = read_whole(answered, relay, settlement).await?;
        Ok(Answer::Whole(whole, told))
    }
}

/// A call whose tools the gateway runs.
struct Talk<'a> {
    tooling: &'a Tooling,
    outgoing: &'a Outgoing<'a>,
    billed: &'a Billed,
}

impl Talk<'_> {
    async fn attempt(
        &self,
        attempt: &Attempt,
        settlement: &mut Settlement,
    ) -> Result<Answer, Failed> {
        let Self {
            tooling,
            outgoing,
            billed,
        } = self;
        let gateway = &tooling.gateway;
        let surface = outgoing.request.surface;
        let envelope = envelope(outgoing, attempt);
        let anthropic = (surface == Surface::Messages)
            .then(|| anthropic_headers(outgoing.inbound, outgoing.request));
        let origin = &outgoing.inbound.origin;
        let line = Line::open(
            gateway,
            origin,
            attempt,
            &tooling.call,
            anthropic,
            &envelope.id,
        )?;
        let demand = outgoing.demand();
        let deadline = attempt.first_chunk_by(outgoing.request.stream, true);
        let asked = line.ask(&tooling.call, demand, billed, settlement);
        let answered = match deadline {
            Some((deadline, instance)) => deadline.within(instance, Box::pin(asked)).await?,
            None => asked.await?,
        };
        let conversation = Conversation::new(Beginning {
            line,
            answered,
            pool: Arc::clone(&tooling.pool),
            billed: (*billed).clone(),
            demand,
            call: tooling.call.clone(),
            limit: tooling.limit,
        });
        let watch = watch(gateway, outgoing);
        let asked = Arc::clone(&tooling.asked);
        let mut spoken = Box::new(Spoken::new(conversation, asked, envelope, watch));
        let end = End {
            surface,
            keep: outgoing.thread.keep(None, &attempt.target.model),
            output: outgoing.output.clone(),
        };
        if outgoing.request.stream {
            let mut flow = Flow::of_spoken(spoken, end);
            let keepalive = gateway.settings.keepalive;
            let begun = flow.begin(settlement, keepalive, deadline).await;
            return match begun {
                Ok(()) => Ok(Answer::Stream(flow)),
                Err(error) => Err(Failed {
                    is_last: flow.is_locked_in(),
                    error,
                }),
            };
        }
        let whole = spoken.whole(settlement).await.map_err(|error| Failed {
            is_last: spoken.is_locked_in(),
            error,
        })?;
        let (whole, told) = end.whole(whole, settlement).await?;
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

/// The attempts of a call that are still to come.
pub(crate) struct Walk<'a> {
    plan: &'a Plan,
    rest: std::slice::Iter<'a, Attempt>,
    billed: &'a Billed,
    underway: &'a Underway,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(plan: &'a Plan, billed: &'a Billed, underway: &'a Underway) -> Self {
        Self {
            plan,
            rest: plan.rest.iter(),
            billed,
            underway,
        }
    }
}

/// A call that passed the gates.
pub(crate) struct Begun {
    pub(crate) admitted: Admitted,
    pub(crate) plan: Plan,
    pub(crate) settlement: Settlement,
}

/// What an attempt brought.
pub(crate) struct Answered {
    pub(crate) body: ReplyBody,
    pub(crate) told: Vec<Told>,
    /// Where its programs ran, if that stays.
    pub(crate) container: Option<String>,
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
