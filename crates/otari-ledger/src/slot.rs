//! A process's own folder in the data directory: its journal and its name in the ledger.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use otari_types::{NodeId, new_id};

/// A locked folder.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) dir: PathBuf,
    pub(crate) node: NodeId,
    _locked: otari_journal::Slot,
}

/// Locks the first free slot, and every further one that holds a journal nobody is draining.
pub(crate) fn take(data_dir: &Path) -> io::Result<(Slot, Vec<Slot>)> {
    let (own, abandoned) = otari_journal::take(data_dir)?;
    let abandoned: io::Result<_> = abandoned.into_iter().map(named).collect();
    Ok((named(own)?, abandoned?))
}

/// The same name as the process before had there.
fn named(slot: otari_journal::Slot) -> io::Result<Slot> {
    let name_file = slot.folder.join("node-id");
    let node = match fs::read_to_string(&name_file) {
        Ok(name) if !name.trim().is_empty() => name.trim().to_owned(),
        _ => {
            let name = new_id();
            fs::write(&name_file, &name)?;
            name
        }
    };
    Ok(Slot {
        dir: slot.folder.clone(),
        node: NodeId::from(node),
        _locked: slot,
    })
}
