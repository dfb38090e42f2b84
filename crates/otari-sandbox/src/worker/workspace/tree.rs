//! Paths and what stands at them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};

use cap_std::fs::{Dir, Metadata, MetadataExt as _};

use crate::frame::{Entry, Refusal};

/// What programs call the workspace.
const GUEST_PATH: &str = "/workspace";
/// Deeper folders are neither listed nor counted by name; programs cannot make a listing endless.
const DEPTH_MAX: usize = 32;

/// Files by path, as they were after the last operation.
pub(super) type Snapshot = BTreeMap<String, Seen>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
}

/// Calls `found` for everything below, folders first. What vanishes meanwhile is skipped.
pub(super) fn walk(dir: &Dir, prefix: &str, depth: usize, found: &mut dyn FnMut(&str, &Metadata)) {
    if depth == DEPTH_MAX {
        return;
    }
    for item in dir.entries().into_iter().flatten().flatten() {
        let (Ok(metadata), Ok(name)) = (item.metadata(), item.file_name().into_string()) else {
            continue;
        };
        let path = format!("{prefix}{name}");
        found(&path, &metadata);
        if metadata.is_dir()
            && let Ok(below) = item.open_dir()
        {
            walk(&below, &format!("{path}/"), depth + 1, found);
        }
    }
}

/// The path below the workspace, in normal form; empty for the workspace itself. Links are the handle's business.
pub(super) fn relative(path: &str) -> Result<String, Refusal> {
    if path.contains('\0') {
        return Err(Refusal::BadRequest("a path cannot contain NUL".to_owned()));
    }
    let inside = match Path::new(path).strip_prefix(GUEST_PATH) {
        Ok(inside) => inside,
        Err(_) => Path::new(path),
    };
    let mut parts: Vec<&str> = Vec::new();
    for component in inside.components() {
        match component {
            Component::Normal(part) => parts.extend(part.to_str()),
            Component::CurDir => {}
            Component::ParentDir if parts.pop().is_some() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Refusal::PathEscapes(path.to_owned()));
            }
        }
    }
    Ok(parts.join("/"))
}

pub(super) fn refusal(error: &io::Error, path: &str) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound => Refusal::UnknownFile(path.to_owned()),
        // How the directory handle refuses to be left.
        io::ErrorKind::PermissionDenied => Refusal::PathEscapes(path.to_owned()),
        io::ErrorKind::IsADirectory => Refusal::BadRequest(format!("`{path}` is a folder")),
        kind => Refusal::BadRequest(format!("`{path}`: {kind}")),
    }
}

pub(super) fn seen(metadata: &Metadata) -> Seen {
    Seen {
        size: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        inode: metadata.ino(),
    }
}

pub(super) fn entries(files: &Snapshot) -> Vec<Entry> {
    files
        .iter()
        .map(|(path, seen)| entry(path.clone(), *seen))
        .collect()
}

pub(super) fn entry(path: String, seen: Seen) -> Entry {
    let (seconds, nanos) = seen.modified;
    Entry {
        path,
        size_bytes: seen.size,
        modified_micros: seconds
            .saturating_mul(1_000_000)
            .saturating_add(nanos / 1_000),
    }
}

pub(super) fn nonblocking() -> i32 {
    nix::fcntl::OFlag::O_NONBLOCK.bits()
}
