//! Attachments in the words of the surfaces: where they stand in a body, and how what replaces them is written.

#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::Bytes;
use otari_translate::Surface;
use serde_json::{Map, Value, json};

use super::piece::{Inline, Piece, Shown, Source};

/// Padding is forgotten often enough.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The member of a request that holds the conversation, where attachments are looked for.
pub(super) const fn conversation(surface: Surface) -> Option<&'static str> {
    match surface {
        Surface::Chat | Surface::Messages => Some("messages"),
        Surface::Responses => Some("input"),
        Surface::Completions | Surface::Gemini => None,
    }
}

/// Texts that a body with attachments holds; they may be there without any.
pub(super) struct Signs {
    pub(super) image: &'static [&'static str],
    pub(super) document: &'static [&'static str],
}

pub(super) const fn signs(surface: Surface) -> Signs {
    let (image, document): (&[&str], &[&str]) = match surface {
        Surface::Chat => (&["\"image_url\""], &["\"file\"", "\"input_file\""]),
        Surface::Messages => (&["\"image\""], &["\"document\""]),
        Surface::Responses => (&["\"input_image\""], &["\"input_file\""]),
        Surface::Completions | Surface::Gemini => (&[], &[]),
    };
    Signs { image, document }
}

type Visit<'v> = dyn FnMut(&mut Vec<Value>) + 'v;

/// Every list of parts, always in the same order; lists within a part come before its own.
pub(super) fn each_list(surface: Surface, turns: &mut Value, visit: &mut Visit<'_>) {
    let Value::Array(turns) = turns else { return };
    let holders: &[&str] = match surface {
        Surface::Responses => &["content", "output"],
        _ => &["content"],
    };
    for turn in turns {
        for holder in holders {
            let Some(Value::Array(parts)) = turn.get_mut(*holder) else {
                continue;
            };
            for part in parts.iter_mut() {
                // Results of tools hold parts as turns do.
                if let Some(Value::Array(inner)) = part.get_mut("content")
                    && surface == Surface::Messages
                {
                    visit(inner);
                }
            }
            visit(parts);
        }
    }
}

/// The attachment that a part is.
pub(super) fn piece(surface: Surface, part: &Value) -> Option<Piece> {
    let part = part.as_object()?;
    let kind = part.get("type")?.as_str()?;
    match (surface, kind) {
        (Surface::Chat, "image_url") => {
            let image = part.get("image_url");
            let id = text(part, "file_id").or_else(|| image?.get("file_id")?.as_str());
            let url = image.and_then(|image| image.as_str().or_else(|| image.get("url")?.as_str()));
            named(true, id, url, None)
        }
        (Surface::Chat, "file") => {
            let file = part.get("file")?.as_object()?;
            document(file)
        }
        (Surface::Responses, "input_image") => {
            named(true, text(part, "file_id"), text(part, "image_url"), None)
        }
        (Surface::Chat | Surface::Responses, "input_file") => document(part),
        (Surface::Messages, "image" | "document") => {
            let source = part.get("source")?.as_object()?;
            let filename = text(part, "title").map(str::to_owned);
            anthropic(kind == "image", source, filename)
        }
        _ => None,
    }
}

fn document(file: &Map<String, Value>) -> Option<Piece> {
    let filename = text(file, "filename").map(str::to_owned);
    let url = text(file, "file_data").or_else(|| text(file, "file_url"));
    let id = text(file, "file_id");
    if id.is_none()
        && let Some(data) = text(file, "file_data")
        && !data.starts_with("data:")
    {
        return Some(Piece {
            is_image: false,
            source: decoded(data),
            filename,
            mime_type: None,
        });
    }
    named(false, id, url, filename)
}

