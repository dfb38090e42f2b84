//! The calls a request becomes.

use crate::dialect::Target;
use crate::error::TranslateError;
use crate::json::{Json, Object};

use super::{EmbedWire, Encoding, Input, Purpose, Request};

type Result<T> = std::result::Result<T, TranslateError>;

/// Writes the bodies of the calls, to be made in this order; their answers' vectors follow each other.
pub fn encode(wire: EmbedWire, request: &Request, target: &Target<'_>) -> Result<Vec<Vec<u8>>> {
    if wire == EmbedWire::OpenAi {
        return Ok(vec![openai(request, target, request.encoding)]);
    }
    let Input::Texts(texts) = &request.input else {
        return Err(unsupported("input"));
    };
    if wire == EmbedWire::OpenAiInt8 {
        // Without a word on the encoding it is the only one.
        return Ok(vec![openai(request, target, Encoding::Float)]);
    }
    let family = Titan::of(target.model);
    if wire == EmbedWire::Bedrock && family.is_none() && !target.model.contains("cohere.embed") {
        return Err(unsupported("model"));
    }
    if request.dimensions.is_some() && !has_dimensions(wire, target.model) {
        refuse("dimensions", target)?;
    }
    check_extra(wire, request, target)?;
    texts
        .chunks(batch(wire, target.model))
        .map(|texts| {
            let mut body = call(wire, request, texts, target);
            for (name, raw) in &request.extra {
                if own_members(wire).contains(&name.as_str()) {
                    body.set(name.clone(), raw);
                }
            }
            Ok(body.to_vec())
        })
        .collect()
}

fn openai(request: &Request, target: &Target<'_>, encoding: Encoding) -> Vec<u8> {
    let list = |tokens: &Vec<i64>| tokens.iter().copied().map(Json::Int).collect::<Json>();
    let input = match &request.input {
        Input::Texts(texts) => texts.iter().map(Json::from).collect(),
        Input::Tokens(lists) => lists.iter().map(list).collect::<Json>(),
    };
    let encoding = (encoding == Encoding::Base64).then_some("base64");
    let mut body = Object::new()
        .with("model", target.model)
        .with("input", input)
        .with_some("dimensions", request.dimensions)
        .with_some("encoding_format", encoding)
        .with_some("user", request.user.as_ref());
    for (name, raw) in &request.extra {
        body.set(name.clone(), raw);
    }
    body.to_vec()
}

fn call(wire: EmbedWire, request: &Request, texts: &[String], target: &Target<'_>) -> Object {
    let model = target.model;
    let inputs = || texts.iter().map(Json::from).collect::<Json>();
    let named = || Object::new().with("model", model);
    let dimensions = request.dimensions;
    match wire {
        EmbedWire::OpenAi | EmbedWire::OpenAiInt8 | EmbedWire::Mistral => named()
            .with("input", inputs())
            .with_some("output_dimension", dimensions),
        EmbedWire::Voyage => {
            let kind = match request.purpose {
                Some(Purpose::Query) => Some("query"),
                Some(Purpose::Document) => Some("document"),
                _ => None,
            };
            named()
                .with("input", inputs())
                .with_some("input_type", kind)
                .with_some("output_dimension", dimensions)
        }
        EmbedWire::Cohere => named()
            .with("texts", inputs())
            .with("input_type", cohere_type(request.purpose))
            .with("embedding_types", float_only())
            .with_some("output_dimension", dimensions),
        EmbedWire::Ollama => named()
            .with("input", inputs())
            .with_some("dimensions", dimensions),
        EmbedWire::Watsonx => {
            let space = target.space_id.filter(|_| target.project_id.is_none());
            Object::new()
                .with("model_id", model)
                .with_some("project_id", target.project_id)
                .with_some("space_id", space)
                .with("inputs", inputs())
        }
        // The address names the model.
        EmbedWire::FeatureExtraction => Object::new().with("inputs", inputs()),
        EmbedWire::Gemini => gemini(request, texts, model),
        EmbedWire::Vertex => vertex(request, texts),
        EmbedWire::Bedrock => bedrock(request, texts, model),
    }
}

fn gemini(request: &Request, texts: &[String], model: &str) -> Object {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let requests = texts.iter().map(|text| {
        let part = Json::Object(Object::new().with("text", text));
        let content = Object::new().with("parts", vec![part]);
        Json::Object(
            Object::new()
                .with("model", format!("models/{model}"))
                .with("content", content)
                .with_some("taskType", request.purpose.map(google_task))
                .with_some("outputDimensionality", request.dimensions),
        )
    });
    Object::new().with("requests", requests.collect::<Json>())
}

