//! The `input` of a Responses request: items, gathered into turns.

use crate::call::{Block, Call, Media, MediaKind, Part, Reasoning, Role, Source};
use crate::call::{ToolCall, ToolResult, Turn, Unknown};
use crate::error::TranslateError;
use crate::origin::{Origin, Signature};
use crate::read::{Fields, Node};
use crate::route::Wire;
use crate::surface::tools::{cache_mark, file, input_audio, media_from_url};

use super::namespace::full_name;

/// Marks the signature of withheld reasoning, which has no item type of its own here.
pub(super) const REDACTED: &str = "redacted:";

type Result<T> = std::result::Result<T, TranslateError>;

pub(super) fn read(input: &Node<'_>, call: &mut Call) -> Result<()> {
    if input.is_string() {
        call.turns
            .push(Turn::new(Role::User, vec![Part::text(input.string()?)]));
        return Ok(());
    }
    for node in input.array()? {
        item(&node, call)?;
    }
    if call.turns.is_empty() && call.system.is_empty() {
        return Err(input.invalid("at least one item is required"));
    }
    Ok(())
}

fn item(node: &Node<'_>, call: &mut Call) -> Result<()> {
    let mut fields = node.object()?;
    match fields.kind()?.as_str() {
        "" | "message" => message(&mut fields, call),
        "function_call" => {
            let name = fields.require_string("name")?;
            let namespace = fields.string("namespace")?.filter(|text| !text.is_empty());
            let block = Block::ToolCall(ToolCall {
                id: fields.require_string("call_id")?,
                name: namespace.map_or(name.clone(), |space| full_name(&space, &name)),
                arguments: fields.string("arguments")?.unwrap_or_default(),
            });
            join(call, Role::Assistant, vec![block.into()]);
            Ok(())
        }
        "function_call_output" => {
            let call_id = fields.require_string("call_id")?;
            let content = content(&fields.require("output")?)?;
            let block = Block::ToolResult(ToolResult {
                call_id,
                content,
                is_error: false,
            });
            join(call, Role::User, vec![block.into()]);
            Ok(())
        }
        "reasoning" => {
            let block = Block::Reasoning(reasoning(&mut fields)?);
            join(call, Role::Assistant, vec![block.into()]);
            Ok(())
        }
        // A search that the gateway announced, or one whose provider is not known any more: history, not input.
        "web_search_call" => Ok(()),
        "item_reference" => Err(node.unsupported()),
        _ => {
            let block = Block::Unknown(Unknown {
                wire: Wire::OpenAiResponses,
                raw: node.raw(),
                loc: node.at.clone(),
            });
            join(call, Role::Assistant, vec![block.into()]);
            Ok(())
        }
    }
}

/// An assistant's reasoning, text and calls are separate items of one turn, and so are the results that answer it.
fn join(call: &mut Call, role: Role, parts: Vec<Part>) {
    match call.turns.last_mut() {
        Some(last) if last.role == role => last.parts.extend(parts),
        _ => call.turns.push(Turn::new(role, parts)),
    }
}

fn message(fields: &mut Fields<'_>, call: &mut Call) -> Result<()> {
    let role = fields.require("role")?;
    let parts = content(&fields.require("content")?)?;
    match role.string()?.as_str() {
        "assistant" => join(call, Role::Assistant, parts),
        "user" => call.turns.push(Turn::new(Role::User, parts)),
        "system" | "developer" if call.turns.is_empty() => call.system.extend(parts),
        "system" | "developer" => call.turns.push(Turn::new(Role::System, parts)),
        _ => return Err(role.unsupported()),
    }
    Ok(())
}

fn reasoning(fields: &mut Fields<'_>) -> Result<Reasoning> {
    let mut texts = Vec::new();
    for list in ["summary", "content"] {
        let Some(node) = fields.take(list) else {
            continue;
        };
        for part in node.array()? {
            texts.extend(part.object()?.string("text")?);
        }
    }
    let signature = fields
        .string("encrypted_content")?
        .filter(|text| !text.is_empty());
    let mut signature = signature.map(|text| Signature::from_client(Origin::OpenAi, &text));
    let mut redacted = false;
    if let Some(known) = &mut signature
        && let Some(data) = known.value.strip_prefix(REDACTED)
    {
        known.value = data.to_owned();
        redacted = true;
    }
    Ok(Reasoning {
        text: texts.join("\n\n"),
        signature,
        redacted,
    })
}

fn content(node: &Node<'_>) -> Result<Vec<Part>> {
    if node.is_string() {
        let text = node.string()?;
        return Ok(if text.is_empty() {
            Vec::new()
        } else {
            vec![Part::text(text)]
        });
    }
    node.array()?.iter().map(part).collect()
}

fn part(node: &Node<'_>) -> Result<Part> {
    let mut fields = node.object()?;
    let cache = cache_mark(&mut fields)?;
    let block = match fields.kind()?.as_str() {
        "input_text" | "output_text" | "text" => Block::Text(fields.require_string("text")?),
        "refusal" => Block::Refusal(fields.require_string("refusal")?),
        "input_image" => Block::Media(image(&mut fields, node)?),
        "input_file" => Block::Media(file(fields, node)?),
        "input_audio" => Block::Media(input_audio(&fields.require("input_audio")?)?),
        _ => Block::Unknown(Unknown {
            wire: Wire::OpenAiResponses,
            raw: node.raw(),
            loc: node.at.clone(),
        }),
    };
    Ok(Part { block, cache })
}

/// Unlike Chat's, `image_url` is a plain string here.
fn image(fields: &mut Fields<'_>, node: &Node<'_>) -> Result<Media> {
    let detail = fields.string("detail")?;
    let mut media = if let Some(url) = fields.string("image_url")? {
        media_from_url(MediaKind::Image, url)
    } else if let Some(id) = fields.string("file_id")? {
        let mut media = media_from_url(MediaKind::Image, String::new());
        media.source = Source::FileId(id);
        media
    } else {
        return Err(node.invalid("expected image_url or file_id"));
    };
    media.detail = detail;
    Ok(media)
}
