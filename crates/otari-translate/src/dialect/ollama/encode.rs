//! An Ollama request. Content is plain text; pictures stand beside it.

use crate::call::{
    Block, Call, Media, MediaKind, Part, ResponseFormat, Role, Source, Thinking, Tool, ToolChoice,
    ToolResult, Turn,
};
use crate::dialect::failed::result_text;
use crate::effort::Effort;
use crate::error::TranslateError;
use crate::json::{Json, Object};

use super::super::carry::{extra_of, refuse, refuse_if, unsupported};
use super::super::{Encoded, Target};

type Result<T> = std::result::Result<T, TranslateError>;

/// Ollama's own, which clients may send along.
const SHARED: &[&str] = &["keep_alive", "truncate", "shift"];
/// The same, inside `options`.
const OPTIONS: &[&str] = &[
    "min_p",
    "num_ctx",
    "num_gpu",
    "repeat_last_n",
    "repeat_penalty",
    "typical_p",
];

/// Its own default is a few thousand tokens, and what exceeds that is cut off in silence.
const DEFAULT_CONTEXT: i64 = 32_000;

pub(in crate::dialect) fn encode(call: &Call, target: &Target<'_>) -> Result<Encoded> {
    let mut body = Object::new()
        .with("model", target.model)
        .with("messages", messages(call)?);
    tools(call, target, &mut body)?;
    match &call.response_format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => body.set("format", "json"),
        Some(ResponseFormat::JsonSchema { schema, .. }) => body.set("format", schema),
    }
    if let Some(wish) = call.thinking {
        body.set("think", think(wish));
    }
    let mut options = options(call, target);
    for (name, raw) in &call.extra {
        if let Some(name) = OPTIONS.iter().find(|known| *known == name) {
            options.set(*name, raw);
        }
    }
    body.set("options", options);
    extra_of(call, &[SHARED, OPTIONS].concat(), target, &mut body)?;
    for name in OPTIONS {
        body.remove(name);
    }
    // On by default there.
    body.set("stream", call.stream);
    Ok(Encoded {
        headers: Vec::new(),
        body: body.to_vec(),
    })
}

fn options(call: &Call, target: &Target<'_>) -> Object {
    let mut options = Object::new()
        .with("num_ctx", target.context.unwrap_or(DEFAULT_CONTEXT))
        .with_some("num_predict", call.max_output.or(target.max_output))
        .with_some("temperature", call.temperature)
        .with_some("top_p", call.top_p)
        .with_some("top_k", call.top_k)
        .with_some("seed", call.seed)
        .with_some("frequency_penalty", call.frequency_penalty)
        .with_some("presence_penalty", call.presence_penalty);
    if !call.stop.is_empty() {
        options.set("stop", call.stop.iter().map(Json::from).collect::<Json>());
    }
    options
}

fn think(wish: Thinking) -> Json {
    match wish.level() {
        None => true.into(),
        Some(Effort::None) => false.into(),
        Some(Effort::Minimal | Effort::Low) => "low".into(),
        Some(Effort::Medium) => "medium".into(),
        Some(Effort::High) => "high".into(),
        Some(Effort::XHigh | Effort::Max) => "max".into(),
    }
}

/// Whether to call is the model's choice here: it can be kept from it by declaring nothing, but not be made to.
fn tools(call: &Call, target: &Target<'_>, body: &mut Object) -> Result<()> {
    let mut tools = Vec::new();
    for tool in &call.tools {
        match tool {
            Tool::Native(unknown) => return Err(unsupported(&unknown.loc)),
            Tool::Function(tool) if call.allows(&tool.name) => {
                let function = Object::new()
                    .with("name", &tool.name)
                    .with_some("description", tool.description.as_ref())
                    .with_some("parameters", tool.schema.as_ref());
                let object = Object::typed("function").with("function", function);
                tools.push(Json::Object(object));
            }
            Tool::Function(_) => {}
        }
    }
    if tools.is_empty() {
        return Ok(());
    }
    match &call.tool_choice {
        Some(ToolChoice::None) => return Ok(()),
        Some(
            ToolChoice::Required
            | ToolChoice::Named(_)
            | ToolChoice::Allowed { required: true, .. },
        ) => refuse("tool_choice", target)?,
        _ => {}
    }
    refuse_if(
        call.parallel_tools == Some(false),
        "parallel_tool_calls",
        target,
    )?;
    body.set("tools", tools);
    Ok(())
}

