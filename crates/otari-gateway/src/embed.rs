//! The walk of an embeddings call. As a generation, but of one model only: vectors of two models cannot be
//! compared, so nothing fails over.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::HeaderMap;
use otari_providers::quirk::answers_int8_vectors;
use otari_providers::{Capability, Dialect, Instance, Operation, UpstreamError};
use otari_translate::dialect::Target;
use otari_translate::embeddings::{self, EmbedWire, Embedded};
use otari_types::TokenUsage;

use crate::Gateway;
use crate::call::Begun;
use crate::dispatch::{JSON, Post, address, is_kept_back, refusal};
use crate::error::GatewayError;
use crate::inbound::{Inbound, Origin, Reply, ReplyBody};
use crate::plan::Attempt;
use crate::relay::upstream_error;
use crate::request::{parse_members, string_member};
use crate::reserve::Demand;
use crate::settle::Settlement;
use crate::unit::Unit;

/// Longest answer of one call: 2048 vectors of 4096 numbers as text.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Calls of one request that are under way together, where a provider takes few texts a call.
const TOGETHER: usize = 4;
/// Where Bedrock says what no body of its embedding models does.
const BEDROCK_TOKENS: &str = "x-amzn-bedrock-input-token-count";

impl Gateway {
    /// Answers one embeddings request.
    pub async fn embed(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let mut problems = Vec::new();
        let members = parse_members(&inbound.body)?;
        let user = string_member(&members, "user", &mut problems);
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        let mut request = embeddings::parse(&inbound.body).map_err(refusal)?;
        request.user = None;
        request.extra.retain(|(name, _)| !is_kept_back(name));
        let demand = Demand {
            prompt_bytes: members.get("input").map_or(0, |raw| raw.get().len()),
            max_output: Some(0),
            choices: 1,
            unit: Unit::Tokens,
        };
        let Begun {
            admitted,
            plan,
            mut settlement,
        } = self
            .begin(inbound, user.as_deref(), &request.model, demand)
            .await?;
        if !plan.rest.is_empty() {
            let error = GatewayError::InvalidRequest(format!(
                "'{}' is a routing policy with several models; embeddings need one, because vectors of different \
                 models cannot be compared",
                request.model
            ));
            settlement.fail(&error).await;
            return Err(error);
        }
        let embedded = self
            .embed_paid(&inbound.origin, &plan.first, &request, &mut settlement)
            .await?;
        let shown = plan.label.as_deref().unwrap_or(&plan.first.target.model);
        let body = embeddings::render(request.encoding, shown, &embedded);
        Ok(Reply {
            body: ReplyBody::Json(body.into()),
            guardrails: None,
            container: None,
            rate: admitted.rate,
        })
    }

    /// Asks the attempt's model, and settles the call.
    pub(crate) async fn embed_paid(
        &self,
        origin: &Origin,
        attempt: &Attempt,
        request: &embeddings::Request,
        settlement: &mut Settlement,
    ) -> Result<Embedded, GatewayError> {
        let embedded = match self.embed_at(origin, attempt, request).await {
            Ok(embedded) => embedded,
            Err(error) => {
                settlement.fail(&error).await;
                return Err(error);
            }
        };
        if let Some(produced) = settlement.produced() {
            produced.usage = embedded.input_tokens.map(|input| TokenUsage {
                input,
                ..TokenUsage::default()
            });
        }
        settlement.succeed().await;
        Ok(embedded)
    }

    async fn embed_at(
        &self,
        origin: &Origin,
        attempt: &Attempt,
        request: &embeddings::Request,
    ) -> Result<Embedded, GatewayError> {
        let instance = attempt.instance()?;
        let wire = wire(instance)?;
        let model = &attempt.target.model;
        let target = Target {
            model,
            project_id: instance.project(),
            space_id: instance.space(),
            ..Target::default()
        };
        let calls = embeddings::encode(wire, request, &target).map_err(refusal)?;
        let told = |error| GatewayError::upstream(&instance.name, error);
        let uri = address(instance, Operation::Embeddings, model, false)?;
        let posts = calls.into_iter().map(|body| Post {
            uri: uri.clone(),
            accept: JSON,
            headers: HeaderMap::new(),
            body: Bytes::from(body),
        });
        let answers = stream::iter(posts)
            .map(|post| self.embed_once(origin, instance, wire, post))
            .buffered(TOGETHER);
        let whole = answers.try_fold(Embedded::default(), |mut whole, part| async move {
            whole.append(part);
            Ok(whole)
        });
        let whole = whole.await.map_err(told)?;
        if whole.vectors.len() == request.input.len() {
            Ok(whole)
        } else {
            Err(told(crate::relay::malformed(
                "the answer has another number of vectors than the request has inputs",
            )))
        }
    }

    async fn embed_once(
        &self,
        origin: &Origin,
        instance: &Instance,
        wire: EmbedWire,
        post: Post,
    ) -> Result<Embedded, UpstreamError> {
        let answered = post.send(self, origin, instance).await?;
        let counted = answered.headers.get(BEDROCK_TOKENS);
        let counted = counted.and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
        let body = answered.body.collect(ANSWER_BYTES_MAX).await?;
        let mut embedded =
            embeddings::decode(wire, &body).map_err(|error| upstream_error(&error))?;
        embedded.input_tokens = embedded.input_tokens.or(counted);
        Ok(embedded)
    }
}

fn wire(instance: &Instance) -> Result<EmbedWire, GatewayError> {
    let provider = instance.provider;
    if !provider.can(Capability::Embeddings) {
        return Err(GatewayError::InvalidRequest(format!(
            "Provider '{}' has no embeddings",
            instance.name
        )));
    }
    Ok(match provider.dialect {
        Dialect::Mistral => EmbedWire::Mistral,
        Dialect::Gemini => EmbedWire::Gemini,
        Dialect::Vertex => EmbedWire::Vertex,
        Dialect::BedrockConverse => EmbedWire::Bedrock,
        Dialect::CohereV2 => EmbedWire::Cohere,
        Dialect::Ollama => EmbedWire::Ollama,
        Dialect::Voyage => EmbedWire::Voyage,
        Dialect::Watsonx => EmbedWire::Watsonx,
        Dialect::HuggingFace | Dialect::Sagemaker => EmbedWire::FeatureExtraction,
        _ if answers_int8_vectors(provider.quirks) => EmbedWire::OpenAiInt8,
        _ => EmbedWire::OpenAi,
    })
}
