//! The `messages` of a Chat request.

use crate::call::{Block, Call, MediaKind, Part, Reasoning, Role, ToolCall, ToolResult, Turn};
use crate::call::{CacheMark, Media, Unknown};
use crate::error::TranslateError;
use crate::origin::{Origin, Signature};
use crate::read::{Fields, Node};
use crate::route::Wire;
use crate::surface::tools::{cache_mark, file, input_audio, media_from_url};

type Result<T> = std::result::Result<T, TranslateError>;

pub(super) fn read(messages: &Node<'_>, call: &mut Call) -> Result<()> {
    for node in messages.array()? {
        let mut fields = node.object()?;
        let role = fields.require("role")?;
        match role.string()?.as_str() {
            "system" | "developer" => {
                let parts = content(&mut fields)?;
                if call.turns.is_empty() {
                    call.system.extend(parts);
                } else {
                    call.turns.push(Turn::new(Role::System, parts));
                }
            }
            "user" => {
                let mut turn = Turn::new(Role::User, content(&mut fields)?);
                turn.name = fields.string("name")?;
                call.turns.push(turn);
            }
            "assistant" => {
                let name = fields.string("name")?;
                let mut turn = Turn::new(Role::Assistant, assistant(&mut fields)?);
                turn.name = name;
                call.turns.push(turn);
            }
            "tool" => push_result(call, tool_result(&mut fields)?),
            _ => return Err(role.unsupported()),
        }
    }
    if call.turns.is_empty() && call.system.is_empty() {
        return Err(messages.invalid("at least one message is required"));
    }
    Ok(())
}

/// Results that answer one assistant turn belong together, as most dialects demand.
fn push_result(call: &mut Call, part: Part) {
    if let Some(last) = call.turns.last_mut()
        && last.role == Role::User
        && matches!(
            last.parts.last(),
            Some(Part {
                block: Block::ToolResult(_),
                ..
            })
        )
    {
        last.parts.push(part);
    } else {
        call.turns.push(Turn::new(Role::User, vec![part]));
    }
}

fn tool_result(fields: &mut Fields<'_>) -> Result<Part> {
    let call_id = fields.require_string("tool_call_id")?;
    let cache = cache_mark(fields)?;
    let result = ToolResult {
        call_id,
        content: content(fields)?,
        is_error: fields.bool("is_error")?.unwrap_or(false),
    };
    Ok(Part {
        block: Block::ToolResult(result),
        cache,
    })
}

fn assistant(fields: &mut Fields<'_>) -> Result<Vec<Part>> {
    let mut extra = match fields.take("extra_content") {
        Some(node) => Some(node.object()?),
        None => None,
    };
    let mut parts = reasoning(fields, extra.as_mut())?;
    if let Some(signature) = google_signature(extra.as_mut())? {
        parts.push(signature);
    }
    parts.extend(content(fields)?);
    if let Some(images) = fields.take("images") {
        for node in images.array()? {
            let url = node.object()?.require("image_url")?;
            parts.push(Block::Media(image(&url)?).into());
        }
    }
    if let Some(refusal) = fields.string("refusal")? {
        parts.push(Block::Refusal(refusal).into());
    }
    if let Some(audio) = fields.take("audio") {
        return Err(audio.unsupported());
    }
    if let Some(calls) = fields.take("tool_calls") {
        for node in calls.array()? {
            tool_call(&node, &mut parts)?;
        }
    }
    if let Some(legacy) = fields.take("function_call") {
        return Err(legacy.unsupported());
    }
    Ok(parts)
}

fn tool_call(node: &Node<'_>, parts: &mut Vec<Part>) -> Result<()> {
    let mut fields = node.object()?;
    if let Some(extra) = fields.take("extra_content") {
        parts.extend(google_signature(Some(&mut extra.object()?))?);
    }
    let id = fields.require_string("id")?;
    let Some(function) = fields.take("function") else {
        parts.push(unknown(node));
        return Ok(());
    };
    let mut function = function.object()?;
    let arguments = match function.take("arguments") {
        // Some clients send the object itself; its text is what is wanted.
        Some(object) if object.is_object() => object.raw().get().to_owned(),
        Some(text) => text.string()?,
        None => String::new(),
    };
    parts.push(
        Block::ToolCall(ToolCall {
            id,
            name: function.require_string("name")?,
            arguments,
        })
        .into(),
    );
    Ok(())
}

