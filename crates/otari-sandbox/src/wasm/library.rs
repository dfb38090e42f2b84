//! Folders of an installed interpreter, held open: once a worker is confined it can read them, but not find them.

use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// A folder that a guest can read.
#[derive(Debug)]
pub(crate) struct Library {
    held: File,
    #[cfg_attr(
        target_os = "linux",
        expect(dead_code, reason = "Linux finds it by its number")
    )]
    host: PathBuf,
    guest: String,
}

impl Library {
    pub(super) fn open(host: &Path, guest: impl Into<String>) -> io::Result<Self> {
        Ok(Self {
            held: File::open(host)?,
            host: host.to_owned(),
            guest: guest.into(),
        })
    }

    /// Where the guest sees it.
    pub(super) fn guest(&self) -> &str {
        &self.guest
    }

    /// What it can be opened by, after the worker became somebody who may not walk there.
    #[cfg(target_os = "linux")]
    pub(super) fn host(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.held.as_raw_fd()))
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn host(&self) -> PathBuf {
        self.host.clone()
    }
}

impl AsFd for Library {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.held.as_fd()
    }
}
