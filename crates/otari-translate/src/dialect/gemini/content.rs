//! Turns and blocks as Gemini's contents and parts.

use crate::call::{Block, Call, Media, MediaKind, Part, Role, Source, ToolResult, Turn};
use crate::error::TranslateError;
use crate::json::{Json, Object, Raw};
use crate::origin::Origin;
use crate::route::Wire;

use super::super::Target;
use super::super::carry::{own, unsupported};

type Result<T> = std::result::Result<T, TranslateError>;

/// Accepted by Gemini 3 in place of a signature that another model's call cannot have.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

pub(super) fn system(call: &Call) -> Result<Vec<Json>> {
    let later = call.turns.iter().filter(|turn| turn.role == Role::System);
    let parts = call.system.iter().chain(later.flat_map(|turn| &turn.parts));
    let texts = parts.filter_map(|part| match &part.block {
        Block::Text(text) if !text.is_empty() => {
            Some(Ok(Json::Object(Object::new().with("text", text))))
        }
        Block::Text(_) => None,
        _ => Some(Err(unsupported("system"))),
    });
    texts.collect()
}

/// Contents must not be empty, and all results of one turn stand in one content.
pub(super) fn contents(call: &Call, target: &Target<'_>) -> Result<Vec<Json>> {
    let mut contents: Vec<(Role, Vec<Json>)> = Vec::new();
    for turn in call.turns.iter().filter(|turn| turn.role != Role::System) {
        let parts = match turn.role {
            Role::Assistant => model_parts(turn, target)?,
            _ => user_parts(call, turn)?,
        };
        match contents.last_mut() {
            _ if parts.is_empty() => {}
            Some((role, known)) if *role == turn.role => known.extend(parts),
            _ => contents.push((turn.role, parts)),
        }
    }
    if contents.is_empty() {
        return Err(TranslateError::Invalid {
            loc: "messages".to_owned(),
            problem: "the provider of this model needs a user message".to_owned(),
        });
    }
    let contents = contents.into_iter().map(|(role, parts)| {
        let role = if role == Role::Assistant {
            "model"
        } else {
            "user"
        };
        Json::Object(Object::new().with("role", role).with("parts", parts))
    });
    Ok(contents.collect())
}

/// A signature goes back on the part that followed it. Thoughts themselves are not sent back.
fn model_parts(turn: &Turn, target: &Target<'_>) -> Result<Vec<Json>> {
    let mut parts = Vec::new();
    let mut waiting: Option<&String> = None;
    let mut signed_call = false;
    for part in &turn.parts {
        let object = match &part.block {
            Block::Reasoning(reasoning) => {
                let signature = reasoning.signature.as_ref();
                let own = signature.filter(|signature| signature.origin == Origin::Google);
                waiting = own.map(|signature| &signature.value).or(waiting);
                continue;
            }
            Block::Text(text) | Block::Refusal(text) => {
                if text.is_empty() {
                    continue;
                }
                Object::new().with("text", text)
            }
            Block::ToolCall(call) => {
                let function = Object::new()
                    .with("name", &call.name)
                    .with("args", call.input());
                let object = Object::new().with("functionCall", function);
                let first = !std::mem::replace(&mut signed_call, true);
                if waiting.is_none() && first && wants_signature(target.model) {
                    object.with("thoughtSignature", NO_SIGNATURE)
                } else {
                    object
                }
            }
            Block::Media(media) => self::media(media)?,
            Block::ToolResult(_) => return Err(unsupported("tool_result")),
            Block::Unknown(unknown) => {
                parts.push(own(unknown, Wire::Gemini)?.into());
                continue;
            }
        };
        let object = object.with_some("thoughtSignature", waiting.take());
        parts.push(Json::Object(object));
    }
    if let Some(signature) = waiting {
        let object = Object::new()
            .with("text", "")
            .with("thoughtSignature", signature);
        parts.push(Json::Object(object));
    }
    Ok(parts)
}

/// Gemini 1 and 2 do not check; everything later refuses a call without.
pub(super) fn wants_signature(model: &str) -> bool {
    !is_older(model)
}

/// Models before Gemini 3: thinking by budget, images beside a tool's result.
pub(super) fn is_older(model: &str) -> bool {
    ["gemini-1", "gemini-2", "gemma"]
        .iter()
        .any(|name| model.contains(name))
}

fn user_parts(call: &Call, turn: &Turn) -> Result<Vec<Json>> {
    let mut results = Vec::new();
    let mut others = Vec::new();
    for part in &turn.parts {
        match &part.block {
            Block::Text(text) if text.is_empty() => {}
            Block::Text(text) | Block::Refusal(text) => {
                others.push(Json::Object(Object::new().with("text", text)));
            }
            Block::Media(media) => others.push(Json::Object(self::media(media)?)),
            Block::ToolResult(result) => {
                results.push(Json::Object(response(call, result)?));
                for inner in &result.content {
                    if let Block::Media(media) = &inner.block {
                        others.push(Json::Object(self::media(media)?));
                    }
                }
            }
            Block::Unknown(unknown) => others.push(own(unknown, Wire::Gemini)?.into()),
            Block::Reasoning(_) | Block::ToolCall(_) => {}
        }
    }
    results.extend(others);
    Ok(results)
}

/// The result must be an object and name its tool; the name is found by the id of the call.
fn response(call: &Call, result: &ToolResult) -> Result<Object> {
    let name = call
        .tool_name(&result.call_id)
        .ok_or_else(|| TranslateError::Invalid {
            loc: "messages".to_owned(),
            problem: format!(
                "no tool call has the id {:?} of this result",
                result.call_id
            ),
        })?;
    let text = joined_text(&result.content);
    let member = if result.is_error { "error" } else { "result" };
    let response = match Raw::parse(&text) {
        Some(raw) if raw.is_object() && !result.is_error => Json::Raw(raw),
        _ => Json::Object(Object::new().with(member, text)),
    };
    let inner = Object::new().with("name", name).with("response", response);
    Ok(Object::new().with("functionResponse", inner))
}

fn joined_text(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| match &part.block {
            Block::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.join("\n")
}

fn media(media: &Media) -> Result<Object> {
    let default = match media.kind {
        MediaKind::Image => "image/png",
        MediaKind::File => "application/pdf",
        MediaKind::Audio => "audio/wav",
    };
    let mime = media.mime.as_deref();
    Ok(match &media.source {
        Source::Data(data) => {
            let inline = Object::new()
                .with("mimeType", mime.unwrap_or(default))
                .with("data", data);
            Object::new().with("inlineData", inline)
        }
        Source::Url(url) => {
            let file = Object::new()
                .with(
                    "mimeType",
                    mime.unwrap_or_else(|| mime_of(url).unwrap_or(default)),
                )
                .with("fileUri", url);
            Object::new().with("fileData", file)
        }
        Source::Text(text) => Object::new().with("text", text),
        Source::FileId(_) => return Err(unsupported("file_id")),
    })
}

/// Gemini wants a type for every address; other formats give none, so the ending must tell.
fn mime_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        _ => return None,
    })
}
