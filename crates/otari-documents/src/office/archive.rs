//! The archive, and how much may come out of it.

use std::io::{self, Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::{DocumentError, Limits};

/// An archive whose parts are unpacked within one bound.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    room: u64,
    limit: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, DocumentError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
        if zip.len() > limits.parts {
            let text = format!("its archive has more than {} files", limits.parts);
            return Err(DocumentError::Hostile(text));
        }
        Ok(Self {
            zip,
            room: limits.unpacked_bytes,
            limit: limits.unpacked_bytes,
        })
    }

    /// A part as text; `None` where there is none of this name.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, DocumentError> {
        let mut part = match self.zip.by_name(name) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(damaged(&error)),
        };
        // What the archive says of its size is whatever its maker wrote.
        let mut bytes = Vec::new();
        let read = part
            .by_ref()
            .take(self.room + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(name, &error))?;
        let room = self.room.checked_sub(read as u64);
        self.room = room.ok_or_else(|| bomb(self.limit))?;
        Ok(Some(crate::plain::decode(&bytes, None)))
    }

    /// A part that must be there.
    pub(super) fn required(&mut self, name: &str) -> Result<String, DocumentError> {
        let text = self.text(name)?;
        text.ok_or_else(|| DocumentError::Damaged(format!("its part {name} is missing")))
    }

    /// Unpacks everything once, for a reader that knows no bounds.
    pub(super) fn check_size(&mut self) -> Result<(), DocumentError> {
        let mut total = 0u64;
        for index in 0..self.zip.len() {
            let part = self.zip.by_index(index).map_err(|error| damaged(&error))?;
            let left = self.limit.saturating_sub(total);
            let read = io::copy(&mut part.take(left + 1), &mut io::sink());
            total += read.map_err(|error| DocumentError::Damaged(error.to_string()))?;
            if total > self.limit {
                return Err(bomb(self.limit));
            }
        }
        Ok(())
    }
}

fn unreadable(name: &str, error: &io::Error) -> DocumentError {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return DocumentError::Hostile("it needs more memory than a document may".to_owned());
    }
    DocumentError::Damaged(format!("{name}: {error}"))
}

fn bomb(limit: u64) -> DocumentError {
    DocumentError::Hostile(format!("it unpacks to more than {limit} bytes"))
}

fn damaged(error: &ZipError) -> DocumentError {
    DocumentError::Damaged(format!("its archive cannot be read ({error})"))
}
