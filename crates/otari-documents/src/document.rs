//! What was read.

use crate::kind::Kind;

/// A document as a model can take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub kind: Kind,
    /// In the order of the document.
    pub segments: Vec<Segment>,
    /// Pages or slides it has, read or not.
    pub pages: Option<usize>,
    /// A limit was reached; the last text says which.
    pub truncated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Markdown.
    Text(String),
    /// A page without text, drawn.
    Page {
        /// From one.
        number: usize,
        /// A JPEG.
        jpeg: Vec<u8>,
    },
}

impl Document {
    /// All its texts, one after the other.
    pub fn text(&self) -> String {
        let texts = self.segments.iter().filter_map(|segment| match segment {
            Segment::Text(text) => Some(text.as_str()),
            Segment::Page { .. } => None,
        });
        texts.collect::<Vec<_>>().join("\n\n")
    }

    /// The drawn pages, by their number.
    pub fn pictures(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Page { number, jpeg } => Some((*number, jpeg.as_slice())),
            Segment::Text(_) => None,
        })
    }
}