/// A Gemini signature belongs to what follows it, so it stands before that as reasoning without text.
fn google_signature(extra: Option<&mut Fields<'_>>) -> Result<Option<Part>> {
    let Some(google) = extra.and_then(|extra| extra.take(Origin::Google.name())) else {
        return Ok(None);
    };
    let value = google.object()?.string("thought_signature")?;
    Ok(value.map(|value| {
        Block::Reasoning(Reasoning {
            signature: Some(Signature::new(Origin::Google, value)),
            ..Reasoning::default()
        })
        .into()
    }))
}

/// Reasoning in any of its spellings: signed blocks where the client kept them, else the plain text.
fn reasoning(fields: &mut Fields<'_>, extra: Option<&mut Fields<'_>>) -> Result<Vec<Part>> {
    let mut text = fields.string("reasoning_content")?;
    if let Some(node) = fields.take("reasoning") {
        let plain = if node.is_string() {
            Some(node.string()?)
        } else {
            node.object()?.string("content")?
        };
        text = text.or(plain);
    }
    let mut signature = None;
    let mut parts = match fields.take("thinking_blocks") {
        Some(list) => thinking_blocks(&list, Origin::Anthropic)?,
        None => Vec::new(),
    };
    if let Some(extra) = extra {
        for origin in [Origin::Anthropic, Origin::OpenAi, Origin::Mistral] {
            let Some(node) = extra.take(origin.name()) else {
                continue;
            };
            let mut inner = node.object()?;
            if let Some(list) = inner.take("thinking_blocks") {
                parts = thinking_blocks(&list, origin)?;
            }
            if let Some(value) = inner.string("signature")? {
                signature = Some(Signature::new(origin, value));
            }
        }
    }
    if parts.is_empty() && (text.is_some() || signature.is_some()) {
        parts.push(
            Block::Reasoning(Reasoning {
                text: text.unwrap_or_default(),
                signature,
                redacted: false,
            })
            .into(),
        );
    }
    Ok(parts)
}

fn thinking_blocks(list: &Node<'_>, origin: Origin) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for node in list.array()? {
        let mut fields = node.object()?;
        let redacted = fields.kind()? == "redacted_thinking";
        let value = if redacted {
            fields.string("data")?
        } else {
            fields.string("signature")?
        };
        parts.push(
            Block::Reasoning(Reasoning {
                text: fields.string("thinking")?.unwrap_or_default(),
                signature: value.map(|value| Signature::new(origin, value)),
                redacted,
            })
            .into(),
        );
    }
    Ok(parts)
}

fn content(fields: &mut Fields<'_>) -> Result<Vec<Part>> {
    let cache = cache_mark(fields)?;
    let Some(node) = fields.take("content") else {
        return Ok(Vec::new());
    };
    let mut parts = if node.is_string() {
        let text = node.string()?;
        if text.is_empty() {
            Vec::new()
        } else {
            vec![Part::text(text)]
        }
    } else {
        node.array()?.iter().map(part).collect::<Result<_>>()?
    };
    mark_last(&mut parts, cache);
    Ok(parts)
}

fn mark_last(parts: &mut [Part], cache: Option<CacheMark>) {
    if let (Some(last), Some(mark)) = (parts.last_mut(), cache) {
        last.cache = Some(mark);
    }
}

fn part(node: &Node<'_>) -> Result<Part> {
    if node.is_string() {
        return Ok(Part::text(node.string()?));
    }
    let mut fields = node.object()?;
    let cache = cache_mark(&mut fields)?;
    let block = match fields.kind()?.as_str() {
        "text" => Block::Text(fields.require_string("text")?),
        "image_url" => Block::Media(image(&fields.require("image_url")?)?),
        "input_audio" => Block::Media(input_audio(&fields.require("input_audio")?)?),
        "file" => {
            let inner = fields.require("file")?;
            Block::Media(file(inner.object()?, &inner)?)
        }
        "refusal" => Block::Refusal(fields.require_string("refusal")?),
        _ => return Ok(unknown(node)),
    };
    Ok(Part { block, cache })
}

fn image(node: &Node<'_>) -> Result<Media> {
    if node.is_string() {
        return Ok(media_from_url(MediaKind::Image, node.string()?));
    }
    let mut fields = node.object()?;
    let mut media = media_from_url(MediaKind::Image, fields.require_string("url")?);
    media.detail = fields.string("detail")?;
    Ok(media)
}

fn unknown(node: &Node<'_>) -> Part {
    Block::Unknown(Unknown {
        wire: Wire::OpenAiChat,
        raw: node.raw(),
        loc: node.at.clone(),
    })
    .into()
}
