//! The files of a spool, and where in them each report is.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use otari_journal::{Content, LineFile, Place};
use otari_platform::UsageReport;

use super::Ticket;

/// A file is closed at this size, or at a sixteenth of what may be kept.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
const STEM: &str = "reports";

#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    file_bytes: u64,
    /// By number; the last is written.
    files: BTreeMap<u64, SpoolFile>,
    /// Every report that is kept.
    entries: BTreeMap<Ticket, Entry>,
    live_bytes: u64,
    /// Those that nobody has in memory, oldest first.
    waiting: VecDeque<Ticket>,
    next_file: u64,
    next_ticket: u64,
}

#[derive(Debug)]
struct SpoolFile {
    lines: LineFile,
    /// Reports in it that are kept.
    open: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    file: u64,
    place: Place,
}

impl Files {
    /// Goes on with what is in the folder, and takes over what is in folders of processes that are gone.
    pub(super) fn open(folder: &Path, gone: &[PathBuf], max_bytes: u64) -> io::Result<Self> {
        let mut files = Self {
            folder: folder.to_owned(),
            file_bytes: FILE_BYTES.min(max_bytes / 16),
            files: BTreeMap::new(),
            entries: BTreeMap::new(),
            live_bytes: 0,
            waiting: VecDeque::new(),
            next_file: 1,
            next_ticket: 1,
        };
        for (number, path) in otari_journal::list(folder, STEM)? {
            files.read(number, path)?;
        }
        for folder in gone {
            for (_, path) in otari_journal::list(folder, STEM)? {
                let number = files.next_file;
                let own = files.folder.join(otari_journal::name(STEM, number));
                fs::rename(path, &own)?;
                files.read(number, own)?;
            }
        }
        // A directory in which nothing can be written is better known now.
        files.begin()?;
        files.probe()?;
        Ok(files)
    }

    /// Finds the reports in a file.
    fn read(&mut self, number: u64, path: PathBuf) -> io::Result<()> {
        self.next_file = self.next_file.max(number + 1);
        let lines = LineFile::open(path)?;
        let mut open = 0;
        for line in otari_journal::lines::<UsageReport>(lines.path())? {
            let line = line?;
            let damaged = match line.content {
                Content::Record(_) => {
                    open += 1;
                    let ticket = self.enter(number, line.place);
                    self.waiting.push_back(ticket);
                    continue;
                }
                Content::Torn(bytes) => {
                    tracing::warn!(file = %lines.path().display(), "the last usage report was cut short by a crash, before its call was answered; kept in rejected.jsonl");
                    bytes
                }
                Content::Damaged(bytes) => {
                    tracing::error!(file = %lines.path().display(), offset = line.place.offset, "a line of the spool is damaged; kept in rejected.jsonl");
                    bytes
                }
            };
            otari_journal::keep_aside(&self.folder, &damaged)?;
            lines.strike(line.place)?;
        }
        if open == 0 {
            return fs::remove_file(lines.path());
        }
        self.files.insert(number, SpoolFile { lines, open });
        Ok(())
    }

    pub(super) fn append(&mut self, report: &UsageReport) -> io::Result<Ticket> {
        let line = otari_journal::encode(report).map_err(io::Error::other)?;
        let full = |file: &SpoolFile| file.lines.bytes() >= self.file_bytes;
        if self.current().is_none_or(|(_, file)| full(file)) {
            self.begin()?;
            self.compact()?;
        }
        let (number, place) = self.write(&line)?;
        Ok(self.enter(number, place))
    }

    pub(super) fn strike(&mut self, ticket: Ticket) -> io::Result<()> {
        let Some(Entry { file, place }) = self.entries.remove(&ticket) else {
            return Ok(());
        };
        self.live_bytes -= place.length as u64;
        let is_current = self.current().is_some_and(|(number, _)| number == file);
        let Some(of) = self.files.get_mut(&file) else {
            return Ok(());
        };
        of.open -= 1;
        if of.open > 0 {
            return of.lines.strike(place);
        }
        if !is_current {
            let path = of.lines.path().to_owned();
            self.files.remove(&file);
            return fs::remove_file(path);
        }
        of.lines.clear()
    }

