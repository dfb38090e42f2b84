//! Reading what several surfaces share: function declarations in either nesting, cache marks, data URLs.

use crate::call::{CacheMark, FunctionTool, Media, MediaKind, Source, Tool, Unknown};
use crate::error::TranslateError;
use crate::read::{Fields, Node};
use crate::route::Wire;

/// A declared tool. Clients mix formats, so every surface takes the function shapes of all three: nested under
/// `function` (Chat), flat with `parameters` (Responses), flat with `input_schema` (Messages).
pub(super) fn tool(node: &Node<'_>, wire: Wire) -> Result<Tool, TranslateError> {
    let mut fields = node.object()?;
    let kind = fields.kind()?;
    let cache = cache_mark(&mut fields)?;
    if let Some(inner) = fields.take("function") {
        return function(inner.object()?, cache);
    }
    let anthropic = fields.take("input_schema");
    let is_function = kind == "function" || anthropic.is_some();
    if !is_function && (kind != "custom" || wire != Wire::Anthropic) {
        return Ok(Tool::Native(Unknown {
            wire,
            raw: node.raw(),
            loc: node.at.clone(),
        }));
    }
    let schema = anthropic.map(|schema| schema.raw());
    let Tool::Function(mut tool) = function(fields, cache)? else {
        return Err(node.unsupported());
    };
    tool.schema = schema.or(tool.schema);
    Ok(Tool::Function(tool))
}

fn function(mut fields: Fields<'_>, cache: Option<CacheMark>) -> Result<Tool, TranslateError> {
    Ok(Tool::Function(FunctionTool {
        name: fields.require_string("name")?,
        description: fields.string("description")?,
        schema: fields.raw("parameters"),
        strict: fields.bool("strict")?,
        cache,
    }))
}

/// Anthropic's `cache_control`, which other surfaces' clients send too, or OpenAI's `prompt_cache_breakpoint`.
pub(super) fn cache_mark(fields: &mut Fields<'_>) -> Result<Option<CacheMark>, TranslateError> {
    let breakpoint = fields.take("prompt_cache_breakpoint");
    match fields.take("cache_control") {
        Some(control) => Ok(Some(CacheMark {
            ttl: control.object()?.string("ttl")?,
        })),
        None => Ok(breakpoint.map(|_| CacheMark::default())),
    }
}

/// A `data:` URL as data, any other as a URL.
pub(super) fn media_from_url(kind: MediaKind, url: String) -> Media {
    let data = url.strip_prefix("data:").and_then(|rest| {
        let (mime, data) = rest.split_once(";base64,")?;
        Some((mime.to_owned(), data.to_owned()))
    });
    let (mime, source) = match data {
        Some((mime, data)) => ((!mime.is_empty()).then_some(mime), Source::Data(data)),
        None => (None, Source::Url(url)),
    };
    Media {
        kind,
        source,
        mime,
        filename: None,
        detail: None,
    }
}

/// `input_audio{data,format}`, the same in Chat and Responses.
pub(super) fn input_audio(node: &Node<'_>) -> Result<Media, TranslateError> {
    let mut audio = node.object()?;
    let format = audio.require_string("format")?;
    Ok(Media {
        kind: MediaKind::Audio,
        source: Source::Data(audio.require_string("data")?),
        mime: Some(match format.as_str() {
            "mp3" => "audio/mpeg".to_owned(),
            other => format!("audio/{other}"),
        }),
        filename: None,
        detail: None,
    })
}

/// Chat's and Responses' file members, alike but for `file_url`.
pub(super) fn file(mut fields: Fields<'_>, node: &Node<'_>) -> Result<Media, TranslateError> {
    let filename = fields.string("filename")?;
    let data = fields.string("file_data")?;
    let mut media = if let Some(data) = data {
        let mut media = media_from_url(MediaKind::File, data);
        // Plain base64 without the data URL around it is taken too.
        if let Source::Url(data) = media.source {
            media.source = Source::Data(data);
            media.mime = Some("application/pdf".to_owned());
        }
        media
    } else if let Some(id) = fields.string("file_id")? {
        let mut media = media_from_url(MediaKind::File, String::new());
        media.source = Source::FileId(id);
        media
    } else if let Some(url) = fields.string("file_url")? {
        media_from_url(MediaKind::File, url)
    } else {
        return Err(node.invalid("expected file_data, file_id or file_url"));
    };
    media.filename = filename;
    Ok(media)
}
