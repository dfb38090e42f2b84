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
