//! The content blocks of a Messages request.

use crate::call::{
    Block, Media, MediaKind, Part, Reasoning, Source, ToolCall, ToolResult, Unknown,
};
use crate::error::TranslateError;
use crate::origin::{Origin, Signature};
use crate::read::{Fields, Node};
use crate::route::Wire;
use crate::surface::tools::cache_mark;

type Result<T> = std::result::Result<T, TranslateError>;

/// A text, or a list of blocks.
pub(super) fn content(node: &Node<'_>) -> Result<Vec<Part>> {
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
        "text" => Block::Text(fields.require_string("text")?),
        "image" => Block::Media(media(MediaKind::Image, &mut fields, node)?),
        "document" => Block::Media(media(MediaKind::File, &mut fields, node)?),
        "thinking" => thinking(&mut fields)?,
        "redacted_thinking" => Block::Reasoning(Reasoning {
            text: String::new(),
            signature: Some(Signature::from_client(
                Origin::Anthropic,
                &fields.require_string("data")?,
            )),
            redacted: true,
        }),
        "tool_use" => Block::ToolCall(ToolCall {
            id: fields.require_string("id")?,
            name: fields.require_string("name")?,
            arguments: fields
                .take("input")
                .map_or_else(|| "{}".to_owned(), |input| input.raw().get().to_owned()),
        }),
        "tool_result" => Block::ToolResult(ToolResult {
            call_id: fields.require_string("tool_use_id")?,
            content: match fields.take("content") {
                Some(inner) => content(&inner)?,
                None => Vec::new(),
            },
            is_error: fields.bool("is_error")?.unwrap_or(false),
        }),
        _ => Block::Unknown(Unknown {
            wire: Wire::Anthropic,
            raw: node.raw(),
            loc: node.at.clone(),
        }),
    };
    Ok(Part { block, cache })
}

fn thinking(fields: &mut Fields<'_>) -> Result<Block> {
    let signature = fields.string("signature")?.filter(|text| !text.is_empty());
    Ok(Block::Reasoning(Reasoning {
        text: fields.string("thinking")?.unwrap_or_default(),
        signature: signature.map(|text| Signature::from_client(Origin::Anthropic, &text)),
        redacted: false,
    }))
}

fn media(kind: MediaKind, fields: &mut Fields<'_>, node: &Node<'_>) -> Result<Media> {
    let source_node = fields.require("source")?;
    let mut source = source_node.object()?;
    let shape = source.kind()?;
    let mime = source.string("media_type")?;
    let source = match shape.as_str() {
        "base64" => Source::Data(source.require_string("data")?),
        "url" => Source::Url(source.require_string("url")?),
        "text" => Source::Text(source.require_string("data")?),
        "file" => Source::FileId(source.require_string("file_id")?),
        _ => return Err(node.unsupported()),
    };
    Ok(Media {
        kind,
        source,
        mime,
        filename: fields.string("title")?,
        detail: None,
    })
}
