//! The append-only journal: a settled call is on disk before its last byte leaves.
//!
//! One record a line, `crc32 json`, in numbered segment files. A record survives the death of the process as
//! soon as `append` returns (the kernel has it); it is not forced to the platter, so a power cut can lose the
//! last moments, as with the database's own `synchronous=NORMAL`.

mod segment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use otari_types::UsageRecord;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

pub(crate) use segment::{Segments, list as list_segments, read_records};

/// Records that wait in memory for the drainer; beyond this they are read back from disk.
const QUEUE_MAX: usize = 50_000;

/// Takes records from calls and hands them to the drainer in order.
#[derive(Debug)]
pub(crate) struct Journal {
    inner: Mutex<Inner>,
    /// Number of the last appended record.
    appended: AtomicU64,
    drained: watch::Sender<u64>,
    /// Rung when there is something to drain.
    pub(crate) ready: Notify,
    /// Rung when somebody waits for the drain, so that it does not linger for a fuller batch.
    pub(crate) hurry: Notify,
    unwritable: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    segments: Segments,
    queue: VecDeque<UsageRecord>,
    /// Records that are on disk only, because the queue was full: how many follow the queue.
    spilled: u64,
    next: u64,
}

impl Journal {
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        Ok(Self::over(Segments::open(dir)?))
    }

    /// For a process whose records are kept elsewhere.
    pub(crate) fn nowhere() -> Self {
        Self::over(Segments::nowhere())
    }

    fn over(segments: Segments) -> Self {
        Self {
            inner: Mutex::new(Inner {
                segments,
                queue: VecDeque::new(),
                spilled: 0,
                next: 0,
            }),
            appended: AtomicU64::new(0),
            drained: watch::Sender::new(0),
            ready: Notify::new(),
            hurry: Notify::new(),
            unwritable: AtomicBool::new(false),
        }
    }

    /// Writes the record and queues it. Returns its number, for [`Journal::wait_drained`].
    ///
    /// When the disk refuses, the record stays queued in memory (it will still be committed) and
    /// [`Journal::is_writable`] turns false, so that no new call is admitted on a promise that cannot be kept.
    pub(crate) fn append(&self, record: UsageRecord) -> u64 {
        let line = otari_journal::encode(&record);
        let number;
        {
            let mut inner = self.inner.lock();
            inner.next += 1;
            number = inner.next;
            let written = match &line {
                Ok(line) => inner.segments.append(line, number),
                Err(error) => Err(io::Error::other(error.to_string())),
            };
            let full = inner.spilled > 0 || inner.queue.len() >= QUEUE_MAX;
            match written {
                Ok(()) => {
                    self.unwritable.store(false, Ordering::Relaxed);
                    if full {
                        inner.spilled += 1;
                    } else {
                        inner.queue.push_back(record);
                    }
                }
                Err(error) => {
                    if !self.unwritable.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "the usage journal cannot be written; new calls are refused until it can");
                    }
                    inner.queue.push_back(record);
                }
            }
            self.appended.store(number, Ordering::Release);
        }
        self.ready.notify_one();
        number
    }

    pub(crate) fn is_writable(&self) -> bool {
        !self.unwritable.load(Ordering::Relaxed)
    }

    /// Tries the disk again after a failure, without waiting for a call.
    pub(crate) fn probe(&self) {
        if !self.is_writable() && self.inner.lock().segments.probe().is_ok() {
            self.unwritable.store(false, Ordering::Relaxed);
        }
    }

    /// Number of the last record taken in.
    pub(crate) fn last(&self) -> u64 {
        self.appended.load(Ordering::Acquire)
    }

    /// Records not yet in the database.
    pub(crate) fn depth(&self) -> u64 {
        self.last().saturating_sub(*self.drained.borrow())
    }

    /// Waits until record `number` is committed.
    pub(crate) async fn wait_drained(&self, number: u64) {
        let mut drained = self.drained.subscribe();
        self.hurry.notify_one();
        // The sender lives as long as `self`, so the wait can only end by reaching the number.
        let _ = drained.wait_for(|done| *done >= number).await;
    }

    /// Takes the oldest waiting records, at most `max`. They are on disk until [`Journal::drained`] is told; what
    /// could not be committed goes back with [`Journal::put_back`].
    pub(crate) fn take(&self, max: usize) -> io::Result<Vec<UsageRecord>> {
        let mut inner = self.inner.lock();
        if inner.queue.is_empty() && inner.spilled > 0 {
            let from = *self.drained.borrow() + 1;
            let records = inner.segments.read_from(from, QUEUE_MAX / 2)?;
            inner.spilled = inner.spilled.saturating_sub(records.len() as u64);
            inner.queue.extend(records);
        }
        let count = max.min(inner.queue.len());
        Ok(inner.queue.drain(..count).collect())
    }

    /// Returns taken records to the front, in their order.
    pub(crate) fn put_back(&self, records: Vec<UsageRecord>) {
        let mut inner = self.inner.lock();
        for record in records.into_iter().rev() {
            inner.queue.push_front(record);
        }
    }

    /// The oldest `count` records, taken before, are in the database.
    pub(crate) fn drained(&self, count: usize) {
        let done = *self.drained.borrow() + count as u64;
        self.inner.lock().segments.forget_through(done);
        self.drained.send_replace(done);
    }

    /// Sets a record aside that the database will never take, so that it is not lost and does not block others.
    pub(crate) fn set_aside(&self, record: &UsageRecord) -> io::Result<()> {
        self.inner
            .lock()
            .segments
            .set_aside(&otari_journal::encode(record).map_err(io::Error::other)?)
    }
}
