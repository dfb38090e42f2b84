//! A file in OpenAI's words, or in Anthropic's.
//!
//! <https://platform.openai.com/docs/api-reference/files/object>, <https://docs.anthropic.com/en/api/files-metadata>

use http::HeaderMap;
use otari_gateway::{FileObject, Surface};
use serde_json::{Value, json};

use crate::extract::QueryArgs;

/// Begins Anthropic's page cursors.
const PAGE: &str = "page_";

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

    /// Where a page begins: after the first file, or before the second.
    pub(super) fn cursors(self, query: &QueryArgs) -> (Option<&str>, Option<&str>) {
        match self {
            Self::OpenAi => (query.one("after"), None),
            Self::Anthropic => {
                let page = query.one("page");
                let page = page.map(|page| page.strip_prefix(PAGE).unwrap_or(page));
                (page.or(query.one("after_id")), query.one("before_id"))
            }
        }
    }

    /// The files a list is limited to; empty: all.
    pub(super) fn ids(self, query: &QueryArgs) -> Vec<String> {
        match self {
            Self::OpenAi => Vec::new(),
            Self::Anthropic => [query.all("ids"), query.all("ids[]")].concat(),
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
        let next = last.filter(|_| has_more);
        let (name, value) = match self {
            Self::OpenAi => ("object", json!("list")),
            Self::Anthropic => (
                "next_page",
                json!(next.map(|file| format!("{PAGE}{}", file.id))),
            ),
        };
        if let Some(members) = list.as_object_mut() {
            members.insert(name.to_owned(), value);
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
