//! The walk of a call that is one request and one answer: moderations, rerank, images, sound. As a generation's, but
//! nothing is relayed event by event. Where a provider makes less at a time than was asked for, an attempt is several
//! requests side by side.

mod follow;
mod shape;
mod stream;
mod task;
mod upload;

use futures_util::{StreamExt, TryStreamExt, stream as futures};
use otari_providers::{Answered, Operation, UpstreamError};

use crate::Gateway;
use crate::admit::{Admitted, Billed};
use crate::call::Begun;
use crate::dispatch::{EVENTS, Post};
use crate::error::GatewayError;
use crate::in_flight::Underway;
use crate::inbound::{Origin, Reply, ReplyBody};
use crate::plan::Plan;
use crate::relay::malformed;
use crate::reserve::{Demand, top_up};
use crate::settle::Settlement;
use crate::walk::Walk;

pub(crate) use shape::{
    answer_members, can, error_in, forwarded, json, native, native_stream, speaks_openai,
};
pub use stream::ByteStream;
pub(crate) use task::{At, Decode, DecodeAll, Encode, Errand, Message, Raw, Reading, Task, Whole};
pub(crate) use upload::FormTask;

/// Requests of one attempt that are under way together.
const TOGETHER: usize = 4;

/// A call that passed the gates, and who settles it.
pub(crate) struct Undertaken<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) billed: &'a Billed,
    pub(crate) settlement: &'a mut Settlement,
}

impl Gateway {
    /// Makes the call at the first candidate that answers, and settles it.
    pub(crate) async fn pass(
        &self,
        errand: &Errand<'_>,
        encode: &Encode<'_>,
    ) -> Result<Reply, GatewayError> {
        let mut begun = self
            .begin(errand.inbound, errand.user, errand.model, errand.demand)
            .await?;
        let Begun {
            admitted,
            plan,
            settlement,
        } = &mut begun;
        let undertaken = Undertaken {
            plan,
            billed: &admitted.billed,
            settlement,
        };
        let passed = self.pass_on(errand, undertaken, encode).await;
        replied(passed, admitted, settlement).await
    }

    /// The attempts of a call that passed the gates. An error is left to be settled.
    pub(crate) async fn pass_on(
        &self,
        errand: &Errand<'_>,
        undertaken: Undertaken<'_>,
        encode: &Encode<'_>,
    ) -> Result<ReplyBody, GatewayError> {
        let messages = Messages { errand, encode };
        self.attempts(messages, undertaken, &errand.inbound.underway)
            .await
    }

    async fn attempts(
        &self,
        mut attempts: impl Attempts,
        undertaken: Undertaken<'_>,
        underway: &Underway,
    ) -> Result<ReplyBody, GatewayError> {
        let Undertaken {
            plan,
            billed,
            settlement,
        } = undertaken;
        let mut walk = Walk::new(plan, billed, underway);
        loop {
            let attempt = walk.current();
            let once = match attempt.instance() {
                Ok(instance) => {
                    let at = At {
                        attempt,
                        instance,
                        model: &attempt.target.model,
                        label: plan.label.as_deref(),
                    };
                    let mut room = Room {
                        gateway: self,
                        billed,
                        settlement,
                        may_go_on: walk.may_go_on(),
                    };
                    attempts.attempt(&at, &mut room).await
                }
                Err(error) => Err(error),
            };
            let error = match once {
                Ok(Read::Whole(whole)) => {
                    if let Some(produced) = settlement.produced() {
                        produced.usage = whole.usage;
                        produced.generated_bytes = whole.generated_bytes;
                        produced.pieces = whole.pieces;
                    }
                    settlement.succeed().await;
                    return Ok(whole.body);
                }
                Ok(Read::Begun(begun)) => {
                    let pieces = attempts.demand().choices;
                    let stream = begun.billed(settlement.hand_over(), pieces);
                    return Ok(ReplyBody::Bytes(Box::new(stream)));
                }
                Err(error) => error,
            };
            self.next_attempt(&mut walk, attempts.demand(), error, settlement)
                .await?;
        }
    }
}

/// How the attempts of a call are made.
trait Attempts: Send {
    /// What the call may cost, as far as is known.
    fn demand(&self) -> Demand;

    fn attempt(
        &mut self,
        at: &At<'_>,
        room: &mut Room<'_>,
    ) -> impl Future<Output = Result<Read, GatewayError>> + Send;
}

/// Where an attempt is made.
struct Room<'a> {
    gateway: &'a Gateway,
    billed: &'a Billed,
    settlement: &'a mut Settlement,
    /// Another attempt may follow.
    may_go_on: bool,
}

