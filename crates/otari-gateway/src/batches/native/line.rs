//! A line of a provider's batch: what of the walk comes before it is handed over, and what after its answer.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use otari_store::batch_lines::BatchLine;

use crate::admit::{Admitted, admit};
use crate::dispatch::{Outgoing, Parsed, prepare_apart};
use crate::error::GatewayError;
use crate::guardrails::{Asker, Screen};
use crate::in_flight::Underway;
use crate::inbound::{Behalf, Inbound, Origin};
use crate::plan::{Plan, plan};
use crate::relay::Passage;
use crate::request::Request;
use crate::reserve::{Demand, reserve, reserve_made};
use crate::settle::Settlement;
use crate::thread::Thread;

use super::super::call_id;
use super::Native;
use super::answer::Answer;

/// A line as far as the provider.
struct Ready {
    inbound: Inbound,
    admitted: Admitted,
    plan: Plan,
    screen: Screen,
    demand: Demand,
    body: Bytes,
    passage: Passage,
}

impl Native {
    /// The body in the provider's format, and the provider's name of the model. The line passes every gate, and what it may
    /// cost is held.
    pub(super) async fn prepare(
        &mut self,
        line: &BatchLine,
    ) -> Result<(Bytes, String), GatewayError> {
        // What was held while nobody knew whether the provider has it.
        self.holds.remove(&line.line);
        let ready = self.ready(line, true).await?;
        let target = &ready.plan.first.target;
        let billed = &ready.admitted.billed;
        let room = reserve(self.gateway(), billed, ready.demand, target).await;
        let room = room.map_err(|refused| refused.error)?;
        let model = target.model.clone();
        self.holds.insert(line.line, room);
        Ok((ready.body, model))
    }

    /// Holds for the lines that the provider has already, after another process did or this one before a restart.
    pub(super) async fn hold_again(&mut self) -> Result<(), GatewayError> {
        let mut after = -1;
        loop {
            let lines = self.lines(after).await?;
            let Some(last) = lines.last() else {
                return Ok(());
            };
            after = last.line;
            for line in &lines {
                if self.holds.contains_key(&line.line) {
                    continue;
                }
                // One that is not permitted any more is answered so when its answer is there.
                let Ok(ready) = self.ready(line, false).await else {
                    continue;
                };
                let billed = &ready.admitted.billed;
                let target = &ready.plan.first.target;
                let room = reserve_made(self.gateway(), billed, ready.demand, target);
                let room = room.await?;
                self.holds.insert(line.line, room);
            }
        }
    }

    /// Prices an answer and writes it as the surface wants it.
    pub(super) async fn settle(
        &mut self,
        line: &BatchLine,
        answer: Answer,
    ) -> Result<String, GatewayError> {
        let held = self.holds.remove(&line.line);
        let mut ready = self.ready(line, false).await?;
        let gateway = self.gateway();
        let (origin, billed) = (&ready.inbound.origin, &ready.admitted.billed);
        let reserved = match held {
            Some(reserved) => reserved,
            None => reserve_made(gateway, billed, ready.demand, &ready.plan.first.target).await?,
        };
        let mut settlement =
            Settlement::open(gateway, origin, billed, &ready.plan, reserved, ready.demand);
        if let Some(behalf) = &ready.inbound.behalf {
            settlement.charge_once_as(&behalf.row_id);
        }
        let told = |error| GatewayError::upstream(&self.instance.name, error);
        let answered = async {
            let rendered = ready.passage.whole(answer.map_err(told)?).map_err(told)?;
            if let Some(produced) = settlement.produced() {
                ready.passage.report(produced);
            }
            match ready.screen.answer(gateway, origin, billed).output {
                Some(checks) => Ok(checks.whole(self.surface, rendered).await?.0),
                None => Ok(rendered),
            }
        };
        match answered.await {
            Ok(rendered) => {
                settlement.succeed().await;
                Ok(String::from_utf8_lossy(&rendered).into_owned())
            }
            Err(error) => {
                settlement.fail(&error).await;
                Err(error)
            }
        }
    }

    async fn ready(&self, line: &BatchLine, checked: bool) -> Result<Ready, GatewayError> {
        let gateway = self.gateway();
        let id: Arc<str> = call_id(&self.batch.id, line.line).into();
        let mut inbound = self.inbound(&id, Bytes::from(line.request.clone()));
        let request = Request::parse(self.surface, None, &inbound.body)?;
        let admitted = admit(gateway, &inbound, None).await;
        let admitted = admitted.map_err(|refused| refused.error)?;
        let plan = plan(gateway, &inbound, &request.model, &admitted).await;
        let plan = plan.map_err(|refused| refused.error)?;
        if request.stream || request.tools.is_some() {
            return Err(GatewayError::InvalidRequest(
                "neither streams nor tools that the gateway runs have a place in a batch of the provider's own".to_owned(),
            ));
        }
        if plan.first.instance()?.name != self.instance.name {
            return Err(super::foreign(&self.instance.name, &request.model));
        }
        let screen = gateway
            .guardrails
            .screen(&request.guardrails, &plan.guardrails)
            .await?;
        let asker = Asker {
            gateway,
            origin: &inbound.origin,
            billed: &admitted.billed,
        };
        let changed = if checked {
            screen.input(asker, &request).await?.body
        } else {
            None
        };
        if let Some(changed) = changed {
            inbound = self.inbound(&id, changed);
        }
        let request = Request::parse(self.surface, None, &inbound.body)?;
        let outgoing = Outgoing {
            inbound: &inbound,
            body: &inbound.body,
            request: &request,
            expanded: None,
            thread: &Thread::default(),
            user: &admitted.billed.user,
            label: plan.label.as_deref(),
            parsed: Parsed::default(),
            output: None,
            tools: None,
            understanding: None,
        };
        let (prepared, operation) = prepare_apart(gateway, &outgoing, &plan.first)?;
        if !self.service.takes(operation) {
            return Err(super::foreign(&self.instance.name, &request.model));
        }
        Ok(Ready {
            demand: request.demand,
            body: prepared.body,
            passage: prepared.passage,
            inbound,
            admitted,
            plan,
            screen,
        })
    }

    fn inbound(&self, id: &Arc<str>, body: Bytes) -> Inbound {
        Inbound {
            origin: Origin {
                endpoint: match self.surface {
                    otari_translate::Surface::Messages => "/v1/messages",
                    _ => "/v1/chat/completions",
                },
                request_id: Arc::clone(id),
                started: Instant::now(),
                received_at: self.gateway().clock.now(),
                traceparent: None,
            },
            headers: HeaderMap::new(),
            body,
            named: None,
            behalf: Some(Behalf {
                user: self.batch.user_id.clone(),
                key: self.batch.api_key_id.clone(),
                row_id: Arc::clone(id),
            }),
            underway: Underway::default(),
        }
    }
}
