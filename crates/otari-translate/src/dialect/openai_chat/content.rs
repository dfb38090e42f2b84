//! Turns and blocks as Chat messages.

use crate::call::{Block, CacheMark, Call, Media, MediaKind, Part, Role, Source, ToolResult, Turn};
use crate::dialect::failed::result_text;
use crate::error::TranslateError;
use crate::json::{Json, Object};
use crate::route::{Surface, Wire};

use super::super::Target;
use super::super::carry::{own, unsupported};

type Result<T> = std::result::Result<T, TranslateError>;

pub(super) fn messages(call: &Call, target: &Target<'_>) -> Result<Vec<Json>> {
    let mut messages = Vec::new();
    if !call.system.is_empty() {
        messages.push(plain("system", call, &call.system, target)?);
    }
    for turn in &call.turns {
        match turn.role {
            Role::System => messages.push(plain("system", call, &turn.parts, target)?),
            Role::User => user(call, turn, target, &mut messages)?,
            Role::Assistant => messages.push(assistant(call, turn, target)?),
        }
    }
    Ok(messages.into_iter().map(Json::Object).collect())
}

/// One `tool` message for each result, then what the user said, with the images of the results, which a `tool`
/// message cannot hold.
fn user(call: &Call, turn: &Turn, target: &Target<'_>, messages: &mut Vec<Object>) -> Result<()> {
    let mut said = Vec::new();
    for part in &turn.parts {
        match &part.block {
            Block::ToolResult(result) => {
                messages.push(tool(result));
                said.extend(result.content.iter().filter(|part| !is_text(part)).cloned());
            }
            _ => said.push(part.clone()),
        }
    }
    if !said.is_empty() {
        let message = plain("user", call, &said, target)?;
        messages.push(message.with_some("name", turn.name.as_ref()));
    }
    Ok(())
}

fn is_text(part: &Part) -> bool {
    matches!(part.block, Block::Text(_))
}

