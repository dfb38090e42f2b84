//! The walk of a call that is one request and one answer: moderations, rerank, images, sound. As a generation's, but
//! nothing is relayed event by event. Where a provider makes less at a time than was asked for, an attempt is several
//! requests side by side.

mod follow;
mod shape;
mod stream;
mod task;

use futures_util::{StreamExt, TryStreamExt, stream as futures};
use otari_providers::UpstreamError;

use crate::Gateway;
use crate::admit::Billed;
use crate::call::Begun;
use crate::dispatch::{EVENTS, Post};
use crate::error::GatewayError;
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
pub(crate) use task::{At, DecodeAll, Encode, Errand, Message, Raw, Reading, Task, Whole};

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

    /// The attempts of a call that passed the gates. An error is left to be settled.
    pub(crate) async fn pass_on(
        &self,
        errand: &Errand<'_>,
        undertaken: Undertaken<'_>,
        encode: &Encode<'_>,
    ) -> Result<ReplyBody, GatewayError> {
        let Undertaken {
            plan,
            billed,
            settlement,
        } = undertaken;
        let mut walk = Walk::new(plan, billed, &errand.inbound.underway);
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
                    self.pass_once(errand, billed, &at, encode, settlement)
                        .await
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
                    let stream = begun.billed(settlement.hand_over(), errand.demand.choices);
                    return Ok(ReplyBody::Bytes(Box::new(stream)));
                }
                Err(error) => error,
            };
            self.next_attempt(&mut walk, errand.demand, error, settlement)
                .await?;
        }
    }

    async fn pass_once(
        &self,
        errand: &Errand<'_>,
        billed: &Billed,
        at: &At<'_>,
        encode: &Encode<'_>,
        settlement: &mut Settlement,
    ) -> Result<Read, GatewayError> {
        let Task {
            messages,
            reading,
            demand,
        } = encode(at)?;
        if let Some(demand) = demand {
            self.make_room(demand, billed, at, settlement).await?;
        }
        let accept = match reading {
            Reading::Whole(_) | Reading::Made(_) | Reading::All(_) | Reading::Followed(..) => {
                "application/json, */*;q=0.5"
            }
            Reading::AsItComes(_) | Reading::Events(_) | Reading::Reshaped(..) => "*/*",
        };
        let mut posts = Vec::with_capacity(messages.len());
        for message in messages {
            posts.push(message.post(errand, at, accept)?);
        }
        let told = |error| GatewayError::upstream(&at.instance.name, error);
        self.ask_for(&errand.inbound.origin, at, posts, reading)
            .await
            .map_err(told)
    }

    async fn ask_for(
        &self,
        origin: &Origin,
        at: &At<'_>,
        mut posts: Vec<Post>,
        reading: Reading<'_>,
    ) -> Result<Read, UpstreamError> {
        let only = || malformed("nothing was asked");
        Ok(match reading {
            Reading::Whole(decode) => {
                let post = posts.pop().ok_or_else(only)?;
                let raw = self.ask_whole(origin, at, post).await?;
                Read::Whole(decode(at, raw)?)
            }
            Reading::Made(decode) => {
                let post = posts.pop().ok_or_else(only)?;
                let raw = self.ask_whole(origin, at, post).await?;
                Read::Whole(decode(at, raw)?)
            }
            Reading::All(decode) => {
                let raws = futures::iter(posts)
                    .map(|post| self.ask_whole(origin, at, post))
                    .buffered(TOGETHER);
                Read::Whole(decode(at, raws.try_collect().await?)?)
            }
            Reading::Followed(begin, decode) => {
                let raws = futures::iter(posts)
                    .map(|post| self.follow(origin, at, begin, post))
                    .buffered(TOGETHER);
                Read::Whole(decode(at, raws.try_collect().await?)?)
            }
            Reading::AsItComes(usual) => {
                let post = posts.pop().ok_or_else(only)?;
                let answered = post.send(self, origin, at.instance).await?;
                Read::Begun(stream::Begun::open(&at.instance.name, answered, usual).await?)
            }
            Reading::Events(decode) => {
                let post = posts.pop().ok_or_else(only)?;
                let answered = post.send(self, origin, at.instance).await?;
                if stream::is_whole(&answered) {
                    Read::Whole(decode(at, Raw::collect(answered).await?)?)
                } else {
                    Read::Begun(stream::Begun::open(&at.instance.name, answered, EVENTS).await?)
                }
            }
            Reading::Reshaped(kind, by) => {
                let post = posts.pop().ok_or_else(only)?;
                let answered = post.send(self, origin, at.instance).await?;
                Read::Begun(stream::Begun::reshaped(&at.instance.name, answered, kind, by).await?)
            }
        })
    }

    async fn ask_whole(
        &self,
        origin: &Origin,
        at: &At<'_>,
        post: Post,
    ) -> Result<Raw, UpstreamError> {
        Raw::collect(post.send(self, origin, at.instance).await?).await
    }

    /// The hold grows to what the attempt may cost.
    async fn make_room(
        &self,
        demand: Demand,
        billed: &Billed,
        at: &At<'_>,
        settlement: &mut Settlement,
    ) -> Result<(), GatewayError> {
        if let Some(reserved) = settlement.reserved() {
            let topped = top_up(self, billed, demand, &at.attempt.target, reserved).await;
            topped.map_err(|error| match error {
                // Nothing failed over: it was never enough.
                GatewayError::BudgetRanOut(user) => GatewayError::BudgetExceeded(user),
                other => other,
            })?;
        }
        settlement.begin_turn(demand.prompt_bytes);
        Ok(())
    }
}

enum Read {
    Whole(Whole),
    Begun(stream::Begun),
}
