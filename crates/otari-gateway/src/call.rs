//! The walk of a generation call: admit → plan → reserve → dispatch → relay → settle.

use std::sync::Arc;

use bytes::Bytes;
use otari_translate::Surface;

use crate::Gateway;
use crate::admit::{Admitted, Refused, admit};
use crate::dispatch::{Outgoing, Parsed};
use crate::documents::Understanding;
use crate::error::GatewayError;
use crate::guardrails::{self, AnswerChecks, Asker, Screened, Told};
use crate::in_flight::Underway;
use crate::inbound::{Inbound, Origin, Reply};
use crate::plan::{Plan, plan};
use crate::request::Request;
use crate::reserve::{Demand, reserve, top_up};
use crate::settle::{Settlement, log_refusal};
use crate::thread::Thread;
use crate::tool_loop::set_up;
use crate::walk::Answered;

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
                // Rare, and large: other calls do not carry its room.
                let answer = async {
                    let changed = Request::parse(request.surface, inbound.named.as_ref(), &body)?;
                    self.answer(inbound, &changed, &body, begun, checks).await
                };
                Box::pin(answer).await?
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
            Some(previous) => {
                let expanded = Request::parse(request.surface, None, &previous.expanded)?;
                Some(Box::new(expanded))
            }
            None => None,
        };
        let understanding = Understanding {
            asker: Asker {
                gateway: self,
                origin: &inbound.origin,
                billed: &begun.admitted.billed,
            },
            checks: checks.results.clone(),
        };
        let mut outgoing = Outgoing {
            inbound,
            body,
            request,
            expanded: expanded.as_deref(),
            thread: &thread,
            user: &begun.admitted.billed.user,
            label: begun.plan.label.as_deref(),
            parsed: Parsed::default(),
            output: checks.output,
            tools: None,
            understanding: Some(&understanding),
        };
        if request.tools.is_some() {
            let set_up = set_up(self, &outgoing, &begun.admitted, checks.results);
            outgoing.tools = Box::pin(set_up).await?;
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
        if self.control.platform().is_some() && self.policies.known_as(model, None).is_some() {
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
}

/// A call that passed the gates.
pub(crate) struct Begun {
    pub(crate) admitted: Admitted,
    pub(crate) plan: Plan,
    pub(crate) settlement: Settlement,
}
