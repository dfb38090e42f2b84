//! Files of a workspace.

use otari_types::Timestamp;

/// A file, by its path below the workspace (`plots/chart.png`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceFile {
    pub path: String,
    pub size_bytes: u64,
    /// Guessed from the name.
    pub mime_type: Option<String>,
    pub modified_at: Option<Timestamp>,
}

impl From<crate::frame::Entry> for WorkspaceFile {
    fn from(entry: crate::frame::Entry) -> Self {
        Self {
            mime_type: mime_type(&entry.path).map(str::to_owned),
            modified_at: Some(Timestamp(entry.modified_micros)),
            path: entry.path,
            size_bytes: entry.size_bytes,
        }
    }
}

/// By the ending of the name; `None` where that says nothing.
pub(crate) fn mime_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    TYPES
        .iter()
        .find(|(known, _)| ending.eq_ignore_ascii_case(known))
        .map(|(_, kind)| *kind)
}

const TYPES: &[(&str, &str)] = &[
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("py", "text/x-python"),
    ("svg", "image/svg+xml"),
    ("tsv", "text/tab-separated-values"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webp", "image/webp"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
];