/// Attempts that ask by messages.
struct Messages<'a, 'b, 'c> {
    errand: &'a Errand<'b>,
    encode: &'a Encode<'c>,
}

impl Attempts for Messages<'_, '_, '_> {
    fn demand(&self) -> Demand {
        self.errand.demand
    }

    async fn attempt(&mut self, at: &At<'_>, room: &mut Room<'_>) -> Result<Read, GatewayError> {
        let task = (self.encode)(at)?;
        let Errand {
            inbound, operation, ..
        } = self.errand;
        room.carry_out(task, *operation, &inbound.origin, at).await
    }
}

impl Room<'_> {
    async fn carry_out(
        &mut self,
        task: Task<'_>,
        operation: Operation,
        origin: &Origin,
        at: &At<'_>,
    ) -> Result<Read, GatewayError> {
        let Task {
            messages,
            reading,
            demand,
        } = task;
        if let Some(demand) = demand {
            self.make(demand, at).await?;
            self.settlement.begin_turn(demand.prompt_bytes);
        }
        let accept = reading.accept();
        let mut posts = Vec::with_capacity(messages.len());
        for message in messages {
            posts.push(message.post(operation, at, accept)?);
        }
        let told = |error| GatewayError::upstream(&at.instance.name, error);
        let asked = ask_for(self.gateway, origin, at, posts, reading);
        asked.await.map_err(told)
    }

    /// The hold grows to what the attempt may cost.
    async fn make(&mut self, demand: Demand, at: &At<'_>) -> Result<(), GatewayError> {
        let Some(reserved) = self.settlement.reserved() else {
            return Ok(());
        };
        let target = &at.attempt.target;
        let topped = top_up(self.gateway, self.billed, demand, target, reserved).await;
        topped.map_err(|error| match error {
            // Nothing failed over: it was never enough.
            GatewayError::BudgetRanOut(user) => GatewayError::BudgetExceeded(user),
            other => other,
        })
    }
}

async fn ask_for(
    gateway: &Gateway,
    origin: &Origin,
    at: &At<'_>,
    mut posts: Vec<Post>,
    reading: Reading<'_>,
) -> Result<Read, UpstreamError> {
    let send = |post: Post| post.send(gateway, origin, at.instance);
    if let Reading::All(decode) = reading {
        let raws = futures::iter(posts)
            .map(|post| async { Raw::collect(send(post).await?).await })
            .buffered(TOGETHER);
        return Ok(Read::Whole(decode(at, raws.try_collect().await?)?));
    }
    if let Reading::Followed(begin, decode) = reading {
        let raws = futures::iter(posts)
            .map(|post| gateway.follow(origin, at, begin, post))
            .buffered(TOGETHER);
        return Ok(Read::Whole(decode(at, raws.try_collect().await?)?));
    }
    let post = posts.pop().ok_or_else(|| malformed("nothing was asked"))?;
    read(at, send(post).await?, reading).await
}

/// The answer to the only message.
async fn read(
    at: &At<'_>,
    answered: Answered,
    reading: Reading<'_>,
) -> Result<Read, UpstreamError> {
    let instance = &at.instance.name;
    Ok(match reading {
        Reading::Whole(decode) => Read::Whole(decode(at, Raw::collect(answered).await?)?),
        Reading::Made(decode) => Read::Whole(decode(at, Raw::collect(answered).await?)?),
        Reading::All(decode) | Reading::Followed(_, decode) => {
            Read::Whole(decode(at, vec![Raw::collect(answered).await?])?)
        }
        Reading::Events(decode) if stream::is_whole(&answered) => {
            Read::Whole(decode(at, Raw::collect(answered).await?)?)
        }
        Reading::Events(_) => Read::Begun(stream::Begun::open(instance, answered, EVENTS).await?),
        Reading::AsItComes(usual) => {
            Read::Begun(stream::Begun::open(instance, answered, usual).await?)
        }
        Reading::Reshaped(kind, by) => {
            Read::Begun(stream::Begun::reshaped(instance, answered, kind, by).await?)
        }
    })
}

/// What became of the attempts, for the caller; a failure is settled.
async fn replied(
    passed: Result<ReplyBody, GatewayError>,
    admitted: &Admitted,
    settlement: &mut Settlement,
) -> Result<Reply, GatewayError> {
    match passed {
        Ok(body) => Ok(Reply {
            body,
            rate: admitted.rate,
            guardrails: None,
            container: None,
        }),
        Err(error) => {
            settlement.fail(&error).await;
            Err(error)
        }
    }
}

enum Read {
    Whole(Whole),
    Begun(stream::Begun),
}
