//! How many tokens a prompt has: the provider's own count where it has one, a local tokenizer otherwise.
//!
//! Costs nothing, so it asks no budget and leaves no row; but the key, its rate and its models count.

use bytes::Bytes;
use otari_providers::Operation;
use otari_translate::count_tokens;
use otari_translate::dialect::Target;
use otari_translate::{Call, Surface};

use crate::Gateway;
use crate::admit::admit;
use crate::dispatch::{JSON, Post, header_map, refusal, route};
use crate::error::GatewayError;
use crate::inbound::{Inbound, Origin, Reply, ReplyBody};
use crate::plan::{Attempt, plan};
use crate::relay::upstream_error;
use crate::tokens;

const ANSWER_BYTES_MAX: usize = 64 * 1024;

impl Gateway {
    /// Answers `POST /v1/messages/count_tokens`.
    pub async fn count_tokens(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let call = count_tokens::parse(&inbound.body).map_err(refusal)?;
        let user = call.user.clone();
        let admitted = admit(self, inbound, user.as_deref())
            .await
            .map_err(|refused| refused.error)?;
        let plan = plan(self, inbound, &call.model, &admitted)
            .await
            .map_err(|refused| refused.error)?;
        let counted = match self
            .count_at_provider(&inbound.origin, &plan.first, &call)
            .await?
        {
            Some(count) => count,
            None => tokens::count(&count_tokens::texts(&call)).await,
        };
        let body = format!(r#"{{"input_tokens":{counted}}}"#);
        Ok(Reply {
            body: ReplyBody::Json(Bytes::from(body)),
            guardrails: None,
            container: None,
            rate: admitted.rate,
        })
    }

    /// `None` where the provider cannot say.
    async fn count_at_provider(
        &self,
        origin: &Origin,
        attempt: &Attempt,
        call: &Call,
    ) -> Result<Option<i64>, GatewayError> {
        let instance = attempt.instance()?;
        let wire = route(Surface::Messages, instance)?.wire;
        let model = &attempt.target.model;
        let target = Target {
            model,
            ..Target::default()
        };
        let Some(encoded) = count_tokens::encode(wire, call, &target).map_err(refusal)? else {
            return Ok(None);
        };
        let Ok(uri) = instance.address(Operation::CountTokens, model, false) else {
            return Ok(None);
        };
        let post = Post {
            uri,
            accept: JSON,
            headers: header_map(encoded.headers),
            body: Bytes::from(encoded.body),
        };
        let told = |error| GatewayError::upstream(&instance.name, error);
        let answered = match post.send(self, origin, instance).await {
            Ok(answered) => answered,
            // Servers that speak Messages without this part of it.
            Err(error) if matches!(error.status, Some(404 | 405 | 501)) => return Ok(None),
            Err(error) => return Err(told(error)),
        };
        let body = answered
            .body
            .collect(ANSWER_BYTES_MAX)
            .await
            .map_err(told)?;
        let count = count_tokens::decode(wire, &body);
        count
            .map(Some)
            .map_err(|error| told(upstream_error(&error)))
    }
}
