//! The conversation between a model and the gateway's own tools, as one answer.
//!
//! Between dispatch and relay: every turn of the model is dispatched to the attempt that answered the first one, what
//! the caller gets is one coherent sequence of events, and everything the turns and tools consumed is on one bill.

mod announce;
mod code;
mod containers;
mod line;
mod pool;
mod sandboxed;
mod set_up;
mod shown;
mod turn;

use std::sync::Arc;

use otari_providers::Answered;
use otari_tools::tool_loop::{OwnedCall, Step, ToolLoop};
use otari_translate::{Block, Call, Event, Finish};
use tokio_util::task::AbortOnDropHandle;

use crate::admit::Billed;
use crate::error::GatewayError;
use crate::reserve::Demand;
use crate::settle::Settlement;

pub(crate) use announce::{drop_announcements, is_announcement, may_hold_announcements};
pub(crate) use containers::Containers;
pub(crate) use line::Line;
pub(crate) use pool::Pool;
pub(crate) use set_up::{Tooling, set_up};
pub(crate) use turn::Turn;

use line::Letter;
use pool::Ran;
use shown::Shown;

/// A conversation under way. Dropping it stops what runs.
#[derive(Debug)]
pub(crate) struct Conversation {
    line: Line,
    pool: Arc<Pool>,
    billed: Billed,
    demand: Demand,
    /// As it is sent; grows by a reply and its results every turn.
    call: Call,
    tools: ToolLoop,
    shown: Shown,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading(Box<Turn>),
    /// Waits for room for calls; `end`: the reply is the caller's once they ran.
    Paying {
        calls: Vec<OwnedCall>,
        end: Option<Finish>,
    },
    Running {
        ran: AbortOnDropHandle<Vec<Ran>>,
        end: Option<Finish>,
    },
    /// Waits for room for the next turn.
    Asking(Letter),
    Sent(AbortOnDropHandle<Result<Answered, GatewayError>>),
    Ended,
}

/// The first turn, and everything that the later ones need.
pub(crate) struct Beginning {
    pub(crate) line: Line,
    pub(crate) answered: Answered,
    pub(crate) pool: Arc<Pool>,
    pub(crate) billed: Billed,
    pub(crate) demand: Demand,
    pub(crate) call: Call,
    /// Turns at most.
    pub(crate) limit: u32,
}

impl Conversation {
    pub(crate) fn new(beginning: Beginning) -> Self {
        let Beginning {
            line,
            answered,
            pool,
            billed,
            demand,
            call,
            limit,
        } = beginning;
        let tools = ToolLoop::new(&call, pool.names(), limit);
        Self {
            shown: Shown::new(call.surface, call.stream, pool.shows_searches()),
            state: State::Reading(Box::new(line.read(answered, &call, 0))),
            line,
            pool,
            billed,
            demand,
            call,
            tools,
        }
    }

    /// Whether another candidate is out of the question: the first turn was answered.
    pub(crate) fn is_locked_in(&self) -> bool {
        self.tools.turns() > 0
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// One step on, with the events for the caller that it brings. Safe to cancel while it waits.
    pub(crate) async fn step(
        &mut self,
        settlement: &mut Settlement,
        out: &mut Vec<Event>,
    ) -> Result<(), GatewayError> {
        match &mut self.state {
            State::Reading(turn) => {
                let mut events = Vec::new();
                let read = turn.read(&mut events).await;
                if let Some(produced) = settlement.produced() {
                    turn.report(produced);
                }
                let tools = &self.tools;
                for event in events {
                    self.shown.event(event, |name| tools.hides(name), out);
                }
                read.map_err(|error| self.line.told(error))?;
                if turn.is_complete() {
                    self.turn_over(settlement, out)?;
                }
            }
            State::Paying { calls, end } => {
                let names = calls.iter().map(|call| call.name.as_str());
                let mut total = settlement.spent();
                total.cost += self.pool.prices().cost_of_calls(names);
                self.line.room(&self.billed, total, settlement).await?;
                let (calls, end) = (std::mem::take(calls), end.take());
                let pool = Arc::clone(&self.pool);
                let ran =
                    AbortOnDropHandle::new(tokio::spawn(async move { pool.run_all(calls).await }));
                self.state = State::Running { ran, end };
            }
            State::Running { ran, end } => {
                let ran = ran.await.unwrap_or_default();
                let end = end.take();
                self.tools_ran(ran, end, settlement, out)?;
            }
            State::Asking(letter) => {
                let room = self
                    .line
                    .make_room(letter, self.demand, &self.billed, settlement);
                room.await?;
                let letter = std::mem::take(letter);
                let line = self.line.clone();
                let sent = tokio::spawn(async move { line.send(letter).await });
                self.state = State::Sent(AbortOnDropHandle::new(sent));
            }
            State::Sent(sent) => {
                let answered = sent.await??;
                let turn = self.line.read(answered, &self.call, self.tools.turns());
                self.state = State::Reading(Box::new(turn));
            }
            State::Ended => {}
        }
        Ok(())
    }

    /// A reply is complete: what now.
    fn turn_over(
        &mut self,
        settlement: &mut Settlement,
        out: &mut Vec<Event>,
    ) -> Result<(), GatewayError> {
        let State::Reading(turn) = std::mem::replace(&mut self.state, State::Ended) else {
            return Ok(());
        };
        let reply = turn.into_reply().map_err(|error| self.line.told(error))?;
        settlement.end_turn();
        let blocks: Vec<Block> = reply.blocks.into_iter().map(|one| one.block).collect();
        let step = self.tools.turn(blocks, reply.usage, &reply.finish);
        match step {
            Step::Finished => self
                .shown
                .finish(reply.finish, settlement.reported_usage(), out),
            Step::Limit { limit } => return Err(GatewayError::ToolLimit(limit)),
            Step::Run(calls) => {
                self.shown.goes_on(out);
                self.state = State::Paying { calls, end: None };
            }
            Step::Mixed(calls) => {
                let end = Some(reply.finish);
                self.state = State::Paying { calls, end };
            }
        }
        Ok(())
    }

    fn tools_ran(
        &mut self,
        ran: Vec<Ran>,
        end: Option<Finish>,
        settlement: &mut Settlement,
        out: &mut Vec<Event>,
    ) -> Result<(), GatewayError> {
        let mut outcomes = Vec::with_capacity(ran.len());
        for one in ran {
            self.shown.announce(&one, out);
            outcomes.push(one.outcome);
        }
        self.state = State::Ended;
        if let Some(finish) = end {
            self.tools.settled(&outcomes);
            self.tally(settlement);
            self.shown.finish(finish, settlement.reported_usage(), out);
        } else {
            self.tools.answered(&mut self.call, outcomes);
            self.tally(settlement);
            self.state = State::Asking(self.line.encode(&self.call)?);
        }
        Ok(())
    }

    fn tally(&self, settlement: &mut Settlement) {
        if let Some(produced) = settlement.produced() {
            produced.tools = self.tools.tally().clone();
        }
    }
}
