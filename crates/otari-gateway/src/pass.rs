//! The walk of a call that is one request and one answer: moderations, rerank, images, sound. As a generation's, but
//! nothing is relayed event by event.

mod stream;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use otari_providers::error::embedded_error;
use otari_providers::quirk::has_own_shape;
use otari_providers::{Answered, Dialect, Instance, Operation, UpstreamError};
use otari_types::TokenUsage;
use otari_wire::members::{Members, ObjectWriter};

use crate::Gateway;
use crate::admit::Billed;
use crate::call::Begun;
use crate::dispatch::{Post, address, is_kept_back};
use crate::error::GatewayError;
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::plan::{Attempt, Plan};
use crate::relay::{ANSWER_BYTES_MAX, malformed};
use crate::reserve::Demand;
use crate::settle::Settlement;
use crate::walk::Walk;

pub use stream::ByteStream;

/// One call, as every attempt of it needs it.
pub(crate) struct Errand<'a> {
    pub(crate) inbound: &'a Inbound,
    pub(crate) operation: Operation,
    pub(crate) model: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) demand: Demand,
}

/// A call that passed the gates, and who settles it.
pub(crate) struct Undertaken<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) billed: &'a Billed,
    pub(crate) settlement: &'a mut Settlement,
}

/// Where one attempt goes.
pub(crate) struct At<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) model: &'a str,
    /// What answers are labelled with, where it is not the model's own name.
    pub(crate) label: Option<&'a str>,
}

/// A request to a provider.
pub(crate) struct Message {
    pub(crate) content_type: HeaderValue,
    pub(crate) body: Bytes,
}

/// A provider's complete answer, as the caller gets it.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) body: ReplyBody,
    pub(crate) usage: Option<TokenUsage>,
    /// Images made, where those are billed.
    pub(crate) pieces: Option<i64>,
}

/// A provider's answer, not yet judged.
pub(crate) struct Raw {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) type Encode<'a> = dyn Fn(&At<'_>) -> Result<Message, GatewayError> + Sync + 'a;
pub(crate) type Decode<'a> = dyn Fn(&At<'_>, Raw) -> Result<Whole, UpstreamError> + Sync + 'a;

/// How an answer is read.
pub(crate) enum Reading<'a> {
    Whole(&'a Decode<'a>),
    /// As it comes, with the type it has where the provider names none of use.
    AsItComes(&'static str),
}

impl Gateway {
    /// Makes the call at the first candidate that answers, and settles it.
    pub(crate) async fn pass(
        &self,
        errand: &Errand<'_>,
        encode: &Encode<'_>,
        reading: &Reading<'_>,
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
        let passed = self.pass_on(errand, undertaken, encode, reading).await;
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
        reading: &Reading<'_>,
    ) -> Result<ReplyBody, GatewayError> {
        let Undertaken {
            plan,
            billed,
            settlement,
        } = undertaken;
        let mut walk = Walk::new(plan, billed, &errand.inbound.underway);
        loop {
            let label = plan.label.as_deref();
            let once = self.pass_once(errand, walk.current(), label, encode, reading);
            let error = match once.await {
                Ok(Read::Whole(whole)) => {
                    walk.answered(self, false);
                    if let Some(produced) = settlement.produced() {
                        produced.usage = whole.usage;
                        produced.pieces = whole.pieces;
                    }
                    settlement.succeed().await;
                    return Ok(whole.body);
                }
                Ok(Read::Begun(begun)) => {
                    walk.answered(self, true);
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
        attempt: &Attempt,
        label: Option<&str>,
        encode: &Encode<'_>,
        reading: &Reading<'_>,
    ) -> Result<Read, GatewayError> {
        let instance = attempt.instance()?.as_ref();
        let at = At {
            instance,
            model: &attempt.target.model,
            label,
        };
        let told = |error| GatewayError::upstream(&instance.name, error);
        let Message { content_type, body } = encode(&at)?;
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::CONTENT_TYPE, content_type);
        let post = Post {
            uri: address(instance, errand.operation, at.model, false)?,
            accept: match reading {
                Reading::Whole(_) => "application/json, */*;q=0.5",
                Reading::AsItComes(_) => "*/*",
            },
            headers,
            body,
        };
        let answered = post
            .send(self, &errand.inbound.origin, instance)
            .await
            .map_err(told)?;
        read(&at, answered, reading).await.map_err(told)
    }
}

enum Read {
    Whole(Whole),
    Begun(stream::Begun),
}

async fn read(
    at: &At<'_>,
    answered: Answered,
    reading: &Reading<'_>,
) -> Result<Read, UpstreamError> {
    Ok(match reading {
        Reading::Whole(decode) => {
            let raw = Raw {
                headers: answered.headers,
                body: answered.body.collect(ANSWER_BYTES_MAX).await?,
            };
            Read::Whole(decode(at, raw)?)
        }
        Reading::AsItComes(usual) => {
            Read::Begun(stream::Begun::open(&at.instance.name, answered, usual).await?)
        }
    })
}

/// That the provider has the operation, and in OpenAI's shape.
pub(crate) fn speaks_openai(
    instance: &Instance,
    operation: Operation,
    what: &str,
) -> Result<(), GatewayError> {
    can(instance, operation, what)?;
    let provider = instance.provider;
    let native = matches!(
        provider.dialect,
        Dialect::Gemini | Dialect::Vertex | Dialect::BedrockConverse
    );
    if native || has_own_shape(provider.quirks, operation) {
        return Err(GatewayError::InvalidRequest(format!(
            "Provider '{}' has {what} only in a format of its own, which is not translated yet",
            instance.name
        )));
    }
    Ok(())
}

/// That the provider has the operation.
pub(crate) fn can(
    instance: &Instance,
    operation: Operation,
    what: &str,
) -> Result<(), GatewayError> {
    let capability = operation.capability();
    if capability.is_some_and(|capability| instance.provider.can(capability)) {
        return Ok(());
    }
    Err(GatewayError::InvalidRequest(format!(
        "Provider '{}' has no {what}",
        instance.name
    )))
}

/// The caller's members in their order, with the provider's name of the model in place and the gateway's own left
/// out.
pub(crate) fn forwarded(members: &Members<'_>, model: &str) -> Message {
    let mut body = ObjectWriter::with_capacity(1024);
    for (name, value) in members.iter() {
        match name {
            "model" => body.string("model", model),
            _ if is_kept_back(name) => {}
            _ => body.raw(name, value.get()),
        }
    }
    json(body.finish().into())
}

pub(crate) fn json(body: Bytes) -> Message {
    Message {
        content_type: HeaderValue::from_static("application/json"),
        body,
    }
}

/// The members of an answer, or the error that came as one.
pub(crate) fn answer_members(body: &[u8]) -> Result<Members<'_>, UpstreamError> {
    let members = Members::parse(body).map_err(|_| malformed("the answer is not a JSON object"))?;
    match members.get("error").filter(|error| error.get() != "null") {
        Some(error) => Err(embedded_error(error.get())),
        None => Ok(members),
    }
}

/// The error inside an answer that may be anything else too.
pub(crate) fn error_in(body: &[u8]) -> Result<(), UpstreamError> {
    match Members::parse(body) {
        Ok(_) => answer_members(body).map(|_| ()),
        Err(_) => Ok(()),
    }
}