fn messages(call: &Call) -> Result<Vec<Json>> {
    let mut messages = Vec::new();
    if !call.system.is_empty() {
        messages.push(message("system", &call.system)?);
    }
    for turn in &call.turns {
        match turn.role {
            Role::System => messages.push(message("system", &turn.parts)?),
            Role::User => user(call, turn, &mut messages)?,
            Role::Assistant => messages.push(assistant(turn)?),
        }
    }
    Ok(messages.into_iter().map(Json::Object).collect())
}

fn user(call: &Call, turn: &Turn, messages: &mut Vec<Object>) -> Result<()> {
    let mut said = Vec::new();
    for part in &turn.parts {
        match &part.block {
            Block::ToolResult(result) => messages.push(tool(call, result)?),
            _ => said.push(part.clone()),
        }
    }
    if !said.is_empty() {
        messages.push(message("user", &said)?);
    }
    Ok(())
}

/// There is no member for a failed tool, so the text says it. Older versions know results by the tool's name only.
fn tool(call: &Call, result: &ToolResult) -> Result<Object> {
    let Content { text, images } = content(&result.content)?;
    let text = result_text(text, result.is_error);
    Ok(with_images(
        Object::new().with("role", "tool").with("content", text),
        images,
    )
    .with_some("tool_name", call.tool_name(&result.call_id))
    .with("tool_call_id", &result.call_id))
}

fn assistant(turn: &Turn) -> Result<Object> {
    let mut thinking = String::new();
    let mut calls = Vec::new();
    let mut said = Vec::new();
    for part in &turn.parts {
        match &part.block {
            // Its templates leave out what the model should not see again.
            Block::Reasoning(reasoning) if reasoning.signature.is_none() => {
                thinking.push_str(&reasoning.text);
            }
            Block::Reasoning(_) => {}
            Block::ToolCall(tool) => {
                let function = Object::new()
                    .with("name", &tool.name)
                    .with("arguments", tool.input());
                let call = Object::new()
                    .with("id", &tool.id)
                    .with("function", function);
                calls.push(Json::Object(call));
            }
            _ => said.push(part.clone()),
        }
    }
    let mut message = message("assistant", &said)?;
    if !thinking.is_empty() {
        message.set("thinking", thinking);
    }
    if !calls.is_empty() {
        message.set("tool_calls", calls);
    }
    Ok(message)
}

fn message(role: &'static str, parts: &[Part]) -> Result<Object> {
    let Content { text, images } = content(parts)?;
    let message = Object::new().with("role", role).with("content", text);
    Ok(with_images(message, images))
}

fn with_images(message: Object, images: Vec<Json>) -> Object {
    let images = (!images.is_empty()).then_some(images);
    message.with_some("images", images)
}

struct Content {
    text: String,
    /// Bare base64.
    images: Vec<Json>,
}

fn content(parts: &[Part]) -> Result<Content> {
    let mut texts = Vec::new();
    let mut images = Vec::new();
    for part in parts {
        match &part.block {
            Block::Text(text) | Block::Refusal(text) if text.is_empty() => {}
            Block::Text(text) | Block::Refusal(text) => texts.push(text.as_str()),
            Block::Media(Media {
                source: Source::Text(text),
                ..
            }) => texts.push(text),
            Block::Media(Media {
                kind: MediaKind::Image,
                source: Source::Data(data),
                ..
            }) => images.push(Json::from(data)),
            Block::Media(media) => {
                return Err(unsupported(match (media.kind, &media.source) {
                    (_, Source::FileId(_)) => "file_id",
                    (MediaKind::Image, _) => "image_url",
                    (MediaKind::File, _) => "file",
                    (MediaKind::Audio, _) => "input_audio",
                }));
            }
            Block::Unknown(unknown) => return Err(unsupported(&unknown.loc)),
            Block::Reasoning(_) | Block::ToolCall(_) | Block::ToolResult(_) => {
                return Err(unsupported("messages"));
            }
        }
    }
    Ok(Content {
        text: texts.join("\n"),
        images,
    })
}
