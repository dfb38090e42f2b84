//! Who goes on with a stream that breaks off.

use std::sync::Arc;

use http::HeaderMap;
use otari_providers::Answered;
use otari_translate::{Call, Surface};

use crate::Gateway;
use crate::admit::Billed;
use crate::dispatch::{Outgoing, anthropic_headers, call_of, envelope, watch};
use crate::error::GatewayError;
use crate::inbound::Origin;
use crate::plan::Attempt;
use crate::relay::{Begun, Continued, End, Flow};
use crate::reserve::{Demand, find_more_room, find_room};
use crate::settle::{Settlement, Twin};
use crate::tool_loop::Line;
use crate::walk::{Failed, Tried, moves_on};

/// The candidates that are left, and what asking them takes.
#[derive(Clone)]
pub(crate) struct WaysOut {
    gateway: Arc<Gateway>,
    origin: Origin,
    billed: Billed,
    demand: Demand,
    anthropic: Option<HeaderMap>,
    rest: Vec<Attempt>,
}

/// Somebody who goes on.
pub(crate) struct Found {
    pub(crate) line: Line,
    pub(crate) answered: Answered,
    /// Pays for the rest.
    pub(crate) settlement: Settlement,
    /// How many candidates are left after it.
    pub(crate) left: usize,
}

impl WaysOut {
    /// The first that begins to answer `call`. `id`: the answer's.
    pub(crate) async fn find(
        self,
        call: Call,
        twin: Twin,
        id: String,
    ) -> Result<Found, GatewayError> {
        let mut rest = self.rest.iter();
        let mut next = rest
            .next()
            .ok_or(GatewayError::AllFailed { timed_out: false })?;
        let reserved = find_room(&self.gateway, &self.billed, self.demand, &next.target).await?;
        let mut settlement = twin.open(reserved, next);
        loop {
            let error = match self.ask(&call, next, &id).await {
                Ok((line, answered)) => {
                    return Ok(Found {
                        line,
                        answered,
                        settlement,
                        left: rest.len(),
                    });
                }
                Err(error) => error,
            };
            let Some(following) = rest.next().filter(|_| moves_on(&error)) else {
                settlement.outrun(Some(&error));
                return Err(error);
            };
            next = following;
            settlement.absorb(&error);
            settlement.aim(next);
            if let Some(reserved) = settlement.reserved() {
                let topped = find_more_room(
                    &self.gateway,
                    &self.billed,
                    self.demand,
                    &next.target,
                    reserved,
                );
                if let Err(error) = topped.await {
                    settlement.outrun(Some(&error));
                    return Err(error);
                }
            }
        }
    }

    /// Only the last `left` candidates are still to be tried.
    pub(crate) fn drop_before(&mut self, left: usize) {
        let tried = self.rest.len().saturating_sub(left);
        self.rest.drain(..tried);
    }

    async fn ask(
        &self,
        call: &Call,
        attempt: &Attempt,
        id: &str,
    ) -> Result<(Line, Answered), GatewayError> {
        let anthropic = self.anthropic.clone();
        let line = Line::open(&self.gateway, &self.origin, attempt, call, anthropic, id)?;
        let letter = line.encode(call)?;
        let answered = line.send(letter).await?;
        Ok((line, answered))
    }
}

/// Begins a stream that can be continued. `None`: one that cannot.
pub(super) async fn begin(
    gateway: &Arc<Gateway>,
    tried: Tried<'_>,
    rest: &[Attempt],
    outgoing: &Outgoing<'_>,
) -> Result<Option<Flow>, Failed> {
    let call = call_of(gateway, outgoing)?;
    if call.choices.is_some_and(|choices| choices > 1) || call.logprobs.is_some() {
        return Ok(None);
    }
    let ways_out = WaysOut {
        gateway: Arc::clone(gateway),
        origin: outgoing.inbound.origin.clone(),
        billed: tried.billed.clone(),
        demand: outgoing.demand(),
        anthropic: anthropic_headers_of(&call, outgoing),
        rest: rest.to_vec(),
    };
    let attempt = tried.attempt;
    let envelope = envelope(outgoing, attempt);
    let (line, answered) = ways_out.ask(&call, attempt, &envelope.id).await?;
    let turn = line.read(answered, &call, 0);
    let continued = Continued::new(Begun {
        line,
        turn,
        envelope,
        watch: watch(gateway, outgoing),
        ways_out,
        call,
    });
    let end = End {
        surface: outgoing.request.surface,
        keep: outgoing.thread.keep(None, &attempt.target.model),
        output: outgoing.output.clone(),
    };
    Ok(Some(Flow::of_continued(Box::new(continued), end)))
}

fn anthropic_headers_of(call: &Call, outgoing: &Outgoing<'_>) -> Option<HeaderMap> {
    let is_messages = call.surface == Surface::Messages;
    is_messages.then(|| anthropic_headers(outgoing.inbound, outgoing.request))
}
