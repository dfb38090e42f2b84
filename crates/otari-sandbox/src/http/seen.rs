//! Which files of a remote workspace are new: the protocol lists files, and few backends say which a program wrote.

use std::collections::HashMap;

use otari_types::Timestamp;

use crate::WorkspaceFile;

/// Files by path, as they were at the last look.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(HashMap<String, Stamp>);

#[derive(Clone, Copy, Debug)]
struct Stamp {
    size: u64,
    /// Where the backend tells it.
    modified: Option<Timestamp>,
}

impl Stamp {
    fn of(file: &WorkspaceFile) -> Self {
        Self {
            size: file.size_bytes,
            modified: file.modified_at,
        }
    }

    fn same(self, other: Self) -> bool {
        let unmodified = match (self.modified, other.modified) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        self.size == other.size && unmodified
    }
}

impl Seen {
    /// A file we put there ourselves is no news.
    pub(super) fn ours(&mut self, file: &WorkspaceFile) {
        let stamp = Stamp {
            modified: None,
            ..Stamp::of(file)
        };
        self.0.insert(file.path.clone(), stamp);
    }

    /// Takes note of what there is and answers what is new or different.
    pub(super) fn update(&mut self, files: Vec<WorkspaceFile>) -> Vec<WorkspaceFile> {
        let now: HashMap<String, Stamp> = files
            .iter()
            .map(|file| (file.path.clone(), Stamp::of(file)))
            .collect();
        let before = std::mem::replace(&mut self.0, now);
        let is_new = |file: &WorkspaceFile| {
            let known = before.get(&file.path);
            !known.is_some_and(|known| known.same(Stamp::of(file)))
        };
        files.into_iter().filter(is_new).collect()
    }
}
