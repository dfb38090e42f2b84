//! Turns and blocks as Mistral messages and content chunks.

use crate::call::{Block, Call, Media, MediaKind, Part, Reasoning, Role, Source, ToolResult, Turn};
use crate::dialect::failed::result_text;
use crate::error::TranslateError;
use crate::json::{Json, Object};
use crate::origin::Origin;
use crate::route::{Surface, Wire};

use super::super::Target;
use super::super::carry::{own, unsupported};
use super::super::openai_chat::data_url;
use super::super::tool_id::nine;

type Result<T> = std::result::Result<T, TranslateError>;

pub(super) fn messages(call: &Call, target: &Target<'_>) -> Result<Vec<Json>> {
    let mut messages = Vec::new();
    if !call.system.is_empty() {
        messages.push(message("system", call, &call.system)?);
    }
    for turn in &call.turns {
        match turn.role {
            Role::System => messages.push(message("system", call, &turn.parts)?),
            Role::User => user(call, turn, &mut messages)?,
            Role::Assistant => messages.extend(assistant(call, turn, target)?),
        }
    }
    let ends_with_assistant = call
        .turns
        .last()
        .is_some_and(|turn| turn.role == Role::Assistant);
    if ends_with_assistant && let Some(last) = messages.last_mut() {
        // Only a beginning that is to be continued may come last.
        last.set("prefix", true);
    }
    Ok(messages.into_iter().map(Json::Object).collect())
}

/// What follows a tool's result must be the assistant: before a user who speaks right after one, it is made to.
fn user(call: &Call, turn: &Turn, messages: &mut Vec<Object>) -> Result<()> {
    let mut said = Vec::new();
    for part in &turn.parts {
        match &part.block {
            Block::ToolResult(result) => messages.push(tool(call, result)?),
            _ => said.push(part.clone()),
        }
    }
    if said.is_empty() {
        return Ok(());
    }
    let last = messages.last().and_then(|last| last.get("role"));
    if last == Some(&Json::from("tool")) {
        let filler = Object::new().with("role", "assistant");
        messages.push(filler.with("content", "OK"));
    }
    messages.push(message("user", call, &said)?);
    Ok(())
}

fn tool(call: &Call, result: &ToolResult) -> Result<Object> {
    let mut parts = result.content.clone();
    if result.is_error {
        // There is no member for a failed tool, so the text says it.
        match parts.first_mut().map(|part| &mut part.block) {
            Some(Block::Text(text)) => *text = result_text(std::mem::take(text), true),
            _ => parts.insert(0, Part::text(result_text(String::new(), true))),
        }
    }
    Ok(message("tool", call, &parts)?
        .with("tool_call_id", nine(&result.call_id))
        .with_some("name", call.tool_name(&result.call_id)))
}

/// `None` for an assistant that said nothing, which is refused.
fn assistant(call: &Call, turn: &Turn, target: &Target<'_>) -> Result<Option<Object>> {
    let mut thoughts = Vec::new();
    let mut said = Vec::new();
    let mut calls = Vec::new();
    for part in &turn.parts {
        match &part.block {
            Block::Reasoning(reasoning) => thoughts.extend(thinking(reasoning, target)),
            Block::ToolCall(tool) => {
                let arguments = if tool.arguments.is_empty() {
                    "{}"
                } else {
                    &tool.arguments
                };
                let function = Object::new()
                    .with("name", &tool.name)
                    .with("arguments", arguments);
                let call = Object::new()
                    .with("id", nine(&tool.id))
                    .with("type", "function")
                    .with("function", function);
                calls.push(Json::Object(call));
            }
            Block::Text(text) if text.is_empty() => {}
            _ => said.push(part.clone()),
        }
    }
    if said.is_empty() && calls.is_empty() && thoughts.is_empty() {
        return Ok(None);
    }
    let mut message = if thoughts.is_empty() {
        message("assistant", call, &said)?
    } else {
        for part in &said {
            thoughts.push(chunk(call, part)?);
        }
        Object::new()
            .with("role", "assistant")
            .with("content", thoughts)
    };
    if !calls.is_empty() {
        message.set("tool_calls", calls);
    }
    Ok(Some(message))
}

fn thinking(reasoning: &Reasoning, target: &Target<'_>) -> Option<Json> {
    let signature = reasoning.signature.as_ref();
    let own = signature.filter(|signature| signature.origin == Origin::Mistral);
    let unsigned = signature.is_none() && target.replay_reasoning;
    if reasoning.redacted || !(own.is_some() || unsigned) {
        return None;
    }
    let text = Object::typed("text").with("text", &reasoning.text);
    let chunk = Object::typed("thinking")
        .with("thinking", vec![Json::Object(text)])
        .with_some("signature", own.map(|signature| &signature.value));
    Some(Json::Object(chunk))
}

/// Plain text where it can be.
fn message(role: &'static str, call: &Call, parts: &[Part]) -> Result<Object> {
    let message = Object::new().with("role", role);
    let texts: Option<Vec<&str>> = parts
        .iter()
        .map(|part| match &part.block {
            Block::Text(text) | Block::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    match texts {
        Some(texts) if role != "user" || texts.len() == 1 => {
            let between = if role == "assistant" { "" } else { "\n" };
            Ok(message.with("content", texts.join(between)))
        }
        _ => {
            let chunks = parts.iter().map(|part| chunk(call, part));
            Ok(message.with("content", chunks.collect::<Result<Vec<_>>>()?))
        }
    }
}

fn chunk(call: &Call, part: &Part) -> Result<Json> {
    match &part.block {
        Block::Text(text) | Block::Refusal(text) => {
            Ok(Json::Object(Object::typed("text").with("text", text)))
        }
        Block::Media(media) => self::media(call, media).map(Json::Object),
        Block::Unknown(unknown) => Ok(own(unknown, Wire::OpenAiChat)?.into()),
        Block::Reasoning(_) | Block::ToolCall(_) | Block::ToolResult(_) => {
            Err(unsupported("messages"))
        }
    }
}

fn media(call: &Call, media: &Media) -> Result<Object> {
    let url = |default: &str| match &media.source {
        Source::Data(data) => Some(data_url(media.mime.as_deref().unwrap_or(default), data)),
        Source::Url(url) => Some(url.clone()),
        Source::FileId(_) | Source::Text(_) => None,
    };
    match (media.kind, &media.source) {
        (_, Source::Text(text)) => Ok(Object::typed("text").with("text", text)),
        // Ids of Mistral's own files, as its clients send them.
        (_, Source::FileId(id)) if call.surface == Surface::Chat => {
            Ok(Object::typed("file").with("file_id", id))
        }
        (_, Source::FileId(_)) => Err(unsupported("file_id")),
        (MediaKind::Image, _) => {
            let image = Object::new()
                .with_some("url", url("image/png"))
                .with_some("detail", media.detail.as_ref());
            Ok(Object::typed("image_url").with("image_url", image))
        }
        (MediaKind::File, _) => Ok(Object::typed("document_url")
            .with_some("document_url", url("application/pdf"))
            .with_some("document_name", media.filename.as_ref())),
        // A bare text: the base64, or an address.
        (MediaKind::Audio, Source::Data(text) | Source::Url(text)) => {
            Ok(Object::typed("input_audio").with("input_audio", text))
        }
    }
}
