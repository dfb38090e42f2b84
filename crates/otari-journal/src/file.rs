//! A file that grows by lines.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::Place;
use crate::line::STRUCK;

const SUFFIX: &str = ".journal";
/// Lines that nothing can be done with, for a person to look at.
const SET_ASIDE: &str = "rejected.jsonl";

/// Open for appending.
#[derive(Debug)]
pub struct LineFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// A write ended half way: the next one starts on a line of its own.
    torn: bool,
}

impl LineFile {
    /// Goes on with the file, or begins it.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(&path)?;
        Ok(Self {
            bytes: file.metadata()?.len(),
            path,
            file,
            torn: false,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a line, which ends in its break.
    pub fn append(&mut self, line: &[u8]) -> io::Result<Place> {
        if self.torn {
            self.end_line()?;
        }
        if let Err(error) = self.file.write_all(line) {
            self.torn = true;
            self.bytes = self.file.metadata().map_or(self.bytes, |file| file.len());
            return Err(error);
        }
        let offset = self.bytes;
        self.bytes += line.len() as u64;
        Ok(Place {
            offset,
            length: line.len().saturating_sub(1),
        })
    }

    /// Writes an empty line, to see whether the disk takes one.
    pub fn end_line(&mut self) -> io::Result<()> {
        self.file.write_all(b"\n")?;
        self.bytes += 1;
        self.torn = false;
        Ok(())
    }

    /// Marks a line as done with: it is passed over from then on. One byte is written, so that no crash leaves half a
    /// mark.
    pub fn strike(&self, place: Place) -> io::Result<()> {
        // A file open for appending is written at its end, wherever one seeks.
        let mut file = File::options().write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(place.offset))?;
        file.write_all(&[STRUCK])
    }

    /// Forgets every line.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.bytes = 0;
        self.torn = false;
        Ok(())
    }
}

/// A file's name: numbers grow, and so do names.
pub fn name(stem: &str, number: u64) -> String {
    format!("{stem}-{number:020}{SUFFIX}")
}

/// The files of that stem in a folder with their numbers, oldest first.
pub fn list(folder: &Path, stem: &str) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| {
            let number = name.strip_prefix(stem)?.strip_prefix('-')?;
            number.strip_suffix(SUFFIX)?.parse().ok()
        });
        found.extend(number.map(|number| (number, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// Keeps a line in the folder's `rejected.jsonl`. `line` is without its break.
pub fn keep_aside(folder: &Path, line: &[u8]) -> io::Result<()> {
    let path = folder.join(SET_ASIDE);
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(line)?;
    file.write_all(b"\n")
}
