//! Usage reports on disk until the platform has taken them, so that a process that is killed takes none along.
//!
//! A report is a line of a file, struck when it was taken; a file goes when all its lines are struck. What an earlier
//! process left is found at the start.

mod files;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use otari_platform::UsageReport;
use parking_lot::Mutex;
use tokio::sync::Notify;

use files::Files;

/// Where reports are kept, and how many.
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    pub directory: PathBuf,
    /// Of reports that were not taken yet.
    pub max_bytes: u64,
    /// No new call while no report can be kept.
    pub refuse_calls: bool,
}

/// A report that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
pub(super) struct Spool {
    files: Mutex<Files>,
    options: SpoolOptions,
    unwritable: AtomicBool,
    full: AtomicBool,
    /// Rung when a report waits that nobody has in memory.
    pub(super) deferred: Notify,
    /// Keeps the folder this process's.
    _slot: otari_journal::Slot,
}

impl Spool {
    /// Finds what was left, and sees to it that more can be written.
    pub(super) fn open(options: SpoolOptions) -> io::Result<Self> {
        let (slot, abandoned) = otari_journal::take(&options.directory)?;
        let gone: Vec<_> = abandoned.iter().map(|slot| slot.folder.clone()).collect();
        let files = Files::open(&slot.folder, &gone, options.max_bytes)?;
        let left = files.waiting();
        if left > 0 {
            tracing::info!(
                reports = left,
                "usage reports of an earlier run are sent now"
            );
        }
        Ok(Self {
            files: Mutex::new(files),
            options,
            unwritable: AtomicBool::new(false),
            full: AtomicBool::new(false),
            deferred: Notify::new(),
            _slot: slot,
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.options.directory
    }

    /// Keeps a report; `None` where it cannot, which is told once.
    pub(super) fn put(&self, report: &UsageReport) -> Option<Ticket> {
        let mut files = self.files.lock();
        if files.live_bytes() >= self.options.max_bytes {
            if !self.full.swap(true, Ordering::Relaxed) {
                tracing::error!("the spool of usage reports is full");
            }
            return None;
        }
        self.full.store(false, Ordering::Relaxed);
        match files.append(report) {
            Ok(ticket) => {
                self.unwritable.store(false, Ordering::Relaxed);
                Some(ticket)
            }
            Err(error) => {
                if !self.unwritable.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the spool of usage reports cannot be written");
                }
                None
            }
        }
    }

    /// Something came of the report: it need not be kept any more.
    pub(super) fn strike(&self, ticket: Ticket) {
        if let Err(error) = self.files.lock().strike(ticket) {
            tracing::error!(%error, "a usage report cannot be struck from the spool; it is sent again at the next start");
        }
    }

    /// Leaves a report to [`Spool::next`], since there is no room for it in memory.
    pub(super) fn defer(&self, ticket: Ticket) {
        self.files.lock().defer(ticket);
        self.deferred.notify_one();
    }

    /// The oldest report that nobody has in memory.
    pub(super) fn next(&self) -> Option<(Ticket, UsageReport)> {
        self.files.lock().next()
    }

    /// Reports that nobody has in memory.
    pub(super) fn waiting(&self) -> usize {
        self.files.lock().waiting()
    }

    /// Reports that were not taken yet.
    pub(super) fn kept(&self) -> usize {
        self.files.lock().kept()
    }

    /// Whether the report of one more call would find a place; an eighth is left to those under way.
    pub(super) fn accepts_calls(&self) -> bool {
        if !self.options.refuse_calls {
            return true;
        }
        let max = self.options.max_bytes;
        if self.unwritable.load(Ordering::Relaxed) {
            // Nobody writes while all calls are refused.
            if self.files.lock().probe().is_err() {
                return false;
            }
            self.unwritable.store(false, Ordering::Relaxed);
        }
        self.files.lock().live_bytes() < max - max / 8
    }
}
