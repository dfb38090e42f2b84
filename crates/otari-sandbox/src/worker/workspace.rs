//! The files of a session, seen from outside the interpreter.
//!
//! Every path goes through a directory handle that cannot be left: neither `..` nor a link out of it is followed,
//! whatever the program in the sandbox does meanwhile.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _};

use crate::frame::{Entry, Refusal};

/// What programs call the workspace.
const GUEST_PATH: &str = "/workspace";
/// Deeper folders are neither listed nor counted by name; programs cannot make a listing endless.
const DEPTH_MAX: usize = 32;

/// Files by path, as they were after the last operation.
type Snapshot = BTreeMap<String, Seen>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
}

/// How much of the workspace is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    bytes: u64,
    /// Files, folders and links.
    entries: u64,
}

/// The workspace of one session.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: Dir,
    /// Counted with the workspace, but neither listed nor served.
    scratch: Option<Dir>,
    bytes_max: u64,
    files_max: u64,
    last: Snapshot,
}

impl Workspace {
    pub(crate) fn open(
        root: &Path,
        scratch: Option<&Path>,
        bytes_max: u64,
        files_max: u64,
    ) -> io::Result<Self> {
        let scratch = scratch
            .map(|path| Dir::open_ambient_dir(path, ambient_authority()))
            .transpose()?;
        Ok(Self {
            root: Dir::open_ambient_dir(root, ambient_authority())?,
            scratch,
            bytes_max,
            files_max,
            last: Snapshot::new(),
        })
    }

