//! The call a request becomes.

use serde_json::{Value, json};

use crate::dialect::Target;
use crate::error::TranslateError;

use super::{Request, RerankWire};

/// Writes the body. `region`: where a Bedrock model is, for its name.
pub fn encode(
    wire: RerankWire,
    request: &Request,
    target: &Target<'_>,
    region: &str,
) -> Result<Vec<u8>, TranslateError> {
    let has_limit = matches!(
        wire,
        RerankWire::Cohere | RerankWire::Watsonx | RerankWire::Bedrock
    );
    if request.max_tokens_per_doc.is_some() && !has_limit {
        return Err(unsupported("max_tokens_per_doc"));
    }
    let mut body = match wire {
        RerankWire::Cohere => cohere(request, target.model),
        RerankWire::Voyage => voyage(request, target.model),
        RerankWire::Bedrock => bedrock(request, target.model, region),
        RerankWire::Watsonx => watsonx(request, target),
        RerankWire::Scores => json!({"queries": [request.query], "documents": request.documents}),
    };
    if let Some(members) = body.as_object_mut() {
        for (name, raw) in &request.extra {
            if matches!(wire, RerankWire::Bedrock | RerankWire::Watsonx) {
                return Err(unsupported(name));
            }
            members.entry(name).or_insert_with(|| raw.value());
        }
    }
    Ok(body.to_string().into_bytes())
}

fn cohere(request: &Request, model: &str) -> Value {
    let mut body = json!({"model": model, "query": request.query, "documents": request.documents});
    set(&mut body, "top_n", request.top_n);
    set(&mut body, "max_tokens_per_doc", request.max_tokens_per_doc);
    body
}

fn voyage(request: &Request, model: &str) -> Value {
    let mut body = json!({"model": model, "query": request.query, "documents": request.documents});
    set(&mut body, "top_k", request.top_n);
    body
}

fn bedrock(request: &Request, model: &str, region: &str) -> Value {
    let arn = if model.starts_with("arn:") {
        model.to_owned()
    } else {
        let partition = if region.starts_with("cn-") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        };
        format!("arn:{partition}:bedrock:{region}::foundation-model/{model}")
    };
    let sources = request.documents.iter().map(|text| {
        json!({"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}})
    });
    let mut chosen = json!({"modelArn": arn});
    if let Some(limit) = request.max_tokens_per_doc {
        set(
            &mut chosen,
            "additionalModelRequestFields",
            Some(json!({"max_tokens_per_doc": limit})),
        );
    }
    // More than there are documents is refused.
    let wanted = request.top_n.map(|top| top.min(request.documents.len()));
    let mut configuration = json!({"modelConfiguration": chosen});
    set(&mut configuration, "numberOfResults", wanted);
    json!({
        "queries": [{"type": "TEXT", "textQuery": {"text": request.query}}],
        "sources": sources.collect::<Vec<_>>(),
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": configuration,
        },
    })
}

fn watsonx(request: &Request, target: &Target<'_>) -> Value {
    let inputs = request.documents.iter().map(|text| json!({"text": text}));
    let mut body = json!({
        "model_id": target.model, "query": request.query, "inputs": inputs.collect::<Vec<_>>(),
    });
    set(&mut body, "project_id", target.project_id);
    if target.project_id.is_none() {
        set(&mut body, "space_id", target.space_id);
    }
    let mut parameters = json!({});
    set(
        &mut parameters,
        "truncate_input_tokens",
        request.max_tokens_per_doc,
    );
    if let Some(top) = request.top_n {
        set(
            &mut parameters,
            "return_options",
            Some(json!({"top_n": top})),
        );
    }
    set(&mut body, "parameters", Some(parameters));
    body
}

fn set(body: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Some(members), Some(value)) = (body.as_object_mut(), value) {
        members.insert(name.to_owned(), value.into());
    }
}

fn unsupported(member: &str) -> TranslateError {
    TranslateError::Unsupported {
        member: member.to_owned(),
    }
}
