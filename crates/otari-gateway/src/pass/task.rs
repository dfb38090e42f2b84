//! What an attempt asks, and how its answer is read.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use otari_providers::{Answered, Instance, Operation, UpstreamError};
use otari_translate::Reshape;
use otari_types::TokenUsage;

use crate::dispatch::{Post, address};
use crate::error::GatewayError;
use crate::inbound::{Inbound, ReplyBody};
use crate::plan::Attempt;
use crate::relay::ANSWER_BYTES_MAX;
use crate::reserve::Demand;

/// One call, as every attempt of it needs it.
pub(crate) struct Errand<'a> {
    pub(crate) inbound: &'a Inbound,
    pub(crate) operation: Operation,
    pub(crate) model: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) demand: Demand,
}

/// Where one attempt goes.
pub(crate) struct At<'a> {
    pub(crate) attempt: &'a Attempt,
    pub(crate) instance: &'a Instance,
    pub(crate) model: &'a str,
    /// What answers are labelled with, where it is not the model's own name.
    pub(crate) label: Option<&'a str>,
}

/// A request to a provider.
pub(crate) struct Message {
    /// Where it goes, if not where the errand says.
    pub(crate) operation: Option<Operation>,
    /// At the address of streamed answers.
    pub(crate) stream: bool,
    pub(crate) content_type: HeaderValue,
    /// Further ones.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What one attempt asks.
pub(crate) struct Task<'a> {
    /// Each answered on its own.
    pub(crate) messages: Vec<Message>,
    pub(crate) reading: Reading<'a>,
    /// Where it may cost more than the errand says.
    pub(crate) demand: Option<Demand>,
}

/// A provider's complete answer, as the caller gets it.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) body: ReplyBody,
    pub(crate) usage: Option<TokenUsage>,
    /// Of generated text, for an estimate where no usage came.
    pub(crate) generated_bytes: usize,
    /// Images made, where those are billed.
    pub(crate) pieces: Option<i64>,
}

/// A provider's answer, not yet judged.
pub(crate) struct Raw {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) type Encode<'a> = dyn Fn(&At<'_>) -> Result<Task<'a>, GatewayError> + Sync + 'a;
pub(crate) type Decode<'a> = dyn Fn(&At<'_>, Raw) -> Result<Whole, UpstreamError> + Sync + 'a;
pub(crate) type DecodeMade<'a> =
    dyn Fn(&At<'_>, Raw) -> Result<Whole, UpstreamError> + Send + Sync + 'a;
pub(crate) type DecodeAll<'a> =
    dyn Fn(&At<'_>, Vec<Raw>) -> Result<Whole, UpstreamError> + Sync + 'a;

/// How an answer is read.
pub(crate) enum Reading<'a> {
    /// Of the only message.
    Whole(&'a Decode<'a>),
    /// The same, by what was made for this message.
    Made(Box<DecodeMade<'a>>),
    /// Of every message, in their order.
    All(&'a DecodeAll<'a>),
    /// The same, where each message begins work that is done later. It goes there, from the operation's own address.
    Followed(&'static str, &'a DecodeAll<'a>),
    /// Of the only message, as it comes, with the type it has where the provider names none of use.
    AsItComes(&'static str),
    /// Of the only message: events as they come, or from who does not stream a whole answer.
    Events(&'a Decode<'a>),
    /// Of the only message, as it comes, in another form, which has this type.
    Reshaped(&'static str, Box<dyn Reshape>),
}

impl Reading<'_> {
    /// What the answer is asked for as.
    pub(super) fn accept(&self) -> &'static str {
        match self {
            Self::Whole(_) | Self::Made(_) | Self::All(_) | Self::Followed(..) => {
                "application/json, */*;q=0.5"
            }
            Self::AsItComes(_) | Self::Events(_) | Self::Reshaped(..) => "*/*",
        }
    }
}

impl<'a> Task<'a> {
    pub(crate) fn one(message: Message, reading: Reading<'a>) -> Self {
        Self {
            messages: vec![message],
            reading,
            demand: None,
        }
    }
}

impl Whole {
    pub(crate) fn of(body: ReplyBody) -> Self {
        Self {
            body,
            usage: None,
            generated_bytes: 0,
            pieces: None,
        }
    }
}

impl Raw {
    pub(super) async fn collect(answered: Answered) -> Result<Self, UpstreamError> {
        Ok(Self {
            headers: answered.headers,
            body: answered.body.collect(ANSWER_BYTES_MAX).await?,
        })
    }
}

impl Message {
    pub(super) fn post(
        self,
        usual: Operation,
        at: &At<'_>,
        accept: &'static str,
    ) -> Result<Post, GatewayError> {
        let operation = self.operation.unwrap_or(usual);
        let mut headers = self.headers;
        headers.insert(header::CONTENT_TYPE, self.content_type);
        Ok(Post {
            uri: address(at.instance, operation, at.model, self.stream)?,
            accept,
            headers,
            body: self.body,
        })
    }
}
