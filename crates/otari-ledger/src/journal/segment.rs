//! Segment files: `usage-<number>.journal`, deleted once everything in them is in the database.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use otari_journal::{Content, LineFile};
use otari_types::UsageRecord;

/// A segment is closed at this size, so that drained records can be deleted in pieces.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
const STEM: &str = "usage";

#[derive(Debug)]
pub(crate) struct Segments {
    /// `None`: nothing can be written.
    dir: Option<PathBuf>,
    /// Oldest first; the last is being written.
    files: VecDeque<Segment>,
}

#[derive(Debug)]
struct Segment {
    file: LineFile,
    first: u64,
    last: u64,
}

impl Segments {
    /// Starts without segments: what an earlier process left was replayed and removed before.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut segments = Self {
            dir: Some(dir),
            files: VecDeque::new(),
        };
        segments.start(1)?;
        Ok(segments)
    }

    /// Nowhere: every write is refused.
    pub(crate) fn nowhere() -> Self {
        Self {
            dir: None,
            files: VecDeque::new(),
        }
    }

    pub(crate) fn append(&mut self, line: &[u8], number: u64) -> io::Result<()> {
        if self
            .files
            .back()
            .is_none_or(|segment| segment.file.bytes() >= SEGMENT_BYTES)
        {
            self.start(number)?;
        }
        let segment = self
            .files
            .back_mut()
            .ok_or_else(|| io::Error::other("no open segment"))?;
        segment.file.append(line)?;
        segment.last = number;
        Ok(())
    }

    /// Whether the disk takes a byte again.
    pub(crate) fn probe(&mut self) -> io::Result<()> {
        let segment = self
            .files
            .back_mut()
            .ok_or_else(|| io::Error::other("no open segment"))?;
        segment.file.end_line()
    }

    /// Deletes segments whose every record is numbered `done` or below; a large current one is replaced.
    pub(crate) fn forget_through(&mut self, done: u64) {
        while self.files.len() > 1
            && self
                .files
                .front()
                .is_some_and(|segment| segment.last <= done)
        {
            if let Some(segment) = self.files.pop_front() {
                let _ = fs::remove_file(segment.file.path());
            }
        }
        // The current segment is emptied in place once all of it is committed: a restart has nothing to replay.
        if let [segment] = self.files.make_contiguous()
            && segment.last == done
            && segment.file.bytes() >= SEGMENT_BYTES / 16
            && segment.file.clear().is_ok()
        {
            segment.first = done + 1;
        }
    }

    /// Records numbered `from` and up, at most `max`, read back from disk.
    pub(crate) fn read_from(&self, from: u64, max: usize) -> io::Result<Vec<UsageRecord>> {
        let mut records = Vec::new();
        for segment in self.files.iter().filter(|segment| segment.last >= from) {
            let skip = usize::try_from(from.saturating_sub(segment.first)).unwrap_or(usize::MAX);
            let in_file = read_records(segment.file.path())?.records;
            records.extend(in_file.into_iter().skip(skip).take(max - records.len()));
            if records.len() >= max {
                break;
            }
        }
        Ok(records)
    }

    pub(crate) fn set_aside(&self, line: &[u8]) -> io::Result<()> {
        otari_journal::keep_aside(self.dir()?, line.trim_ascii_end())
    }

    fn dir(&self) -> io::Result<&Path> {
        let dir = self.dir.as_deref();
        dir.ok_or_else(|| io::Error::other("this process keeps no journal"))
    }

    fn start(&mut self, first: u64) -> io::Result<()> {
        let path = self.dir()?.join(otari_journal::name(STEM, first));
        let file = LineFile::open(path)?;
        self.files.push_back(Segment {
            file,
            first,
            last: first.saturating_sub(1),
        });
        Ok(())
    }
}

/// What a segment file holds.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    pub(crate) records: Vec<UsageRecord>,
    /// Lines whose checksum does not fit: a write cut short by a crash, or a damaged disk.
    pub(crate) damaged: Vec<Vec<u8>>,
}

/// The segment files in a folder, oldest first.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let found = otari_journal::list(dir, STEM)?;
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

pub(crate) fn read_records(path: &Path) -> io::Result<ReadBack> {
    let mut read = ReadBack::default();
    for line in otari_journal::lines(path)? {
        match line?.content {
            Content::Record(record) => read.records.push(record),
            Content::Torn(line) | Content::Damaged(line) => read.damaged.push(line),
        }
    }
    Ok(read)
}
