//! Turns and blocks as Anthropic wants them.

use crate::call::{Block, CacheMark, Call, Media, MediaKind, Part, Reasoning, Role, Source, Turn};
use crate::error::TranslateError;
use crate::json::{Json, Object};
use crate::origin::Origin;
use crate::route::Wire;

use super::super::carry::{is_native, own, unsupported};

type Result<T> = std::result::Result<T, TranslateError>;

/// The instructions before the conversation, and those inside it, for which there is no other place.
pub(super) fn system(call: &Call) -> Result<Vec<Json>> {
    let later = call.turns.iter().filter(|turn| turn.role == Role::System);
    let parts = call.system.iter().chain(later.flat_map(|turn| &turn.parts));
    let mut blocks = Vec::new();
    for part in parts {
        blocks.extend(block(call, part)?);
    }
    Ok(blocks)
}

/// Alternating turns. Neighbours of one role are merged, results come before text, empty text is left out: each of
/// these is refused otherwise.
pub(super) fn messages(call: &Call) -> Result<Vec<Json>> {
    let mut merged: Vec<(Role, Vec<Json>)> = Vec::new();
    for turn in call.turns.iter().filter(|turn| turn.role != Role::System) {
        let blocks = turn_blocks(call, turn)?;
        if blocks.is_empty() {
            continue;
        }
        match merged.last_mut() {
            Some((role, known)) if *role == turn.role => known.extend(blocks),
            _ => merged.push((turn.role, blocks)),
        }
    }
    if !merged.iter().any(|(role, _)| *role == Role::User) {
        return Err(TranslateError::Invalid {
            loc: "messages".to_owned(),
            problem: "the provider of this model needs a user message".to_owned(),
        });
    }
    let messages = merged.into_iter().map(|(role, blocks)| {
        let role = if role == Role::User {
            "user"
        } else {
            "assistant"
        };
        Json::Object(Object::new().with("role", role).with("content", blocks))
    });
    Ok(messages.collect())
}

fn turn_blocks(call: &Call, turn: &Turn) -> Result<Vec<Json>> {
    let is_result = |part: &&Part| matches!(part.block, Block::ToolResult(_));
    let results = turn.parts.iter().filter(is_result);
    let others = turn.parts.iter().filter(|part| !is_result(part));
    let is_last = call
        .turns
        .last()
        .is_some_and(|last| std::ptr::eq(last, turn));
    let only_space = turn
        .parts
        .iter()
        .all(|part| matches!(&part.block, Block::Text(text) if text.trim().is_empty()));
    if only_space {
        return Ok(Vec::new());
    }
    let mut blocks = Vec::new();
    for part in results.chain(others) {
        match &part.block {
            // A final assistant turn is continued, and must not end in space.
            Block::Text(text) if is_last && turn.role == Role::Assistant => {
                let trimmed = Part {
                    block: Block::Text(text.trim_end().to_owned()),
                    cache: part.cache.clone(),
                };
                blocks.extend(block(call, &trimmed)?);
            }
            _ => blocks.extend(block(call, part)?),
        }
    }
    Ok(blocks)
}

fn block(call: &Call, part: &Part) -> Result<Option<Json>> {
    let object = match &part.block {
        Block::Text(text) | Block::Refusal(text) => {
            if text.is_empty() {
                return Ok(None);
            }
            Object::typed("text").with("text", text)
        }
        // Not cacheable, and void at any other maker's.
        Block::Reasoning(reasoning) => return Ok(thinking(reasoning).map(Json::Object)),
        Block::ToolCall(tool) => Object::typed("tool_use")
            .with("id", tool_id(&tool.id))
            .with("name", &tool.name)
            .with("input", tool.input()),
        Block::ToolResult(result) => {
            let mut object =
                Object::typed("tool_result").with("tool_use_id", tool_id(&result.call_id));
            let mut content = Vec::new();
            for part in &result.content {
                content.extend(block(call, part)?);
            }
            if !content.is_empty() {
                object.set("content", content);
            }
            if result.is_error {
                object.set("is_error", true);
            }
            object
        }
        Block::Media(media) => self::media(call, media)?,
        Block::Unknown(unknown) => return Ok(Some(own(unknown, Wire::Anthropic)?.into())),
    };
    Ok(Some(Json::Object(marked(object, part.cache.as_ref()))))
}

fn thinking(reasoning: &Reasoning) -> Option<Object> {
    let signature = reasoning.signature.as_ref()?;
    if signature.origin != Origin::Anthropic {
        return None;
    }
    Some(if reasoning.redacted {
        Object::typed("redacted_thinking").with("data", &signature.value)
    } else {
        Object::typed("thinking")
            .with("thinking", &reasoning.text)
            .with("signature", &signature.value)
    })
}

fn media(call: &Call, media: &Media) -> Result<Object> {
    let kind = match media.kind {
        MediaKind::Image => "image",
        MediaKind::File => "document",
        MediaKind::Audio => return Err(unsupported("input_audio")),
    };
    let mime = media.mime.as_deref();
    let default = if media.kind == MediaKind::Image {
        "image/png"
    } else {
        "application/pdf"
    };
    let source = match &media.source {
        Source::Data(data) => Object::typed("base64")
            .with("media_type", mime.unwrap_or(default))
            .with("data", data),
        Source::Url(url) => Object::typed("url").with("url", url),
        Source::Text(text) => Object::typed("text")
            .with("media_type", "text/plain")
            .with("data", text),
        Source::FileId(id) if is_native(call, Wire::Anthropic) => {
            Object::typed("file").with("file_id", id)
        }
        // A file stored at another provider.
        Source::FileId(_) => return Err(unsupported("file_id")),
    };
    let title = media
        .filename
        .as_ref()
        .filter(|_| media.kind == MediaKind::File);
    Ok(Object::typed(kind)
        .with("source", source)
        .with_some("title", title))
}

pub(super) fn marked(object: Object, cache: Option<&CacheMark>) -> Object {
    let Some(mark) = cache else {
        return object;
    };
    let control = Object::typed("ephemeral").with_some("ttl", mark.ttl.as_ref());
    object.with("cache_control", control)
}

/// Ids are letters, digits, `_` and `-` here; other providers make others.
fn tool_id(id: &str) -> String {
    id.chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || letter == '_' || letter == '-' {
                letter
            } else {
                '_'
            }
        })
        .collect()
}
