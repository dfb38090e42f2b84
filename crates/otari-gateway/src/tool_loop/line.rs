//! How the turns of one conversation reach the attempt that answers it.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use otari_providers::quirk::{reasoning_outside_completion, writes_thoughts};
use otari_providers::{Answered, Instance, UpstreamError};
use otari_translate::Call;
use otari_translate::dialect::ThinkTags;
use otari_types::Amounts;

use super::turn::Turn;
use crate::Gateway;
use crate::admit::Billed;
use crate::dispatch::{Post, Route, accept, address, encode, route};
use crate::error::GatewayError;
use crate::inbound::Origin;
use crate::plan::Attempt;
use crate::reserve::{Demand, estimate_of, top_up_to};
use crate::settle::Settlement;

/// The same for every turn.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    gateway: Arc<Gateway>,
    origin: Origin,
    attempt: Attempt,
    instance: Arc<Instance>,
    route: Route,
    stream: bool,
    anthropic: Option<HeaderMap>,
    /// Of the answer; ids the turns need are made from it.
    id: String,
}

/// A request, ready to be sent.
#[derive(Debug, Default)]
pub(crate) struct Letter {
    body: Bytes,
    headers: HeaderMap,
}

impl Letter {
    /// Of the prompt, in bytes.
    fn size(&self) -> usize {
        self.body.len()
    }
}

impl Line {
    /// `anthropic`: what a Messages client said in headers; `id`: the answer's.
    pub(crate) fn open(
        gateway: &Arc<Gateway>,
        origin: &Origin,
        attempt: &Attempt,
        call: &Call,
        anthropic: Option<HeaderMap>,
        id: &str,
    ) -> Result<Self, GatewayError> {
        let instance = attempt.instance()?;
        Ok(Self {
            gateway: Arc::clone(gateway),
            origin: origin.clone(),
            route: route(call.surface, instance)?,
            instance: Arc::clone(instance),
            attempt: attempt.clone(),
            stream: call.stream,
            anthropic,
            id: id.to_owned(),
        })
    }

    /// Of the answer.
    pub(crate) fn answer_id(&self) -> String {
        self.id.clone()
    }

    pub(crate) fn encode(&self, call: &Call) -> Result<Letter, GatewayError> {
        let anthropic = self.anthropic.clone();
        let (body, headers) = encode(call, &self.attempt, &self.instance, self.route, anthropic)?;
        Ok(Letter { body, headers })
    }

    pub(crate) async fn send(&self, letter: Letter) -> Result<Answered, GatewayError> {
        let model = &self.attempt.target.model;
        let post = Post {
            uri: address(&self.instance, self.route.operation, model, self.stream)?,
            accept: accept(self.route.wire, self.stream),
            headers: letter.headers,
            body: letter.body,
        };
        let sent = post.send(&self.gateway, &self.origin, &self.instance).await;
        sent.map_err(|error| self.told(error))
    }

    /// Sends the first turn, once there is room for it with the tools it declares.
    pub(crate) async fn ask(
        &self,
        call: &Call,
        demand: Demand,
        billed: &Billed,
        settlement: &mut Settlement,
    ) -> Result<Answered, GatewayError> {
        let letter = self.encode(call)?;
        self.make_room(&letter, demand, billed, settlement).await?;
        self.send(letter).await
    }

    /// Makes the call's hold large enough for what was spent and a turn of this size.
    pub(crate) async fn make_room(
        &self,
        letter: &Letter,
        demand: Demand,
        billed: &Billed,
        settlement: &mut Settlement,
    ) -> Result<(), GatewayError> {
        let demand = Demand {
            prompt_bytes: letter.size(),
            ..demand
        };
        let turn = estimate_of(&self.gateway, demand, &self.attempt.target);
        self.room(billed, settlement.spent() + turn, settlement)
            .await?;
        settlement.begin_turn(letter.size());
        Ok(())
    }

    /// What reads the answer to turn `number`.
    pub(crate) fn read(&self, answered: Answered, call: &Call, number: u32) -> Turn {
        let quirks = self.instance.provider.quirks;
        let think_tags = if writes_thoughts(quirks) {
            ThinkTags::On
        } else {
            ThinkTags::Off
        };
        let seed = format!("{}{number}", self.id);
        let reasoning_outside = reasoning_outside_completion(quirks);
        Turn::new(
            answered.body,
            call.stream,
            self.route.wire,
            seed,
            think_tags,
            reasoning_outside,
        )
    }

    /// Makes the call's hold large enough for `total`.
    pub(crate) async fn room(
        &self,
        billed: &Billed,
        total: Amounts,
        settlement: &mut Settlement,
    ) -> Result<(), GatewayError> {
        let Some(reserved) = settlement.reserved() else {
            return Ok(());
        };
        top_up_to(&self.gateway, billed, total, false, reserved).await
    }

    pub(crate) fn told(&self, error: UpstreamError) -> GatewayError {
        GatewayError::upstream(&self.instance.name, error)
    }
}
