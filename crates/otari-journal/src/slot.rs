//! A process's own folder among those of all that share a directory.
//!
//! Several gateways may share one directory (two processes on one machine, an old one that ends while the new one
//! begins); each takes the first folder nobody has locked. A folder left behind by a crash is picked up by whoever
//! starts next.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

const SLOTS_MAX: usize = 64;

/// A locked folder. The lock goes with the process, however it ends.
#[derive(Debug)]
pub struct Slot {
    pub folder: PathBuf,
    _lock: File,
}

/// Locks the first free slot, and every further one that nobody uses now.
pub fn take(directory: &Path) -> io::Result<(Slot, Vec<Slot>)> {
    let mut own = None;
    let mut abandoned = Vec::new();
    for index in 0..SLOTS_MAX {
        let folder = directory.join(format!("node-{index}"));
        if own.is_some() && !folder.exists() {
            break;
        }
        match lock(folder)? {
            Some(slot) if own.is_none() => own = Some(slot),
            Some(slot) => abandoned.push(slot),
            None => {}
        }
    }
    let own =
        own.ok_or_else(|| io::Error::other(format!("all {SLOTS_MAX} node folders are in use")))?;
    Ok((own, abandoned))
}

fn lock(folder: PathBuf) -> io::Result<Option<Slot>> {
    fs::create_dir_all(&folder)?;
    let lock = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(folder.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(Slot {
            folder,
            _lock: lock,
        })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
