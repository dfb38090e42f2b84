//! How much of a document is read.

use serde::{Deserialize, Serialize};

/// Bounds of one extraction. Reaching one in the content ends the text with a word about it; one that protects the
/// process is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Of the file.
    pub input_bytes: usize,
    /// Of the text.
    pub text_bytes: usize,
    /// Pages, slides or sheets.
    pub pages: usize,
    /// Pages that are drawn because they have no text.
    pub pictures: usize,
    /// Longer side of a drawn page, in pixels.
    pub picture_side: u16,
    /// Of all sheets together.
    pub cells: usize,
    /// What an archive may unpack to, all parts together.
    pub unpacked_bytes: u64,
    /// Files in an archive.
    pub parts: usize,
    /// Elements within elements.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            input_bytes: 32 * MIB,
            text_bytes: MIB,
            pages: 1000,
            pictures: 10,
            picture_side: 1568,
            cells: 200_000,
            unpacked_bytes: 256 * MIB as u64,
            parts: 10_000,
            depth: 256,
        }
    }
}
