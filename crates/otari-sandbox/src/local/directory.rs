//! Where workspaces are: `sandbox/<process>/<session>/{workspace,tmp}` below the data directory.
//!
//! Each gateway process has a folder of its own, with a locked file in it. What a killed gateway left behind is
//! removed by the next one: nobody holds its lock.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use crate::SessionId;
use crate::wasm::{SCRATCH, WORKSPACE};

const FOLDER: &str = "sandbox";
const LOCK: &str = "lock";

/// The folder of this process.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Held until the process ends.
    _lock: File,
}

/// The folder of one session; dropped, it is removed.
#[derive(Debug)]
pub(super) struct SessionDirectory {
    id: SessionId,
    path: PathBuf,
}

impl Directory {
    pub(super) async fn claim(data_dir: &Path) -> io::Result<Self> {
        let root = std::path::absolute(data_dir)?.join(FOLDER);
        blocking(move || {
            private_dir(&root)?;
            remove_abandoned(&root);
            let path = root.join(otari_types::random_token(12));
            private_dir(&path)?;
            let lock = File::create(path.join(LOCK))?;
            lock.try_lock()?;
            Ok(Self { path, _lock: lock })
        })
        .await
    }

    pub(super) async fn session(&self) -> io::Result<SessionDirectory> {
        let name = otari_types::random_token(24);
        let path = self.path.join(&name);
        blocking(move || {
            private_dir(&path.join(WORKSPACE))?;
            private_dir(&path.join(SCRATCH))?;
            Ok(SessionDirectory {
                id: SessionId::new(format!("sbx_{name}")),
                path,
            })
        })
        .await
    }
}

impl SessionDirectory {
    pub(super) fn id(&self) -> &SessionId {
        &self.id
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SessionDirectory {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        let remove = move || {
            if let Err(error) = fs::remove_dir_all(&path) {
                tracing::debug!(%error, path = %path.display(), "a workspace could not be removed");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Folders of processes that are gone.
fn remove_abandoned(root: &Path) {
    for folder in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = folder.path();
        let abandoned = File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
