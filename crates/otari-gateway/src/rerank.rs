//! The walk of a rerank call: input tokens where the provider reports them, Cohere's answer from whoever ranks.

use otari_providers::quirk::has_own_shape;
use otari_providers::{Dialect, Instance, Operation, UpstreamError};
use otari_translate::dialect::Target;
use otari_translate::rerank::{self, RerankWire};
use otari_types::{TokenUsage, new_id};
use otari_wire::members::Members;
use serde_json::{Value, json};

use crate::Gateway;
use crate::dispatch::{is_kept_back, refusal};
use crate::error::{FieldProblem, GatewayError};
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::pass::{At, Errand, Raw, Reading, Whole, can, error_in, json as message};
use crate::relay::upstream_error;
use crate::request::{
    bool_member, int_member, parse_members, problem, required_string, string_member,
};
use crate::reserve::Demand;
use crate::unit::Unit;

/// Members with a form of their own.
const READ: [&str; 7] = [
    "model",
    "query",
    "documents",
    "top_n",
    "max_tokens_per_doc",
    "return_documents",
    "user",
];

impl Gateway {
    /// Answers one rerank request.
    pub async fn rerank(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let members = parse_members(&inbound.body)?;
        let mut problems = Vec::new();
        let model = required_string(&members, "model", &mut problems);
        let user = string_member(&members, "user", &mut problems);
        let with_documents = bool_member(&members, "return_documents", &mut problems);
        let request = read(&members, &mut problems);
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        let errand = Errand {
            inbound,
            operation: Operation::Rerank,
            model: &model,
            user: user.as_deref(),
            demand: Demand {
                prompt_bytes: request.query.len()
                    + request.documents.iter().map(String::len).sum::<usize>(),
                max_output: Some(0),
                choices: 1,
                unit: Unit::Tokens,
            },
        };
        let encode = |at: &At<'_>| {
            let wire = wire(at.instance)?;
            let target = Target {
                model: at.model,
                project_id: at.instance.project(),
                space_id: at.instance.space(),
                ..Target::default()
            };
            let region = at.instance.region().unwrap_or_default();
            let body = rerank::encode(wire, &request, &target, region).map_err(refusal)?;
            Ok(message(body.into()))
        };
        let with_documents = with_documents.unwrap_or(false);
        let decode = |at: &At<'_>, raw: Raw| answer(at, &raw, &request, with_documents);
        self.pass(&errand, &encode, &Reading::Whole(&decode)).await
    }
}

fn read(members: &Members<'_>, problems: &mut Vec<FieldProblem>) -> rerank::Request {
    let query = required_string(members, "query", problems).into_owned();
    let documents = documents(members, problems);
    let mut positive = |name: &str| {
        let value = int_member(members, name, problems)?;
        if value < 1 {
            let message = "Input should be greater than 0";
            problems.push(problem(&[name], "greater_than", message));
        }
        Some(value)
    };
    let extra = members
        .iter()
        .filter(|(name, value)| {
            !READ.contains(name) && !is_kept_back(name) && value.get() != "null"
        })
        .map(|(name, value)| (name.to_owned(), value.into()));
    rerank::Request {
        query,
        documents,
        top_n: positive("top_n").and_then(|top| usize::try_from(top).ok()),
        max_tokens_per_doc: positive("max_tokens_per_doc"),
        extra: extra.collect(),
    }
}

fn documents(members: &Members<'_>, problems: &mut Vec<FieldProblem>) -> Vec<String> {
    const NAME: &str = "documents";
    let Some(raw) = members.get(NAME) else {
        problems.push(problem(&[NAME], "missing", "Field required"));
        return Vec::new();
    };
    let Ok(items) = serde_json::from_str::<Vec<Value>>(raw.get()) else {
        let message = "Input should be a valid list";
        problems.push(problem(&[NAME], "list_type", message));
        return Vec::new();
    };
    if items.is_empty() {
        let message = "List should have at least 1 item after validation, not 0";
        problems.push(problem(&[NAME], "too_short", message));
    }
    let mut texts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        if let Value::String(text) = item {
            texts.push(text);
        } else {
            let message = "Input should be a valid string";
            problems.push(problem(&[NAME, &index.to_string()], "string_type", message));
        }
    }
    texts
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

fn answer(
    at: &At<'_>,
    raw: &Raw,
    request: &rerank::Request,
    with_documents: bool,
) -> Result<Whole, UpstreamError> {
    error_in(&raw.body)?;
    let ranked = rerank::decode(request, &raw.body).map_err(|error| upstream_error(&error))?;
    let results = ranked.results.iter().map(|scored| {
        let mut result = json!({"index": scored.index, "relevance_score": scored.score});
        let text = request.documents.get(scored.index);
        if let (true, Some(text), Some(members)) = (with_documents, text, result.as_object_mut()) {
            members.insert("document".to_owned(), json!({"text": text}));
        }
        result
    });
    let id = ranked.id.unwrap_or_else(|| format!("rerank-{}", new_id()));
    let mut body = json!({
        "id": id, "model": at.label.unwrap_or(at.model), "results": results.collect::<Vec<_>>(),
    });
    if let Some(members) = body.as_object_mut() {
        if let Some(meta) = &ranked.meta {
            members.insert("meta".to_owned(), meta.value());
        }
        if let Some(tokens) = ranked.total_tokens {
            members.insert("usage".to_owned(), json!({"total_tokens": tokens}));
        }
    }
    let usage = ranked.total_tokens.map(|input| TokenUsage {
        input,
        ..TokenUsage::default()
    });
    Ok(Whole {
        body: ReplyBody::Json(body.to_string().into()),
        usage,
        pieces: None,
    })
}