/// By id or by address; `data:` addresses hold their content.
fn named(
    is_image: bool,
    id: Option<&str>,
    url: Option<&str>,
    filename: Option<String>,
) -> Option<Piece> {
    let mut mime_type = None;
    let source = match (id, url) {
        (Some(id), _) => Source::FileId(id.to_owned()),
        (None, Some(url)) => match url.strip_prefix("data:") {
            Some(rest) => {
                let (head, data) = rest.split_once(',')?;
                let mut head = head.split(';');
                let mime = head.next().filter(|mime| !mime.is_empty());
                mime_type = mime.map(str::to_owned);
                if head.any(|word| word == "base64") {
                    decoded(data)
                } else {
                    Source::Broken
                }
            }
            None => Source::Url(url.to_owned()),
        },
        (None, None) => return None,
    };
    Some(Piece {
        is_image,
        source,
        filename,
        mime_type,
    })
}

fn anthropic(
    is_image: bool,
    source: &Map<String, Value>,
    filename: Option<String>,
) -> Option<Piece> {
    let mime_type = text(source, "media_type").map(str::to_owned);
    let source = match text(source, "type")? {
        "base64" => decoded(text(source, "data")?),
        "text" => Source::Text(text(source, "data")?.to_owned()),
        "url" => Source::Url(text(source, "url")?.to_owned()),
        "file" => Source::FileId(text(source, "file_id")?.to_owned()),
        _ => return None,
    };
    Some(Piece {
        is_image,
        source,
        filename,
        mime_type,
    })
}

pub(super) fn decoded(data: &str) -> Source {
    let spaced = data.bytes().any(|byte| byte.is_ascii_whitespace());
    let decoded = if spaced {
        let data: String = data.split_ascii_whitespace().collect();
        LENIENT.decode(data)
    } else {
        LENIENT.decode(data)
    };
    decoded.map_or(Source::Broken, |bytes| Source::Data(Bytes::from(bytes)))
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// What is shown, as a part.
pub(super) fn written(surface: Surface, shown: &Shown) -> Value {
    match (surface, shown) {
        (Surface::Responses, Shown::Text(text)) => json!({"type": "input_text", "text": text}),
        (_, Shown::Text(text)) => json!({"type": "text", "text": text}),
        (Surface::Messages, Shown::Inline(inline)) => anthropic_inline(inline),
        (Surface::Responses, Shown::Inline(inline)) if inline.is_image => {
            json!({"type": "input_image", "image_url": data_url(inline), "detail": "auto"})
        }
        (Surface::Responses, Shown::Inline(inline)) => {
            json!({"type": "input_file", "filename": filename(inline), "file_data": data_url(inline)})
        }
        (_, Shown::Inline(inline)) if inline.is_image => {
            json!({"type": "image_url", "image_url": {"url": data_url(inline)}})
        }
        (_, Shown::Inline(inline)) => {
            let file = json!({"filename": filename(inline), "file_data": data_url(inline)});
            json!({"type": "file", "file": file})
        }
    }
}

fn anthropic_inline(inline: &Inline) -> Value {
    let data = STANDARD.encode(&inline.data);
    let source = json!({"type": "base64", "media_type": inline.mime_type, "data": data});
    if inline.is_image {
        return json!({"type": "image", "source": source});
    }
    let mut part = json!({"type": "document", "source": source});
    if let (Some(name), Value::Object(part)) = (&inline.filename, &mut part) {
        part.insert("title".to_owned(), name.as_str().into());
    }
    part
}

fn filename(inline: &Inline) -> &str {
    inline.filename.as_deref().unwrap_or("document")
}

fn data_url(inline: &Inline) -> String {
    let data = STANDARD.encode(&inline.data);
    format!("data:{};base64,{data}", inline.mime_type)
}

/// Puts what is shown where a part was. A mark for caches goes to the last of it.
pub(super) fn replace(surface: Surface, part: &Value, shown: &[Shown]) -> Vec<Value> {
    let mut parts: Vec<Value> = shown.iter().map(|shown| written(surface, shown)).collect();
    if let (Some(mark), Some(Value::Object(last))) = (part.get("cache_control"), parts.last_mut()) {
        last.insert("cache_control".to_owned(), mark.clone());
    }
    parts
}
