//! The batch services of providers: OpenAI's and those that copied it, Mistral's, Anthropic's, Gemini's.
//!
//! <https://platform.openai.com/docs/api-reference/batch>, <https://docs.mistral.ai/api/#tag/batch>,
//! <https://docs.anthropic.com/en/api/creating-message-batches>, <https://ai.google.dev/api/batch-api>

use std::collections::HashMap;

use bytes::Bytes;
use http::{Method, Uri};
use otari_providers::{Capability, Dialect, Instance, Operation, UpstreamError};
use serde_json::{Value, json};

use crate::Gateway;
use crate::relay::ANSWER_BYTES_MAX;

use super::answer::{Answer, read};
use super::ask::{Ask, malformed, text};
use super::gemini;
use super::parcel::Parcel;

/// By this name a provider's batch tells ours, where it has metadata.
pub(super) const BATCH_ID: &str = "otari_batch_id";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    OpenAi,
    Mistral,
    Anthropic,
    Gemini,
}

/// Where a provider's batch stands.
pub(super) enum State {
    Running,
    /// Ids of the files with the answers; for Anthropic none.
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
            Dialect::OpenAiChat if can(Capability::Files) => Some(Self::OpenAi),
            Dialect::Mistral => Some(Self::Mistral),
            Dialect::AnthropicMessages => Some(Self::Anthropic),
            Dialect::Gemini => Some(Self::Gemini),
            _ => None,
        }
    }

    /// Whether all lines of a batch are for the one model that the batch names.
    pub(super) fn is_of_one_model(self) -> bool {
        matches!(self, Self::Mistral | Self::Gemini)
    }

    /// Whether its batches hold bodies of this operation.
    pub(super) fn takes(self, operation: Operation) -> bool {
        match self {
            Self::OpenAi | Self::Mistral | Self::Gemini => operation == Operation::Chat,
            Self::Anthropic => matches!(operation, Operation::Chat | Operation::Messages),
        }
    }

    /// What stands in the provider's batch for a line. Anthropic's batches have no metadata, so that there the lines say
    /// whose they are.
    pub(super) fn custom_id(self, batch: &str, line: i64) -> String {
        match self {
            Self::Anthropic => format!("{}{line}", lines_of(batch)),
            Self::OpenAi | Self::Mistral | Self::Gemini => format!("line-{line}"),
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
        let endpoint = "/v1/chat/completions";
        let body = match self {
            Self::Gemini => return gemini::pack(&ask, &parcel, batch).await,
            Self::Anthropic => {
                let mut body = b"{\"requests\":[".to_vec();
                body.extend(parcel.written("custom_id", "", "params", ","));
                body.extend_from_slice(b"]}");
                body.into()
            }
            Self::OpenAi => {
                let members = format!("\"method\":\"POST\",\"url\":\"{endpoint}\",");
                let file = ask
                    .upload(&parcel.written("custom_id", &members, "body", "\n"))
                    .await?;
                let request = json!({
                    "input_file_id": file, "endpoint": endpoint, "completion_window": "24h",
                    "metadata": {BATCH_ID: batch},
                });
                request.to_string().into()
            }
            Self::Mistral => {
                let lines = parcel.written("custom_id", "", "body", "\n");
                let file = ask.upload(&lines).await?;
                let request = json!({
                    "input_files": [file], "endpoint": endpoint, "model": parcel.model(),
                    "metadata": {BATCH_ID: batch},
                });
                request.to_string().into()
            }
        };
        let at = ask.batches("")?;
        Ok(Packed { at, body })
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
            Self::OpenAi | Self::Mistral | Self::Anthropic => text(batch, "id"),
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
        let status = match self {
            Self::Anthropic => text(&batch, "processing_status"),
            Self::OpenAi | Self::Mistral => text(&batch, "status"),
            Self::Gemini => return Ok(gemini::state(&batch)),
        };
        let files = |names: [&str; 2]| {
            names
                .into_iter()
                .filter_map(|name| text(&batch, name))
                .collect()
        };
        Ok(match status.unwrap_or_default().as_str() {
            "ended" => State::Ended(Vec::new()),
            "completed" | "expired" | "cancelled" => {
                State::Ended(files(["output_file_id", "error_file_id"]))
            }
            "SUCCESS" | "TIMEOUT_EXCEEDED" | "CANCELLED" => {
                State::Ended(files(["output_file", "error_file"]))
            }
            "failed" | "FAILED" => {
                let told = batch
                    .pointer("/errors/data/0/message")
                    .or_else(|| batch.pointer("/errors/0/message"));
                let told = told
                    .and_then(Value::as_str)
                    .and_then(otari_providers::error::client_safe);
                State::Failed(told.unwrap_or_else(|| "The provider's batch failed".to_owned()))
            }
            _ => State::Running,
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
            Self::Gemini => ask.batches(&format!("/{id}:cancel"))?,
            Self::OpenAi | Self::Mistral | Self::Anthropic => {
                ask.batches(&format!("/{id}/cancel"))?
            }
        };
        ask.json(Method::POST, uri, Bytes::new()).await.map(drop)
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
                    Self::OpenAi | Self::Mistral | Self::Anthropic => read(line),
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