    /// Files at and below `path`, by path. Links are not followed and not listed.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<Entry>, Refusal> {
        let inside = relative(path)?;
        if inside.is_empty() {
            return Ok(entries(&self.snapshot()));
        }
        let metadata = self
            .root
            .metadata(&inside)
            .map_err(|error| refusal(&error, path))?;
        let below = format!("{inside}/");
        let mut found = self.snapshot();
        found.retain(|name, _| *name == inside || name.starts_with(&below));
        if found.is_empty() && !metadata.is_dir() {
            return Err(Refusal::UnknownFile(path.to_owned()));
        }
        Ok(entries(&found))
    }

    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        let inside = relative(path)?;
        let refused = |error: io::Error| refusal(&error, path);
        let mut options = OpenOptions::new();
        // A pipe of this name must not make us wait for its other end.
        options.read(true).custom_flags(nonblocking());
        let file = self.root.open_with(&inside, &options).map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        if !metadata.is_file() {
            return Err(Refusal::UnknownFile(path.to_owned()));
        }
        if metadata.len() > self.bytes_max {
            return Err(self.too_large(path));
        }
        let mut content = Vec::new();
        let read = file
            .take(self.bytes_max + 1)
            .read_to_end(&mut content)
            .map_err(refused)?;
        if u64::try_from(read).unwrap_or(u64::MAX) > self.bytes_max {
            return Err(self.too_large(path));
        }
        Ok(content)
    }

    /// Writes a file, folders on the way included. What the gateway writes is not reported as changed.
    pub(crate) fn put(&mut self, path: &str, content: &[u8]) -> Result<Entry, Refusal> {
        let inside = relative(path)?;
        if inside.is_empty() {
            return Err(Refusal::BadRequest("a file needs a name".to_owned()));
        }
        let refused = |error: io::Error| refusal(&error, path);
        let replaced = self.root.metadata(&inside).map_or(0, |known| known.len());
        let usage = self.usage();
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let after = usage.bytes.saturating_sub(replaced).saturating_add(size);
        if after > self.bytes_max || usage.entries >= self.files_max {
            return Err(self.too_large(path));
        }
        if let Some((folder, _)) = inside.rsplit_once('/') {
            self.root.create_dir_all(folder).map_err(refused)?;
        }
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .truncate(true)
            .custom_flags(nonblocking());
        let mut file = self.root.open_with(&inside, &options).map_err(refused)?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(Refusal::BadRequest(format!("`{path}` is not a file")));
        }
        file.write_all(content).map_err(refused)?;
        let seen = seen(&file.metadata().map_err(refused)?);
        self.last.insert(inside.clone(), seen);
        Ok(entry(inside, seen))
    }

    /// Files that are new or different since the last call.
    pub(crate) fn changed(&mut self) -> Vec<Entry> {
        let now = self.snapshot();
        let mut changed = now.clone();
        changed.retain(|path, seen| self.last.get(path) != Some(seen));
        self.last = now;
        entries(&changed)
    }

    /// What is in use now, scratch included.
    fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for dir in [Some(&self.root), self.scratch.as_ref()]
            .into_iter()
            .flatten()
        {
            walk(dir, "", 0, &mut |_, metadata| {
                usage.entries += 1;
                if metadata.is_file() {
                    usage.bytes = usage.bytes.saturating_add(metadata.len());
                }
            });
        }
        usage
    }

    /// The file system it is on.
    pub(crate) fn device(&self) -> u64 {
        self.root
            .dir_metadata()
            .map_or(0, |metadata| metadata.dev())
    }

    /// Whether the limits are passed. `unlinked` are bytes of files that are open but have no name.
    pub(crate) fn over(&self, unlinked: u64) -> bool {
        let usage = self.usage();
        usage.bytes.saturating_add(unlinked) > self.bytes_max || usage.entries > self.files_max
    }

    /// Removes files of the current program, largest first, until the rest fits. Answers what it removed.
    pub(crate) fn shrink(&self) -> Vec<String> {
        if let Some(scratch) = &self.scratch {
            for name in scratch.entries().into_iter().flatten().flatten() {
                let path = name.file_name();
                let _ = scratch
                    .remove_file(&path)
                    .or_else(|_| scratch.remove_dir_all(&path));
            }
        }
        let mut fresh: Vec<(String, Seen)> = self
            .snapshot()
            .into_iter()
            .filter(|(path, seen)| self.last.get(path) != Some(seen))
            .collect();
        fresh.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.size));
        let mut removed = Vec::new();
        let mut usage = self.usage();
        for (path, seen) in fresh {
            if usage.bytes <= self.bytes_max && usage.entries <= self.files_max {
                break;
            }
            if self.root.remove_file(&path).is_ok() {
                usage.bytes = usage.bytes.saturating_sub(seen.size);
                usage.entries = usage.entries.saturating_sub(1);
                removed.push(path);
            }
        }
        removed
    }

    fn snapshot(&self) -> Snapshot {
        let mut found = Snapshot::new();
        walk(&self.root, "", 0, &mut |path, metadata| {
            if metadata.is_file() {
                found.insert(path.to_owned(), seen(metadata));
            }
        });
        found
    }

    fn too_large(&self, path: &str) -> Refusal {
        Refusal::TooLarge {
            path: path.to_owned(),
            limit_bytes: self.bytes_max,
        }
    }
}

/// Calls `found` for everything below, folders first. What vanishes meanwhile is skipped.
fn walk(dir: &Dir, prefix: &str, depth: usize, found: &mut dyn FnMut(&str, &Metadata)) {
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
fn relative(path: &str) -> Result<String, Refusal> {
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

fn refusal(error: &io::Error, path: &str) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound => Refusal::UnknownFile(path.to_owned()),
        // How the directory handle refuses to be left.
        io::ErrorKind::PermissionDenied => Refusal::PathEscapes(path.to_owned()),
        io::ErrorKind::IsADirectory => Refusal::BadRequest(format!("`{path}` is a folder")),
        kind => Refusal::BadRequest(format!("`{path}`: {kind}")),
    }
}

fn seen(metadata: &Metadata) -> Seen {
    Seen {
        size: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        inode: metadata.ino(),
    }
}

fn entries(files: &Snapshot) -> Vec<Entry> {
    files
        .iter()
        .map(|(path, seen)| entry(path.clone(), *seen))
        .collect()
}

fn entry(path: String, seen: Seen) -> Entry {
    let (seconds, nanos) = seen.modified;
    Entry {
        path,
        size_bytes: seen.size,
        modified_micros: seconds
            .saturating_mul(1_000_000)
            .saturating_add(nanos / 1_000),
    }
}

fn nonblocking() -> i32 {
    nix::fcntl::OFlag::O_NONBLOCK.bits()
}
