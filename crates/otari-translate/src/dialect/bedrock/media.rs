//! Images, sound and documents as Converse takes them: as bytes, or from S3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::call::{Media, MediaKind, Source};
use crate::error::TranslateError;
use crate::json::{Json, Object};

use super::super::carry::unsupported;
use super::content::one;

type Result<T> = std::result::Result<T, TranslateError>;

/// Counts the documents of a request: each needs a name that no other has.
#[derive(Debug, Default)]
pub(super) struct Documents(usize);

impl Documents {
    pub(super) fn media(&mut self, media: &Media) -> Result<Json> {
        let subtype = media.mime.as_deref().and_then(|mime| mime.split_once('/'));
        let subtype = subtype.map(|(_, subtype)| subtype);
        match media.kind {
            MediaKind::Image => {
                let source = binary(&media.source, "image_url")?;
                let format = match subtype.unwrap_or("png") {
                    "jpg" => "jpeg",
                    other => other,
                };
                Ok(one("image", formatted(format, source)))
            }
            MediaKind::Audio => {
                let source = binary(&media.source, "input_audio")?;
                let format = match subtype.unwrap_or("wav") {
                    "mpeg" => "mp3",
                    other => other,
                };
                Ok(one("audio", formatted(format, source)))
            }
            MediaKind::File => self.document(media),
        }
    }

    fn document(&mut self, media: &Media) -> Result<Json> {
        let (format, source) = match &media.source {
            Source::Text(text) => {
                let bytes = STANDARD.encode(text);
                ("txt", Object::new().with("bytes", bytes))
            }
            source => {
                let format = document_format(media).ok_or_else(|| unsupported("file"))?;
                (format, binary(source, "file_url")?)
            }
        };
        self.0 += 1;
        let name = document_name(media.filename.as_deref().unwrap_or("document"));
        let name = if self.0 == 1 {
            name
        } else {
            format!("{name} {}", self.0)
        };
        let document = Object::new()
            .with("format", format)
            .with("name", name)
            .with("source", source);
        Ok(one("document", document))
    }
}

fn formatted(format: &str, source: Object) -> Object {
    Object::new().with("format", format).with("source", source)
}

/// Bytes, or an object in S3; nothing is fetched from elsewhere.
fn binary(source: &Source, member: &str) -> Result<Object> {
    match source {
        Source::Data(data) => Ok(Object::new().with("bytes", data)),
        Source::Url(url) if url.starts_with("s3://") => {
            Ok(Object::new().with("s3Location", Object::new().with("uri", url)))
        }
        Source::FileId(_) => Err(unsupported("file_id")),
        Source::Url(_) | Source::Text(_) => Err(unsupported(member)),
    }
}

fn document_format(media: &Media) -> Option<&'static str> {
    let by_mime = match media.mime.as_deref().unwrap_or_default() {
        "application/pdf" => Some("pdf"),
        "text/csv" => Some("csv"),
        "text/html" => Some("html"),
        "text/markdown" => Some("md"),
        "text/plain" => Some("txt"),
        "application/msword" => Some("doc"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => Some("docx"),
        "application/vnd.ms-excel" => Some("xls"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Some("xlsx"),
        _ => None,
    };
    let by_name = || {
        const ENDINGS: [&str; 9] = [
            "pdf", "csv", "html", "md", "txt", "docx", "doc", "xlsx", "xls",
        ];
        let name = media.filename.as_deref()?.to_ascii_lowercase();
        let (_, ending) = name.rsplit_once('.')?;
        ENDINGS.into_iter().find(|known| *known == ending)
    };
    let unsaid = media.mime.is_none() && media.filename.is_none();
    by_mime.or_else(by_name).or(unsaid.then_some("pdf"))
}

/// Letters, digits, single spaces, hyphens and brackets only; the ending is said by the format.
fn document_name(name: &str) -> String {
    const MAX: usize = 190;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let clean: String = stem
        .chars()
        .map(|letter| match letter {
            '-' | '(' | ')' | '[' | ']' => letter,
            _ if letter.is_ascii_alphanumeric() => letter,
            _ => ' ',
        })
        .collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let joined: String = words.join(" ").chars().take(MAX).collect();
    if joined.is_empty() {
        "document".to_owned()
    } else {
        joined
    }
}
