//! A file in OpenAI's words, or in Anthropic's.
//!
//! <https://platform.openai.com/docs/api-reference/files/object>, <https://docs.anthropic.com/en/api/files-metadata>

use http::HeaderMap;
use otari_gateway::{FileObject, Surface};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    OpenAi,
    Anthropic,
}

impl Shape {
    /// Every client of Anthropic's names a version; none of OpenAI's does.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key("anthropic-version") || headers.contains_key("anthropic-beta") {
            Self::Anthropic
        } else {
            Self::OpenAi
        }
    }

    /// Whose errors these are.
    pub(super) fn surface(self) -> Surface {
        match self {
            Self::OpenAi => Surface::Chat,
            Self::Anthropic => Surface::Messages,
        }
    }

    /// Files in a page: unless asked, and at most.
    pub(super) fn limits(self) -> (i64, u32) {
        match self {
            Self::OpenAi => (10_000, 10_000),
            Self::Anthropic => (20, 1_000),
        }
    }

    /// The query parameters a page is told by.
    pub(super) fn cursors(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::OpenAi => ("after", None),
            Self::Anthropic => ("after_id", Some("before_id")),
        }
    }

    pub(super) fn file(self, file: &FileObject) -> Value {
        match self {
            Self::OpenAi => json!({
                "id": file.id,
                "object": "file",
                "bytes": file.bytes,
                "created_at": file.created_at.as_secs(),
                "expires_at": file.expires_at.map(otari_types::Timestamp::as_secs),
                "filename": file.filename,
                "purpose": file.purpose,
                "status": "processed",
                "status_details": null,
            }),
            Self::Anthropic => json!({
                "id": file.id,
                "type": "file",
                "filename": file.filename,
                "mime_type": file.mime_type,
                "size_bytes": file.bytes,
                "created_at": file.created_at,
                "downloadable": true,
            }),
        }
    }

    pub(super) fn list(self, files: &[FileObject], has_more: bool) -> Value {
        let data: Vec<Value> = files.iter().map(|file| self.file(file)).collect();
        let (first, last) = (files.first(), files.last());
        let mut list = json!({
            "data": data,
            "has_more": has_more,
            "first_id": first.map(|file| &file.id),
            "last_id": last.map(|file| &file.id),
        });
        if self == Self::OpenAi
            && let Some(members) = list.as_object_mut()
        {
            members.insert("object".to_owned(), json!("list"));
        }
        list
    }

    pub(super) fn deleted(self, id: &str) -> Value {
        match self {
            Self::OpenAi => json!({"id": id, "object": "file", "deleted": true}),
            Self::Anthropic => json!({"id": id, "type": "file_deleted"}),
        }
    }
}
