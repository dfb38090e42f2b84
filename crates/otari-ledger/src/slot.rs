//! A process's own folder in the data directory: its journal and its name in the ledger.
//!
//! Several gateways may share one data directory (two processes on one machine); each takes the first folder
//! nobody has locked. A folder left behind by a crash is picked up by whoever starts next.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use otari_types::{NodeId, new_id};

const SLOTS_MAX: usize = 64;

/// A locked folder. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) dir: PathBuf,
    pub(crate) node: NodeId,
    _lock: File,
}

/// Locks the first free slot, and every further one that holds a journal nobody is draining.
pub(crate) fn take(data_dir: &Path) -> io::Result<(Slot, Vec<Slot>)> {
    let mut own = None;
    let mut abandoned = Vec::new();
    for index in 0..SLOTS_MAX {
        let dir = data_dir.join(format!("node-{index}"));
        if own.is_some() && !dir.exists() {
            break;
        }
        match lock(&dir)? {
            Some(slot) if own.is_none() => own = Some(slot),
            Some(slot) => abandoned.push(slot),
            None => {}
        }
    }
    let own =
        own.ok_or_else(|| io::Error::other(format!("all {SLOTS_MAX} node folders are in use")))?;
    Ok((own, abandoned))
}

fn lock(dir: &Path) -> io::Result<Option<Slot>> {
    fs::create_dir_all(dir)?;
    let lock = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(dir.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let name_file = dir.join("node-id");
    let node = match fs::read_to_string(&name_file) {
        Ok(name) if !name.trim().is_empty() => name.trim().to_owned(),
        _ => {
            let name = new_id();
            fs::write(&name_file, &name)?;
            name
        }
    };
    Ok(Some(Slot {
        dir: dir.to_owned(),
        node: NodeId::from(node),
        _lock: lock,
    }))
}
