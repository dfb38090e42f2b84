//! How many tokens a prompt has, without asking for an answer: `POST /v1/messages/count_tokens`, the providers that can
//! say, and the texts to count where none can.

use serde::Deserialize;

use crate::call::{Block, Call, Media, MediaKind, Part, Source, Tool};
use crate::dialect::{self, Encoded, Target};
use crate::error::{DecodeError, TranslateError};
use crate::json::{Json, Object, Raw};
use crate::route::Wire;
use crate::surface::messages;

/// Reads the body of a count request: a Messages request whose `max_tokens` is left out.
pub fn parse(body: &[u8]) -> Result<Call, TranslateError> {
    messages::parse_prompt(body)
}

/// Whether a wire has an endpoint for it.
pub fn is_served(wire: Wire) -> bool {
    matches!(wire, Wire::Anthropic | Wire::Gemini | Wire::Bedrock)
}

/// Writes the request. `None` where the wire has no endpoint for it: count [`texts`] then.
pub fn encode(
    wire: Wire,
    call: &Call,
    target: &Target<'_>,
) -> Result<Option<Encoded>, TranslateError> {
    match wire {
        Wire::Anthropic => anthropic(call, target).map(Some),
        Wire::Gemini => gemini(call, target).map(Some),
        Wire::Bedrock => bedrock(call, target).map(Some),
        _ => Ok(None),
    }
}

/// Reads the number of tokens.
pub fn decode(wire: Wire, body: &[u8]) -> Result<i64, DecodeError> {
    #[derive(Deserialize)]
    struct Count {
        #[serde(alias = "totalTokens", alias = "inputTokens")]
        input_tokens: i64,
    }
    let malformed = DecodeError::Malformed {
        what: "token count",
    };
    if !is_served(wire) {
        return Err(malformed);
    }
    let count: Count = serde_json::from_slice(body).map_err(|_| malformed)?;
    Ok(count.input_tokens)
}

/// The members a count request may have: how an answer should be made does not count.
const ANTHROPIC: &[&str] = &[
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "context_management",
    "mcp_servers",
];

fn anthropic(call: &Call, target: &Target<'_>) -> Result<Encoded, TranslateError> {
    let encoded = dialect::encode(Wire::Anthropic, call, target)?;
    let mut body = Object::new();
    for (name, value) in members(&encoded.body)? {
        if ANTHROPIC.contains(&name.as_str()) {
            body.set(name, value);
        }
    }
    Ok(Encoded {
        headers: encoded.headers,
        body: body.to_vec(),
    })
}

fn gemini(call: &Call, target: &Target<'_>) -> Result<Encoded, TranslateError> {
    let encoded = dialect::encode(Wire::Gemini, call, target)?;
    let model = target.model.strip_prefix("models/").unwrap_or(target.model);
    let mut request = Object::new().with("model", format!("models/{model}"));
    for (name, value) in members(&encoded.body)? {
        request.set(name, value);
    }
    Ok(Encoded {
        headers: encoded.headers,
        body: Object::new()
            .with("generateContentRequest", request)
            .to_vec(),
    })
}

fn bedrock(call: &Call, target: &Target<'_>) -> Result<Encoded, TranslateError> {
    let prompt = dialect::bedrock_prompt(call, target)?;
    let input = Object::new().with("converse", prompt);
    Ok(Encoded {
        headers: Vec::new(),
        body: Object::new().with("input", input).to_vec(),
    })
}

fn members(body: &[u8]) -> Result<Vec<(String, Json)>, TranslateError> {
    let fields = crate::read::root(body)?.rest();
    let json = |(name, raw): (String, Raw)| (name, Json::Raw(raw));
    Ok(fields.into_iter().map(json).collect())
}

/// What a local tokenizer should count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Countable {
    /// Every text the model reads, in order: instructions, turns, calls and results, declared tools.
    pub texts: Vec<String>,
    /// Texts that make a message of their own, each of which costs a few tokens more.
    pub turns: usize,
    pub images: usize,
    pub files: usize,
}

/// The prompt as texts, for providers that do not count.
pub fn texts(call: &Call) -> Countable {
    let mut countable = Countable {
        turns: call.turns.len() + usize::from(!call.system.is_empty()),
        ..Countable::default()
    };
    add(&call.system, &mut countable);
    for turn in &call.turns {
        add(&turn.parts, &mut countable);
    }
    for tool in &call.tools {
        match tool {
            Tool::Function(tool) => {
                countable.texts.push(tool.name.clone());
                countable.texts.extend(tool.description.clone());
                let schema = tool.schema.as_ref();
                countable
                    .texts
                    .extend(schema.map(|raw| raw.get().to_owned()));
            }
            Tool::Native(unknown) => countable.texts.push(unknown.raw.get().to_owned()),
        }
    }
    countable.texts.retain(|text| !text.is_empty());
    countable
}

fn add(parts: &[Part], countable: &mut Countable) {
    for part in parts {
        match &part.block {
            Block::Text(text) | Block::Refusal(text) => countable.texts.push(text.clone()),
            Block::Reasoning(reasoning) => countable.texts.push(reasoning.text.clone()),
            Block::ToolCall(call) => {
                countable.texts.push(call.name.clone());
                countable.texts.push(call.arguments.clone());
            }
            Block::ToolResult(result) => add(&result.content, countable),
            Block::Media(media) => media_part(media, countable),
            Block::Unknown(unknown) => countable.texts.push(unknown.raw.get().to_owned()),
        }
    }
}

fn media_part(media: &Media, countable: &mut Countable) {
    match (&media.source, media.kind) {
        (Source::Text(text), _) => countable.texts.push(text.clone()),
        (_, MediaKind::Image) => countable.images += 1,
        (_, MediaKind::File | MediaKind::Audio) => countable.files += 1,
    }
}
