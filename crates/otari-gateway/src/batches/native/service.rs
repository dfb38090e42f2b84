//! The batch services of providers: OpenAI's and those that copied it, Anthropic's, Google's two, Amazon's.
//!
//! <https://docs.anthropic.com/en/api/creating-message-batches>; the others' are told of where they are spoken.

use std::collections::HashMap;

use bytes::Bytes;
use http::{Method, Uri};
use otari_providers::quirk::{OwnFormat, own_format};
use otari_providers::{BatchBucket, Capability, Dialect, Instance, Operation, UpstreamError};
use serde_json::Value;

use crate::Gateway;
use crate::relay::ANSWER_BYTES_MAX;

use super::answer::{Answer, read};
use super::ask::{Ask, malformed, text};
use super::parcel::Parcel;
use super::{bedrock, gemini, openai, vertex};

/// By this name a provider's batch tells ours, where it has metadata.
pub(super) const BATCH_ID: &str = "otari_batch_id";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    OpenAi,
    Azure,
    Together,
    Mistral,
    Anthropic,
    Gemini,
    Bedrock,
    Vertex,
    /// Anthropic's models there.
    VertexClaude,
}

/// Where a provider's batch stands.
pub(super) enum State {
    Running,
    /// Ids of the files with the answers, or where in a bucket they are; for Anthropic none.
    Ended(Vec<String>),
    Failed(String),
}

/// What is asked for, and where.
pub(super) struct Packed {
    pub(super) at: Uri,
    pub(super) body: Bytes,
}

impl Service {
    pub(super) fn of(instance: &Instance) -> Option<Self> {
        let provider = instance.provider;
        let can = |capability| provider.can(capability);
        match provider.dialect {
            _ if !can(Capability::Batch) => None,
            Dialect::OpenAiChat if can(Capability::Files) => {
                let own = own_format(provider.quirks, Operation::Batches);
                Some(match own {
                    Some(OwnFormat::Together) => Self::Together,
                    _ => Self::OpenAi,
                })
            }
            Dialect::AzureOpenAi => Some(Self::Azure),
            Dialect::Mistral => Some(Self::Mistral),
            Dialect::AnthropicMessages => Some(Self::Anthropic),
            Dialect::Gemini => Some(Self::Gemini),
            _ => match &instance.batch_bucket {
                Some(BatchBucket::S3(_)) => Some(Self::Bedrock),
                Some(BatchBucket::Google(_)) if provider.dialect == Dialect::VertexAnthropic => {
                    Some(Self::VertexClaude)
                }
                Some(BatchBucket::Google(_)) => Some(Self::Vertex),
                None => None,
            },
        }
    }

    /// Whether it would have batches of its own if it named a bucket for them.
    pub(super) fn lacks_bucket(instance: &Instance) -> bool {
        let provider = instance.provider;
        instance.batch_bucket.is_none()
            && provider.can(Capability::Batch)
            && matches!(
                provider.dialect,
                Dialect::BedrockConverse | Dialect::Vertex | Dialect::VertexAnthropic
            )
    }

    /// Fewer lines than this are not taken.
    pub(super) fn min_lines(instance: &Instance) -> usize {
        match &instance.batch_bucket {
            Some(BatchBucket::S3(place)) => place.min_lines,
            _ => 1,
        }
    }

    /// Whether all lines of a batch are for the one model that the batch names.
    pub(super) fn is_of_one_model(self) -> bool {
        // Azure's and Together's lines name one each, and all of a file the same.
        !matches!(self, Self::OpenAi | Self::Anthropic)
    }

    /// Whether its batches hold bodies of this operation.
    pub(super) fn takes(self, operation: Operation) -> bool {
        match self {
            Self::Anthropic | Self::VertexClaude => {
                matches!(operation, Operation::Chat | Operation::Messages)
            }
            _ => operation == Operation::Chat,
        }
    }

    /// What stands in the provider's batch for a line. Anthropic's and Together's batches have no metadata, so that there
    /// the lines say whose they are.
    pub(super) fn custom_id(self, batch: &str, line: i64) -> String {
        match self {
            Self::Anthropic | Self::Together => format!("{}{line}", lines_of(batch)),
            // Letters and digits alone.
            Self::Bedrock => format!("line{line}"),
            Self::Vertex => vertex::custom_id(line),
            _ => format!("line-{line}"),
        }
    }