/// There is no member for a failed tool, so the text says it.
fn tool(result: &ToolResult) -> Object {
    let texts: Vec<&str> = result
        .content
        .iter()
        .filter_map(|part| match &part.block {
            Block::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let text = texts.join("\n");
    let text = result_text(text, result.is_error);
    Object::new()
        .with("role", "tool")
        .with("tool_call_id", &result.call_id)
        .with("content", text)
}

fn assistant(call: &Call, turn: &Turn, target: &Target<'_>) -> Result<Object> {
    let mut said = Vec::new();
    let mut refusal = String::new();
    let mut reasoning = String::new();
    let mut calls = Vec::new();
    for part in &turn.parts {
        match &part.block {
            Block::Reasoning(block) => reasoning.push_str(&block.text),
            Block::Refusal(text) => refusal.push_str(text),
            Block::ToolCall(tool) => {
                let arguments = if tool.arguments.is_empty() {
                    "{}"
                } else {
                    &tool.arguments
                };
                let function = Object::new()
                    .with("name", &tool.name)
                    .with("arguments", arguments);
                calls.push(Json::Object(
                    Object::new()
                        .with("id", &tool.id)
                        .with("type", "function")
                        .with("function", function),
                ));
            }
            // Chat's own kinds of tool call; from any other format there is no place for it.
            Block::Unknown(unknown) => calls.push(own(unknown, Wire::OpenAiChat)?.into()),
            _ => said.push(part.clone()),
        }
    }
    let mut message = if said.is_empty() {
        Object::new()
            .with("role", "assistant")
            .with("content", Json::Null)
    } else {
        plain("assistant", call, &said, target)?
    };
    message = message.with_some("name", turn.name.as_ref());
    if !refusal.is_empty() {
        message.set("refusal", refusal);
    }
    if target.replay_reasoning && !reasoning.is_empty() {
        message.set("reasoning_content", reasoning);
    }
    if !calls.is_empty() {
        message.set("tool_calls", calls);
    }
    Ok(message)
}

/// A message of text is written as a plain string where it can be: every server takes that, not every one
/// parts, and some drop parts of assistants in silence.
fn plain(role: &'static str, call: &Call, parts: &[Part], target: &Target<'_>) -> Result<Object> {
    let message = Object::new().with("role", role);
    let marks = target.cache_breakpoints && parts.iter().any(|part| part.cache.is_some());
    let texts: Option<Vec<&str>> = parts
        .iter()
        .map(|part| match &part.block {
            Block::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    match texts {
        Some(texts) if !marks && (role != "user" || texts.len() == 1) => {
            let between = if role == "system" { "\n" } else { "" };
            return Ok(message.with("content", texts.join(between)));
        }
        _ => {}
    }
    let parts = parts.iter().map(|part| self::part(call, part, target));
    Ok(message.with("content", parts.collect::<Result<Vec<_>>>()?))
}

fn part(call: &Call, part: &Part, target: &Target<'_>) -> Result<Json> {
    let object = match &part.block {
        Block::Text(text) => Object::typed("text").with("text", text),
        Block::Refusal(text) => Object::typed("refusal").with("refusal", text),
        Block::Media(media) => self::media(call, media)?,
        Block::Unknown(unknown) => return Ok(own(unknown, Wire::OpenAiChat)?.into()),
        Block::Reasoning(_) => return Err(unsupported("reasoning")),
        Block::ToolCall(_) => return Err(unsupported("tool_calls")),
        Block::ToolResult(_) => return Err(unsupported("tool_result")),
    };
    Ok(Json::Object(marked(object, part.cache.as_ref(), target)))
}

pub(super) fn marked(object: Object, cache: Option<&CacheMark>, target: &Target<'_>) -> Object {
    if cache.is_none() || !target.cache_breakpoints {
        return object;
    }
    object.with(
        "prompt_cache_breakpoint",
        Object::new().with("mode", "explicit"),
    )
}

fn media(call: &Call, media: &Media) -> Result<Object> {
    match media.kind {
        MediaKind::Image => image(media),
        MediaKind::Audio => audio(media),
        MediaKind::File => file(call, media),
    }
}

fn image(media: &Media) -> Result<Object> {
    let url = match &media.source {
        Source::Data(data) => data_url(media.mime.as_deref().unwrap_or("image/png"), data),
        Source::Url(url) => url.clone(),
        Source::FileId(_) | Source::Text(_) => return Err(unsupported("file_id")),
    };
    let image = Object::new()
        .with("url", url)
        .with_some("detail", media.detail.as_ref());
    Ok(Object::typed("image_url").with("image_url", image))
}

fn audio(media: &Media) -> Result<Object> {
    let (Source::Data(data), Some(mime)) = (&media.source, media.mime.as_deref()) else {
        return Err(unsupported("input_audio"));
    };
    let format = match mime {
        "audio/mpeg" => "mp3",
        other => other.strip_prefix("audio/").unwrap_or(other),
    };
    let audio = Object::new().with("data", data).with("format", format);
    Ok(Object::typed("input_audio").with("input_audio", audio))
}

fn file(call: &Call, media: &Media) -> Result<Object> {
    let file = match &media.source {
        Source::Data(data) => {
            let mime = media.mime.as_deref().unwrap_or("application/pdf");
            Object::new()
                .with(
                    "filename",
                    media.filename.as_deref().unwrap_or("document.pdf"),
                )
                .with("file_data", data_url(mime, data))
        }
        Source::Text(text) => {
            let title = media.filename.as_ref();
            let text = title.map_or_else(|| text.clone(), |title| format!("{title}\n\n{text}"));
            return Ok(Object::typed("text").with("text", text));
        }
        // Ids of OpenAI's own files, when the client speaks an OpenAI format.
        Source::FileId(id) if call.surface != Surface::Messages => {
            Object::new().with("file_id", id)
        }
        Source::FileId(_) => return Err(unsupported("file_id")),
        // Chat has no place for the address of a document.
        Source::Url(_) => return Err(unsupported("file_url")),
    };
    Ok(Object::typed("file").with("file", file))
}

pub(in crate::dialect) fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}