    pub(super) fn defer(&mut self, ticket: Ticket) {
        self.waiting.push_back(ticket);
    }

    pub(super) fn next(&mut self) -> Option<(Ticket, UsageReport)> {
        while let Some(ticket) = self.waiting.pop_front() {
            let Some(Entry { file, place }) = self.entries.get(&ticket).copied() else {
                continue;
            };
            let path = self.files.get(&file)?.lines.path();
            match otari_journal::at(path, place) {
                Ok(Some(report)) => return Some((ticket, report)),
                Ok(None) => {
                    tracing::error!(file = %path.display(), offset = place.offset, "a usage report in the spool is damaged; the next start keeps it aside");
                }
                Err(error) => {
                    tracing::error!(%error, file = %path.display(), "a usage report cannot be read back; the next start tries again");
                }
            }
        }
        None
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn kept(&self) -> usize {
        self.entries.len()
    }

    /// What all kept reports need.
    pub(super) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// Whether the disk takes a byte.
    pub(super) fn probe(&mut self) -> io::Result<()> {
        let last = self.files.last_entry();
        last.map_or(Ok(()), |mut last| last.get_mut().lines.end_line())
    }

    fn current(&self) -> Option<(u64, &SpoolFile)> {
        let (number, file) = self.files.last_key_value()?;
        Some((*number, file))
    }

    fn begin(&mut self) -> io::Result<()> {
        let number = self.next_file;
        let path = self.folder.join(otari_journal::name(STEM, number));
        let lines = LineFile::open(path)?;
        self.next_file += 1;
        self.files.insert(number, SpoolFile { lines, open: 0 });
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<(u64, Place)> {
        let nowhere = || io::Error::other("no open file");
        let mut last = self.files.last_entry().ok_or_else(nowhere)?;
        let number = *last.key();
        Ok((number, last.get_mut().lines.append(line)?))
    }

    /// Notes where a report is.
    fn enter(&mut self, file: u64, place: Place) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.live_bytes += place.length as u64;
        if let Some(file) = self.files.get_mut(&file) {
            file.open += 1;
        }
        self.entries.insert(ticket, Entry { file, place });
        ticket
    }

    /// A few reports that are never taken must not keep whole files: where most of what is on disk is done with, what
    /// is left of the emptiest file moves to the current one.
    fn compact(&mut self) -> io::Result<()> {
        let on_disk: u64 = self.files.values().map(|file| file.lines.bytes()).sum();
        if on_disk <= 2 * self.live_bytes + 2 * self.file_bytes {
            return Ok(());
        }
        let current = self.current().map(|(number, _)| number);
        let old = self
            .files
            .iter()
            .filter(|(number, _)| Some(**number) != current);
        let Some((&emptiest, _)) = old.min_by_key(|(_, file)| file.open) else {
            return Ok(());
        };
        let of = |entry: &Entry| entry.file == emptiest;
        let moving: Vec<_> = self.entries.iter().filter(|(_, entry)| of(entry)).collect();
        let moving: Vec<_> = moving
            .into_iter()
            .map(|(ticket, entry)| (*ticket, *entry))
            .collect();
        for (ticket, entry) in moving {
            let Some(from) = self.files.get(&emptiest) else {
                break;
            };
            let Some(report) = otari_journal::at::<UsageReport>(from.lines.path(), entry.place)?
            else {
                // Left where it is, so that the next start sees it.
                continue;
            };
            let line = otari_journal::encode(&report).map_err(io::Error::other)?;
            let (file, place) = self.write(&line)?;
            if let Some(from) = self.files.get(&emptiest) {
                from.lines.strike(entry.place)?;
            }
            self.entries.insert(ticket, Entry { file, place });
            self.live_bytes = self.live_bytes + place.length as u64 - entry.place.length as u64;
            for (number, change) in [(file, 1), (emptiest, -1)] {
                if let Some(file) = self.files.get_mut(&number) {
                    file.open = file.open.saturating_add_signed(change);
                }
            }
        }
        if let Some(file) = self.files.get(&emptiest)
            && file.open == 0
        {
            let path = file.lines.path().to_owned();
            self.files.remove(&emptiest);
            fs::remove_file(path)?;
        }
        Ok(())
    }
}