    /// Brings the lines to the provider; what is then to be asked for. Nothing is run yet.
    pub(super) async fn pack(
        self,
        gateway: &Gateway,
        instance: &Instance,
        parcel: Parcel,
        batch: &str,
    ) -> Result<Packed, UpstreamError> {
        let ask = self.ask(gateway, instance);
        match self {
            Self::Gemini => gemini::pack(&ask, &parcel, batch).await,
            Self::Bedrock => bedrock::pack(&ask, &parcel, batch).await,
            Self::Vertex | Self::VertexClaude => vertex::pack(&ask, &parcel, batch).await,
            Self::Anthropic => {
                let mut body = b"{\"requests\":[".to_vec();
                body.extend(parcel.written("custom_id", "", "params", ","));
                body.extend_from_slice(b"]}");
                let at = ask.batches("")?;
                let body = body.into();
                Ok(Packed { at, body })
            }
            Self::OpenAi | Self::Azure | Self::Together | Self::Mistral => {
                openai::pack(&ask, &parcel, batch).await
            }
        }
    }

    /// Has the lines run; the provider's id of the batch.
    pub(super) async fn hand_over(
        self,
        gateway: &Gateway,
        instance: &Instance,
        packed: Packed,
    ) -> Result<String, UpstreamError> {
        let ask = self.ask(gateway, instance);
        let made = ask.json(Method::POST, packed.at, packed.body).await?;
        let id = self.id_of(&made);
        id.ok_or_else(|| malformed("no id of the batch"))
    }

    /// The provider's id of a batch that it tells of.
    pub(super) fn id_of(self, batch: &Value) -> Option<String> {
        match self {
            Self::Gemini => gemini::id(batch),
            Self::Bedrock => bedrock::id(batch),
            Self::Vertex | Self::VertexClaude => vertex::id(batch),
            _ => openai::id(batch),
        }
    }

    pub(super) fn ask<'a>(self, gateway: &'a Gateway, instance: &'a Instance) -> Ask<'a> {
        Ask {
            gateway,
            instance,
            service: self,
        }
    }

    pub(super) async fn look(
        self,
        gateway: &Gateway,
        instance: &Instance,
        id: &str,
    ) -> Result<State, UpstreamError> {
        let ask = self.ask(gateway, instance);
        let batch = ask
            .json(Method::GET, ask.batches(&format!("/{id}"))?, Bytes::new())
            .await?;
        Ok(match self {
            Self::Gemini => gemini::state(&batch),
            Self::Bedrock => bedrock::state(&batch),
            Self::Vertex | Self::VertexClaude => vertex::state(&batch),
            Self::Anthropic if text(&batch, "processing_status").as_deref() == Some("ended") => {
                State::Ended(Vec::new())
            }
            Self::Anthropic => State::Running,
            Self::OpenAi | Self::Azure | Self::Together | Self::Mistral => openai::state(&batch),
        })
    }

    pub(super) async fn cancel(
        self,
        gateway: &Gateway,
        instance: &Instance,
        id: &str,
    ) -> Result<(), UpstreamError> {
        let ask = self.ask(gateway, instance);
        let uri = match self {
            Self::Gemini | Self::Vertex | Self::VertexClaude => {
                ask.batches(&format!("/{id}:cancel"))?
            }
            Self::Bedrock => ask.batches(&format!("/{id}/stop"))?,
            _ => ask.batches(&format!("/{id}/cancel"))?,
        };
        let asked = ask.send(Method::POST, uri, "application/json", Bytes::new());
        asked.await.map(drop)
    }

    /// All answers, by custom id.
    pub(super) async fn answers(
        self,
        gateway: &Gateway,
        instance: &Instance,
        id: &str,
        files: &[String],
    ) -> Result<HashMap<String, Answer>, crate::GatewayError> {
        let ask = self.ask(gateway, instance);
        let told = |error| crate::GatewayError::upstream(&instance.name, error);
        match self {
            Self::Bedrock => return bedrock::answers(&ask, files).await.map_err(told),
            Self::Vertex | Self::VertexClaude => {
                return vertex::answers(&ask, files).await.map_err(told);
            }
            _ => {}
        }
        let mut addresses = Vec::new();
        if self == Self::Anthropic {
            addresses.push(ask.batches(&format!("/{id}/results")).map_err(told)?);
        }
        for file in files {
            addresses.push(ask.content(file).map_err(told)?);
        }
        let mut answers = HashMap::new();
        for uri in addresses {
            let bytes = ask
                .bytes(Method::GET, uri, Bytes::new(), ANSWER_BYTES_MAX)
                .await
                .map_err(told)?;
            for line in bytes
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.trim_ascii().is_empty())
            {
                let line = match self {
                    Self::Gemini => gemini::answer(line),
                    _ => read(line),
                };
                if let Some((id, answer)) = line {
                    answers.insert(id, answer);
                } else {
                    let instance = &instance.name;
                    tracing::warn!(instance, "a line of a provider's batch cannot be read");
                }
            }
        }
        Ok(answers)
    }
}

/// What the names of all lines of a batch begin with, where they tell whose they are.
pub(super) fn lines_of(batch: &str) -> String {
    format!("{batch}-")
}
