//! Records that outlive the process: one a line, `crc32 json`, at the end of a file.
//!
//! A record survives the death of the process as soon as it was appended (the kernel has it); it is not forced to the
//! platter, so a power cut can lose the last moments. What keeps the files, in which order they are emptied and when
//! they go is its user's matter.

mod file;
mod line;
mod read;
mod slot;

pub use file::{LineFile, keep_aside, list, name};
pub use line::encode;
pub use read::{Content, Line, Lines, at, lines};
pub use slot::{Slot, take};

/// Where a line is in its file, in bytes; without the line break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub offset: u64,
    pub length: usize,
}
