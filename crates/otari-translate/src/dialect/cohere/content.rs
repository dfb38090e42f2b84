//! Turns and blocks as Cohere messages.

use crate::call::{Block, Call, Media, MediaKind, Part, Role, Source, ToolResult, Turn};
use crate::dialect::failed::result_text;
use crate::error::TranslateError;
use crate::json::{Json, Object};

use super::super::carry::unsupported;

type Result<T> = std::result::Result<T, TranslateError>;

pub(super) fn messages(call: &Call) -> Result<Vec<Json>> {
    let mut messages = Vec::new();
    if !call.system.is_empty() {
        messages.push(message("system", &call.system)?);
    }
    for turn in &call.turns {
        match turn.role {
            Role::System => messages.push(message("system", &turn.parts)?),
            Role::User => user(turn, &mut messages)?,
            Role::Assistant => messages.push(assistant(turn)?),
        }
    }
    Ok(messages.into_iter().map(Json::Object).collect())
}

fn user(turn: &Turn, messages: &mut Vec<Object>) -> Result<()> {
    let mut said = Vec::new();
    for part in &turn.parts {
        match &part.block {
            Block::ToolResult(result) => messages.push(tool(result)?),
            _ => said.push(part.clone()),
        }
    }
    if !said.is_empty() {
        messages.push(message("user", &said)?);
    }
    Ok(())
}

/// There is no member for a failed tool, so the text says it.
fn tool(result: &ToolResult) -> Result<Object> {
    let text = text_of(&result.content)?;
    let text = result_text(text, result.is_error);
    Ok(Object::new()
        .with("role", "tool")
        .with("tool_call_id", &result.call_id)
        .with("content", text))
}

fn text_of(parts: &[Part]) -> Result<String> {
    let mut texts = Vec::new();
    for part in parts {
        match &part.block {
            Block::Text(text) => texts.push(text.as_str()),
            Block::Unknown(unknown) => return Err(unsupported(&unknown.loc)),
            _ => return Err(unsupported("tool_result")),
        }
    }
    Ok(texts.join("\n"))
}

/// Text beside tool calls has a member of its own, and is refused as content.
fn assistant(turn: &Turn) -> Result<Object> {
    let mut text = String::new();
    let mut calls = Vec::new();
    for part in &turn.parts {
        match &part.block {
            Block::Text(part) | Block::Refusal(part) => text.push_str(part),
            // Thoughts are not signed and not sent back.
            Block::Reasoning(_) => {}
            Block::ToolCall(call) => {
                let function = Object::new()
                    .with("name", &call.name)
                    .with("arguments", call.input().to_text());
                calls.push(Json::Object(
                    Object::new()
                        .with("id", &call.id)
                        .with("type", "function")
                        .with("function", function),
                ));
            }
            Block::Media(_) => return Err(unsupported("image_url")),
            Block::ToolResult(_) => return Err(unsupported("tool_result")),
            Block::Unknown(unknown) => return Err(unsupported(&unknown.loc)),
        }
    }
    let message = Object::new().with("role", "assistant");
    Ok(if calls.is_empty() {
        message.with("content", text)
    } else {
        let plan = (!text.is_empty()).then_some(text);
        message
            .with_some("tool_plan", plan)
            .with("tool_calls", calls)
    })
}

fn message(role: &'static str, parts: &[Part]) -> Result<Object> {
    let message = Object::new().with("role", role);
    if let [
        Part {
            block: Block::Text(text),
            ..
        },
    ] = parts
    {
        return Ok(message.with("content", text));
    }
    let content = parts.iter().map(|part| match &part.block {
        Block::Text(text) | Block::Refusal(text) => {
            Ok(Json::Object(Object::typed("text").with("text", text)))
        }
        Block::Media(media) => Ok(Json::Object(self::media(media)?)),
        Block::Unknown(unknown) => Err(unsupported(&unknown.loc)),
        Block::Reasoning(_) | Block::ToolCall(_) | Block::ToolResult(_) => {
            Err(unsupported("messages"))
        }
    });
    Ok(message.with("content", content.collect::<Result<Vec<_>>>()?))
}

fn media(media: &Media) -> Result<Object> {
    let url = match (media.kind, &media.source) {
        (MediaKind::Image, Source::Data(data)) => {
            let mime = media.mime.as_deref().unwrap_or("image/png");
            format!("data:{mime};base64,{data}")
        }
        (MediaKind::Image, Source::Url(url)) => url.clone(),
        (_, Source::Text(text)) => return Ok(Object::typed("text").with("text", text)),
        (MediaKind::Audio, _) => return Err(unsupported("input_audio")),
        (_, Source::FileId(_)) => return Err(unsupported("file_id")),
        (MediaKind::File, _) => return Err(unsupported("file")),
    };
    let image = Object::new()
        .with("url", url)
        .with_some("detail", media.detail.as_ref());
    Ok(Object::typed("image_url").with("image_url", image))
}
