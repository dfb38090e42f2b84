//! The walk of a rerank call: Cohere's answer from whoever ranks. A provider without an endpoint for it is asked as a
//! chat model.

mod listwise;
mod request;

use otari_providers::quirk::has_own_shape;
use otari_providers::{Capability, Dialect, Instance, Operation};
use otari_translate::dialect::Target;
use otari_translate::rerank::{self, Ranked, RerankWire};
use otari_types::{TokenUsage, new_id};
use serde_json::json;

use crate::Gateway;
use crate::dispatch::refusal;
use crate::error::GatewayError;
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::pass::{At, Errand, Raw, Reading, Task, Whole, can, error_in, json as message};
use crate::relay::upstream_error;
use crate::request::parse_members;
use crate::reserve::Demand;
use crate::unit::Unit;

pub use listwise::NO_RANKING;
use request::{Asked, Ranker};

impl Gateway {
    /// Answers one rerank request.
    pub async fn rerank(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let members = parse_members(&inbound.body)?;
        let asked = Asked::read(&members)?;
        let request = &asked.request;
        let errand = Errand {
            inbound,
            operation: Operation::Rerank,
            model: &asked.model,
            user: asked.user.as_deref(),
            demand: Demand {
                prompt_bytes: request.query.len()
                    + request.documents.iter().map(String::len).sum::<usize>(),
                max_output: Some(0),
                choices: 1,
                unit: Unit::Tokens,
            },
        };
        let mark = new_id();
        let decode = |at: &At<'_>, raw: Raw| {
            error_in(&raw.body)?;
            let ranked = rerank::decode(request, &raw.body);
            let ranked = ranked.map_err(|error| upstream_error(&error))?;
            let usage = ranked.total_tokens.map(|input| TokenUsage {
                input,
                ..TokenUsage::default()
            });
            Ok(Whole {
                usage,
                ..rendered(at, &asked, &ranked)
            })
        };
        let read_scores = |at: &At<'_>, raws: Vec<Raw>| listwise::decode(at, &asked, &mark, &raws);
        let encode = |at: &At<'_>| {
            if is_asked_by_chat(at, &asked) {
                return listwise::encode(at, request, &mark, &read_scores);
            }
            let body = by_endpoint(at, request)?;
            Ok(Task::one(message(body.into()), Reading::Whole(&decode)))
        };
        self.pass(&errand, &encode).await
    }
}

/// Where the caller does not say, a model of a provider without rerank; and with providers whose rankers are all called
/// so, any other model.
fn is_asked_by_chat(at: &At<'_>, asked: &Asked<'_>) -> bool {
    let provider = at.instance.provider;
    if let Some(ranker) = asked.ranker {
        return ranker == Ranker::Chat;
    }
    let names_rankers = matches!(
        provider.dialect,
        Dialect::CohereV2 | Dialect::BedrockConverse
    );
    !provider.can(Capability::Rerank) || names_rankers && !at.model.contains("rerank")
}

fn by_endpoint(at: &At<'_>, request: &rerank::Request) -> Result<Vec<u8>, GatewayError> {
    let wire = wire(at.instance)?;
    let target = Target {
        model: at.model,
        project_id: at.instance.project(),
        space_id: at.instance.space(),
        ..Target::default()
    };
    let region = at.instance.region().unwrap_or_default();
    rerank::encode(wire, request, &target, region).map_err(refusal)
}

fn wire(instance: &Instance) -> Result<RerankWire, GatewayError> {
    can(instance, Operation::Rerank, "rerank")?;
    let provider = instance.provider;
    Ok(match provider.dialect {
        Dialect::Voyage => RerankWire::Voyage,
        Dialect::BedrockConverse => RerankWire::Bedrock,
        Dialect::Watsonx => RerankWire::Watsonx,
        _ if has_own_shape(provider.quirks, Operation::Rerank) => RerankWire::Scores,
        _ => RerankWire::Cohere,
    })
}

fn rendered(at: &At<'_>, asked: &Asked<'_>, ranked: &Ranked) -> Whole {
    let results = ranked.results.iter().map(|scored| {
        let mut result = json!({"index": scored.index, "relevance_score": scored.score});
        if let (Some(document), Some(members)) = (asked.shown(scored.index), result.as_object_mut())
        {
            members.insert("document".to_owned(), document);
        }
        result
    });
    let results: Vec<_> = results.collect();
    let id = ranked.id.clone();
    let id = id.unwrap_or_else(|| format!("rerank-{}", new_id()));
    let mut body = json!({"id": id, "model": at.label.unwrap_or(at.model), "results": results});
    if let Some(members) = body.as_object_mut() {
        if let Some(meta) = &ranked.meta {
            members.insert("meta".to_owned(), meta.value());
        }
        if let Some(tokens) = ranked.total_tokens {
            members.insert("usage".to_owned(), json!({"total_tokens": tokens}));
        }
    }
    Whole::of(ReplyBody::Json(body.to_string().into()))
}