fn vertex(request: &Request, texts: &[String]) -> Object {
    let instances = texts.iter().map(|text| {
        Json::Object(
            Object::new()
                .with("content", text)
                .with_some("task_type", request.purpose.map(google_task)),
        )
    });
    let mut body = Object::new().with("instances", instances.collect::<Json>());
    if let Some(dimensions) = request.dimensions {
        let parameters = Object::new().with("outputDimensionality", dimensions);
        body.set("parameters", parameters);
    }
    body
}

/// Titan's embedding models, which take one text a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Titan {
    V1,
    V2,
}

impl Titan {
    fn of(model: &str) -> Option<Self> {
        if !model.contains("titan-embed") {
            return None;
        }
        Some(if model.contains("text-v2") {
            Self::V2
        } else {
            Self::V1
        })
    }
}

fn bedrock(request: &Request, texts: &[String], model: &str) -> Object {
    match Titan::of(model) {
        Some(_) => Object::new()
            .with("inputText", texts.first().map_or("", String::as_str))
            .with_some("dimensions", request.dimensions),
        None => Object::new()
            .with("texts", texts.iter().map(Json::from).collect::<Json>())
            .with("input_type", cohere_type(request.purpose))
            .with("embedding_types", float_only())
            .with_some("output_dimension", request.dimensions),
    }
}

fn float_only() -> Vec<Json> {
    vec![Json::from("float")]
}

/// Required; what is embedded without a word on it is most often a document.
fn cohere_type(purpose: Option<Purpose>) -> &'static str {
    match purpose {
        Some(Purpose::Query) => "search_query",
        Some(Purpose::Document) | None => "search_document",
        Some(Purpose::Classification) => "classification",
        Some(Purpose::Clustering) => "clustering",
    }
}

fn google_task(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Query => "RETRIEVAL_QUERY",
        Purpose::Document => "RETRIEVAL_DOCUMENT",
        Purpose::Classification => "CLASSIFICATION",
        Purpose::Clustering => "CLUSTERING",
    }
}

/// The most texts one call takes.
fn batch(wire: EmbedWire, model: &str) -> usize {
    match wire {
        EmbedWire::Bedrock if Titan::of(model).is_some() => 1,
        EmbedWire::Cohere | EmbedWire::Bedrock => 96,
        EmbedWire::Gemini => 100,
        EmbedWire::Vertex if model.contains("gemini-embedding") => 1,
        EmbedWire::Vertex => 250,
        EmbedWire::Voyage => 1000,
        EmbedWire::OpenAi
        | EmbedWire::OpenAiInt8
        | EmbedWire::Mistral
        | EmbedWire::Ollama
        | EmbedWire::Watsonx
        | EmbedWire::FeatureExtraction => usize::MAX,
    }
}

fn has_dimensions(wire: EmbedWire, model: &str) -> bool {
    match wire {
        EmbedWire::Watsonx | EmbedWire::FeatureExtraction => false,
        EmbedWire::Bedrock => Titan::of(model) == Some(Titan::V2) || model.contains("v4"),
        _ => true,
    }
}

/// The provider's own members, which clients may send along.
fn own_members(wire: EmbedWire) -> &'static [&'static str] {
    match wire {
        EmbedWire::Mistral => &["output_dtype"],
        EmbedWire::Cohere => &["truncate", "max_tokens"],
        EmbedWire::Bedrock => &["truncate", "normalize"],
        EmbedWire::Ollama => &["truncate", "options", "keep_alive"],
        EmbedWire::Voyage => &["truncation"],
        EmbedWire::Watsonx => &["parameters"],
        EmbedWire::FeatureExtraction => &["normalize", "prompt_name", "truncate"],
        EmbedWire::OpenAi | EmbedWire::OpenAiInt8 | EmbedWire::Gemini | EmbedWire::Vertex => &[],
    }
}

fn check_extra(wire: EmbedWire, request: &Request, target: &Target<'_>) -> Result<()> {
    for (name, _) in &request.extra {
        if !own_members(wire).contains(&name.as_str()) {
            refuse(name, target)?;
        }
    }
    Ok(())
}

fn refuse(member: &str, target: &Target<'_>) -> Result<()> {
    if target.drop_unsupported {
        return Ok(());
    }
    Err(unsupported(member))
}

fn unsupported(member: &str) -> TranslateError {
    TranslateError::Unsupported {
        member: member.to_owned(),
    }
}
