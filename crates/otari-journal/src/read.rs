//! Reading lines back.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::marker::PhantomData;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::Place;
use crate::line::{STRUCK, decode};

/// A line that is not done with.
#[derive(Debug)]
pub struct Line<T> {
    pub place: Place,
    pub content: Content<T>,
}

#[derive(Debug)]
pub enum Content<T> {
    Record(T),
    /// A write cut short by a crash: the last line, without its break.
    Torn(Vec<u8>),
    /// The checksum does not fit, or it is no such record: a damaged disk, a stranger's hand, or a torn write that
    /// another process wrote on after.
    Damaged(Vec<u8>),
}

/// The lines of a file, in order, but for those that are done with.
#[derive(Debug)]
pub struct Lines<T> {
    file: BufReader<File>,
    offset: u64,
    buffer: Vec<u8>,
    records: PhantomData<fn() -> T>,
}

/// The lines of the file at `path`.
pub fn lines<T: DeserializeOwned>(path: &Path) -> io::Result<Lines<T>> {
    Ok(Lines {
        file: BufReader::new(File::open(path)?),
        offset: 0,
        buffer: Vec::new(),
        records: PhantomData,
    })
}

/// The record at a place; `None` when there is no such.
pub fn at<T: DeserializeOwned>(path: &Path, place: Place) -> io::Result<Option<T>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(place.offset))?;
    let mut line = Vec::with_capacity(place.length);
    file.take(place.length as u64).read_to_end(&mut line)?;
    Ok(decode(&line))
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = io::Result<Line<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.buffer.clear();
            let offset = self.offset;
            match self.file.read_until(b'\n', &mut self.buffer) {
                Ok(0) => return None,
                Ok(read) => self.offset += read as u64,
                Err(error) => return Some(Err(error)),
            }
            let whole = self.buffer.strip_suffix(b"\n");
            let is_torn = whole.is_none();
            let text = whole.unwrap_or(&self.buffer);
            if text.is_empty() || text.first() == Some(&STRUCK) {
                continue;
            }
            let content = match decode(text) {
                Some(record) => Content::Record(record),
                None if is_torn => Content::Torn(text.to_vec()),
                None => Content::Damaged(text.to_vec()),
            };
            let length = text.len();
            let place = Place { offset, length };
            return Some(Ok(Line { place, content }));
        }
    }
}
