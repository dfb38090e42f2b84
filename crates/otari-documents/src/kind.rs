//! Which format bytes are in: their own signs first, then what is said of them.

use std::io::Cursor;

use serde::{Deserialize, Serialize};

use crate::{DocumentError, Label};

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Pdf,
    Docx,
    Xlsx,
    Pptx,
    Html,
    /// Plain text of whatever meaning: Markdown, CSV, JSON, code.
    Text,
}

/// A PDF may have other bytes in front.
const PDF_SIGN_WITHIN: usize = 1024;
/// Old Office files, and new ones that are encrypted.
const OLE_SIGN: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const READABLE: &str =
    "PDF, Word (.docx), Excel (.xlsx), PowerPoint (.pptx), HTML and text files are";

impl Kind {
    pub(crate) fn of(bytes: &[u8], label: &Label) -> Result<Self, DocumentError> {
        let head = bytes.get(..PDF_SIGN_WITHIN).unwrap_or(bytes);
        if contains(head, b"%PDF-") {
            return Ok(Self::Pdf);
        }
        if bytes.starts_with(b"PK") {
            return archive(bytes);
        }
        if bytes.starts_with(OLE_SIGN) {
            return Err(ole(bytes));
        }
        if looks_like_image(bytes).is_some() {
            return Err(DocumentError::Unsupported(
                "it is an image, not a document".to_owned(),
            ));
        }
        if is_binary(head) {
            let text = format!("its format is not known here; {READABLE} read");
            return Err(DocumentError::Unsupported(text));
        }
        let said = said_html(label).unwrap_or_else(|| starts_like_html(head));
        Ok(if said { Self::Html } else { Self::Text })
    }
}

/// The media type of an image, by its first bytes.
pub fn looks_like_image(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}

fn archive(bytes: &[u8]) -> Result<Kind, DocumentError> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
        DocumentError::Damaged(format!("its archive cannot be opened ({error})"))
    })?;
    let parts = [
        ("word/document.xml", Kind::Docx),
        ("xl/workbook.xml", Kind::Xlsx),
        ("ppt/presentation.xml", Kind::Pptx),
    ];
    let has = |name: &str| archive.index_for_name(name).is_some();
    let found = parts.into_iter().find(|(part, _)| has(part));
    found.map(|(_, kind)| kind).ok_or_else(|| {
        DocumentError::Unsupported(format!("it is an archive of another kind; {READABLE} read"))
    })
}

fn ole(bytes: &[u8]) -> DocumentError {
    // Names of streams are UTF-16.
    let name: Vec<u8> = "EncryptedPackage"
        .bytes()
        .flat_map(|byte| [byte, 0])
        .collect();
    if contains(bytes, &name) {
        return DocumentError::Encrypted;
    }
    let text = "it is in Office's format of before 2007; save it as .docx, .xlsx or .pptx";
    DocumentError::Unsupported(text.to_owned())
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Control characters that no text has; zeros are in every other byte of UTF-16, which has a mark.
fn is_binary(head: &[u8]) -> bool {
    let marked = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let control = |byte: &&u8| matches!(byte, 0..=8 | 14..=26 | 28..=31);
    !marked && head.iter().any(|byte| control(&byte))
}

/// `None` where nothing is said that tells.
fn said_html(label: &Label) -> Option<bool> {
    let mime = label.mime_type.as_deref().unwrap_or_default();
    if mime.contains("html") {
        return Some(true);
    }
    let name = label.filename.as_deref()?.to_ascii_lowercase();
    let (_, ending) = name.rsplit_once('.')?;
    Some(matches!(ending, "html" | "htm" | "xhtml"))
}

fn starts_like_html(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(head)
        .trim_start()
        .to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}
