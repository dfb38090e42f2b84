//! Segment files: `usage-<number>.journal`, deleted once everything in them is in the database.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use otari_types::UsageRecord;

/// A segment is closed at this size, so that drained records can be deleted in pieces.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
const SUFFIX: &str = ".journal";
const SET_ASIDE: &str = "rejected.jsonl";

#[derive(Debug)]
pub(crate) struct Segments {
    /// `None`: nothing can be written.
    dir: Option<PathBuf>,
    /// Oldest first; the last is being written.
    files: VecDeque<Segment>,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    bytes: u64,
    first: u64,
    last: u64,
    /// A write ended half way: the next one starts on a line of its own.
    torn: bool,
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
            .is_none_or(|segment| segment.bytes >= SEGMENT_BYTES)
        {
            self.start(number)?;
        }
        let segment = self
            .files
            .back_mut()
            .ok_or_else(|| io::Error::other("no open segment"))?;
        if segment.torn {
            segment.file.write_all(b"\n")?;
            segment.torn = false;
        }
        let written = segment.file.write_all(line);
        segment.torn = written.is_err();
        written?;
        segment.bytes += line.len() as u64;
        segment.last = number;
        Ok(())
    }

    /// Whether the disk takes a byte again.
    pub(crate) fn probe(&mut self) -> io::Result<()> {
        let segment = self
            .files
            .back_mut()
            .ok_or_else(|| io::Error::other("no open segment"))?;
        segment.file.write_all(b"\n")?;
        segment.torn = false;
        Ok(())
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
                let _ = fs::remove_file(&segment.path);
            }
        }
        // The current segment is emptied in place once all of it is committed: a restart has nothing to replay.
        if let [segment] = self.files.make_contiguous()
            && segment.last == done
            && segment.bytes >= SEGMENT_BYTES / 16
            && segment.file.set_len(0).is_ok()
        {
            segment.bytes = 0;
            segment.first = done + 1;
        }
    }

    /// Records numbered `from` and up, at most `max`, read back from disk.
    pub(crate) fn read_from(&self, from: u64, max: usize) -> io::Result<Vec<UsageRecord>> {
        let mut records = Vec::new();
        for segment in self.files.iter().filter(|segment| segment.last >= from) {
            let skip = usize::try_from(from.saturating_sub(segment.first)).unwrap_or(usize::MAX);
            let in_file = read_records(&segment.path)?.records;
            records.extend(in_file.into_iter().skip(skip).take(max - records.len()));
            if records.len() >= max {
                break;
            }
        }
        Ok(records)
    }

    pub(crate) fn set_aside(&self, line: &[u8]) -> io::Result<()> {
        File::options()
            .create(true)
            .append(true)
            .open(self.dir()?.join(SET_ASIDE))?
            .write_all(line)
    }

    /// Keeps lines that cannot be read, for a person to look at.
    pub(crate) fn keep_damaged(dir: &Path, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(dir.join(SET_ASIDE))?;
        for line in lines {
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    fn dir(&self) -> io::Result<&Path> {
        let dir = self.dir.as_deref();
        dir.ok_or_else(|| io::Error::other("this process keeps no journal"))
    }

    fn start(&mut self, first: u64) -> io::Result<()> {
        let path = self.dir()?.join(format!("usage-{first:020}{SUFFIX}"));
        let file = File::options().create(true).append(true).open(&path)?;
        self.files.push_back(Segment {
            path,
            file,
            bytes: 0,
            first,
            last: first.saturating_sub(1),
            torn: false,
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
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(SUFFIX) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

pub(crate) fn read_records(path: &Path) -> io::Result<ReadBack> {
    let mut read = ReadBack::default();
    let mut lines = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if !text.is_empty() {
            match decode(text) {
                Some(record) => read.records.push(record),
                None => read.damaged.push(text.to_vec()),
            }
        }
        line.clear();
    }
    Ok(read)
}

pub(crate) fn encode(record: &UsageRecord) -> serde_json::Result<Vec<u8>> {
    const CHECKSUM_AND_SPACE: usize = 9;
    let mut line = vec![b'0'; CHECKSUM_AND_SPACE];
    serde_json::to_writer(&mut line, record)?;
    let (head, json) = line.split_at_mut(CHECKSUM_AND_SPACE);
    let checksum = format!("{:08x} ", crc32fast::hash(json));
    head.copy_from_slice(checksum.as_bytes());
    line.push(b'\n');
    Ok(line)
}

fn decode(line: &[u8]) -> Option<UsageRecord> {
    let (checksum, rest) = line.split_at_checked(8)?;
    let json = rest.strip_prefix(b" ")?;
    let checksum = u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
    (crc32fast::hash(json) == checksum).then(|| serde_json::from_slice(json).ok())?
}
