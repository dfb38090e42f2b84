//! An attachment, and what is shown in its place, in no surface's words.

use bytes::Bytes;

/// What a request attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) is_image: bool,
    pub(super) source: Source,
    pub(super) filename: Option<String>,
    pub(super) mime_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Data(Bytes),
    /// Base64 that is none.
    Broken,
    FileId(String),
    Url(String),
    /// A document that is text already.
    Text(String),
}

/// What takes a piece's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Text(String),
    /// The attachment itself, or a page of it.
    Inline(Inline),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inline {
    pub(super) is_image: bool,
    pub(super) mime_type: String,
    pub(super) filename: Option<String>,
    pub(super) data: Bytes,
}

impl Piece {
    /// What the reader of a document is told to call it.
    pub(super) fn name(&self) -> String {
        let given = self.filename.as_deref().unwrap_or("document");
        let name: String = given
            .chars()
            .filter(|letter| !letter.is_control() && !matches!(letter, '"' | '<' | '>'))
            .take(200)
            .collect();
        if name.trim().is_empty() {
            "document".to_owned()
        } else {
            name
        }
    }
}
