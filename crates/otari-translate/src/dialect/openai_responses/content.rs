//! Turns and blocks as input items.

use crate::call::{Block, Call, Media, MediaKind, Part, Reasoning, Role, Source, ToolResult, Turn};
use crate::dialect::failed::result_text;
use crate::error::TranslateError;
use crate::json::{Json, Object};
use crate::origin::Origin;
use crate::route::{Surface, Wire};

use super::super::Target;
use super::super::carry::{own, unsupported};

type Result<T> = std::result::Result<T, TranslateError>;

const WIRE: Wire = Wire::OpenAiResponses;

pub(super) fn input(call: &Call, target: &Target<'_>) -> Result<Vec<Json>> {
    let mut items = Vec::new();
    if !call.system.is_empty() {
        items.push(message("system", call, &call.system, target)?);
    }
    for turn in &call.turns {
        match turn.role {
            Role::System => items.push(message("system", call, &turn.parts, target)?),
            Role::User => user(call, turn, target, &mut items)?,
            Role::Assistant => assistant(call, turn, target, &mut items)?,
        }
    }
    Ok(items)
}

fn user(call: &Call, turn: &Turn, target: &Target<'_>, items: &mut Vec<Json>) -> Result<()> {
    let mut said = Vec::new();
    for part in &turn.parts {
        let Block::ToolResult(result) = &part.block else {
            said.push(part.clone());
            continue;
        };
        let item = Object::typed("function_call_output")
            .with("call_id", &result.call_id)
            .with("output", output(call, result, target)?);
        items.push(Json::Object(item));
    }
    if !said.is_empty() {
        items.push(message("user", call, &said, target)?);
    }
    Ok(())
}

/// There is no member for a failed tool, so the text says it.
fn output(call: &Call, result: &ToolResult, target: &Target<'_>) -> Result<Json> {
    match result.content.as_slice() {
        [] if result.is_error => Ok("Error".into()),
        [] => Ok("".into()),
        [
            Part {
                block: Block::Text(text),
                ..
            },
        ] if result.is_error => Ok(result_text(text.clone(), true).into()),
        [
            Part {
                block: Block::Text(text),
                ..
            },
        ] => Ok(text.into()),
        parts => {
            let mut list = content(call, parts, "input_text", target)?;
            if result.is_error {
                let text = Object::typed("input_text").with("text", "Error:");
                list.insert(0, Json::Object(text));
            }
            Ok(Json::Array(list))
        }
    }
}

/// Each reasoning, run of text and call is an item of its own, in the order of the turn.
fn assistant(call: &Call, turn: &Turn, target: &Target<'_>, items: &mut Vec<Json>) -> Result<()> {
    let mut said = Vec::new();
    for part in &turn.parts {
        let item = match &part.block {
            Block::Text(_) | Block::Refusal(_) => {
                said.push(part.clone());
                continue;
            }
            Block::Reasoning(block) => match reasoning(block) {
                Some(item) => item,
                None => continue,
            },
            Block::ToolCall(tool) => {
                let arguments = if tool.arguments.is_empty() {
                    "{}"
                } else {
                    &tool.arguments
                };
                Json::Object(
                    Object::typed("function_call")
                        .with("call_id", &tool.id)
                        .with("name", &tool.name)
                        .with("arguments", arguments),
                )
            }
            Block::Unknown(unknown) => own(unknown, WIRE)?.into(),
            // An assistant's own pictures cannot be sent back.
            Block::Media(_) => return Err(unsupported("image_url")),
            Block::ToolResult(_) => return Err(unsupported("tool_result")),
        };
        flush(call, &mut said, target, items)?;
        items.push(item);
    }
    flush(call, &mut said, target, items)
}

fn flush(
    call: &Call,
    said: &mut Vec<Part>,
    target: &Target<'_>,
    items: &mut Vec<Json>,
) -> Result<()> {
    if !said.is_empty() {
        items.push(message("assistant", call, said, target)?);
        said.clear();
    }
    Ok(())
}

/// Only what OpenAI itself encrypted; without that, stateless calls have no use for reasoning.
fn reasoning(block: &Reasoning) -> Option<Json> {
    let signature = block.signature.as_ref()?;
    if signature.origin != Origin::OpenAi {
        return None;
    }
    let summary = if block.text.is_empty() {
        Vec::new()
    } else {
        vec![Json::Object(
            Object::typed("summary_text").with("text", &block.text),
        )]
    };
    Some(Json::Object(
        Object::typed("reasoning")
            .with("summary", summary)
            .with("encrypted_content", &signature.value),
    ))
}

fn message(role: &'static str, call: &Call, parts: &[Part], target: &Target<'_>) -> Result<Json> {
    // Text of an assistant is what it put out; `input_text` is refused there.
    let text = if role == "assistant" {
        "output_text"
    } else {
        "input_text"
    };
    let message = Object::typed("message").with("role", role);
    Ok(Json::Object(
        message.with("content", content(call, parts, text, target)?),
    ))
}

fn content(
    call: &Call,
    parts: &[Part],
    text_kind: &'static str,
    target: &Target<'_>,
) -> Result<Vec<Json>> {
    let mut content = Vec::new();
    for part in parts {
        let object = match &part.block {
            Block::Text(text) => Object::typed(text_kind).with("text", text),
            Block::Refusal(text) => Object::typed("refusal").with("refusal", text),
            Block::Media(media) => self::media(call, media)?,
            Block::Unknown(unknown) => {
                content.push(own(unknown, WIRE)?.into());
                continue;
            }
            Block::Reasoning(_) => return Err(unsupported("reasoning")),
            Block::ToolCall(_) => return Err(unsupported("tool_calls")),
            Block::ToolResult(_) => return Err(unsupported("tool_result")),
        };
        let marked = part.cache.is_some() && target.cache_breakpoints;
        content.push(Json::Object(object.with_some(
            "prompt_cache_breakpoint",
            marked.then(|| Object::new().with("mode", "explicit")),
        )));
    }
    Ok(content)
}

fn media(call: &Call, media: &Media) -> Result<Object> {
    let own_ids = call.surface != Surface::Messages;
    let mime = media.mime.as_deref();
    let data_url =
        |data: &str, default: &str| format!("data:{};base64,{data}", mime.unwrap_or(default));
    Ok(match (media.kind, &media.source) {
        (MediaKind::Image, Source::Data(data)) => {
            Object::typed("input_image").with("image_url", data_url(data, "image/png"))
        }
        (MediaKind::Image, Source::Url(url)) => Object::typed("input_image").with("image_url", url),
        (MediaKind::Image, Source::FileId(id)) if own_ids => {
            Object::typed("input_image").with("file_id", id)
        }
        (MediaKind::File, Source::Data(data)) => Object::typed("input_file")
            .with(
                "filename",
                media.filename.as_deref().unwrap_or("document.pdf"),
            )
            .with("file_data", data_url(data, "application/pdf")),
        (MediaKind::File, Source::Url(url)) => Object::typed("input_file").with("file_url", url),
        (MediaKind::File, Source::FileId(id)) if own_ids => {
            Object::typed("input_file").with("file_id", id)
        }
        (_, Source::Text(text)) => Object::typed("input_text").with("text", text),
        (MediaKind::Audio, _) => return Err(unsupported("input_audio")),
        (_, Source::FileId(_)) => return Err(unsupported("file_id")),
    }
    .with_some("detail", media.detail.as_ref()))
}
