//! The files of a session, seen from outside the interpreter.
//!
//! Every path goes through a directory handle that cannot be left: neither `..` nor a link out of it is followed,
//! whatever the program in the sandbox does meanwhile.

mod tree;

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _};

use crate::frame::{Entry, Refusal};
use tree::{Seen, Snapshot, entries, entry, nonblocking, refusal, relative, seen, walk};

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
        let mut usage = self.usage();
        usage.bytes = usage.bytes.saturating_add(unlinked);
        !self.fits(usage)
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
            if self.fits(usage) {
                return removed;
            }
            if self.root.remove_file(&path).is_ok() {
                usage.bytes = usage.bytes.saturating_sub(seen.size);
                usage.entries = usage.entries.saturating_sub(1);
                removed.push(path);
            }
        }
        // What is left to blame is not files: links, and folders that are empty by now, the deepest first.
        let mut rest = Vec::new();
        walk(&self.root, "", 0, &mut |path, metadata| {
            if !metadata.is_file() {
                rest.push(path.to_owned());
            }
        });
        for path in rest.into_iter().rev() {
            if self.fits(usage) {
                break;
            }
            let gone = self
                .root
                .remove_dir(&path)
                .or_else(|_| self.root.remove_file(&path));
            if gone.is_ok() {
                usage.entries = usage.entries.saturating_sub(1);
                removed.push(path);
            }
        }
        removed
    }

    fn fits(&self, usage: Usage) -> bool {
        usage.bytes <= self.bytes_max && usage.entries <= self.files_max
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
