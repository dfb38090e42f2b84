//! An attempt at a call whose tools the gateway runs.

use std::sync::Arc;

use otari_translate::Surface;

use crate::admit::Billed;
use crate::dispatch::{Outgoing, anthropic_headers, envelope, watch};
use crate::plan::Attempt;
use crate::relay::{End, Flow, Spoken};
use crate::settle::Settlement;
use crate::tool_loop::{Beginning, Conversation, Line, Tooling};
use crate::walk::{Answer, Failed};

pub(super) struct Talk<'a> {
    pub(super) tooling: &'a Tooling,
    pub(super) outgoing: &'a Outgoing<'a>,
    pub(super) billed: &'a Billed,
}

impl Talk<'_> {
    pub(super) async fn attempt(
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
        let understood = match outgoing.understanding {
            Some(understanding) => understanding.of_call(&tooling.call, attempt).await,
            None => None,
        };
        let call = understood.as_ref().unwrap_or(&tooling.call);
        let deadline = attempt.first_chunk_by(outgoing.request.stream, true);
        let asked = line.ask(call, demand, billed, settlement);
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
            call: call.clone(),
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
