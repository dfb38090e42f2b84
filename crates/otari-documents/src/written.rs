//! The text so far, within its bound.

use crate::document::{Document, Segment};
use crate::kind::Kind;

/// Collects segments. Past its bound it takes no more, and says so once.
#[derive(Debug)]
pub(crate) struct Written {
    segments: Vec<Segment>,
    text: String,
    room: usize,
    limit: usize,
    /// Why something is left out.
    left_out: Option<String>,
}

impl Written {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            segments: Vec::new(),
            text: String::new(),
            room: limit,
            limit,
            left_out: None,
        }
    }

    /// Whether more is worth reading.
    pub(crate) fn is_full(&self) -> bool {
        self.room == 0
    }

    /// Adds text, as much of it as there is room for.
    pub(crate) fn push(&mut self, text: &str) {
        let mut end = text.len().min(self.room);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(text.get(..end).unwrap_or_default());
        self.room -= end;
        if end < text.len() {
            self.room = 0;
            let limit = self.limit;
            self.leave_out(format!("only the first {limit} bytes of text are read"));
        }
    }

    /// Adds a block with an empty line before it.
    pub(crate) fn block(&mut self, text: &str) {
        let text = text.trim_end();
        if text.trim().is_empty() {
            return;
        }
        if !self.text.is_empty() {
            let line = if self.text.ends_with('\n') {
                "\n"
            } else {
                "\n\n"
            };
            self.push(line);
        }
        self.push(text);
    }

    /// Adds one line right after the one before.
    pub(crate) fn line(&mut self, text: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.push("\n");
        }
        self.push(text);
    }

    pub(crate) fn picture(&mut self, number: usize, jpeg: Vec<u8>) {
        self.end_text();
        self.segments.push(Segment::Page { number, jpeg });
    }

    /// Something is not there, and the reader should know.
    pub(crate) fn leave_out(&mut self, why: String) {
        self.left_out.get_or_insert(why);
    }

    fn end_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim_matches('\n');
        if !text.trim().is_empty() {
            self.segments.push(Segment::Text(text.to_owned()));
        }
    }

    pub(crate) fn finish(mut self, kind: Kind, pages: Option<usize>) -> Document {
        let truncated = self.left_out.is_some();
        if let Some(why) = self.left_out.take() {
            self.room = usize::MAX;
            self.block(&format!("[Not all of the document is here: {why}.]"));
        }
        self.end_text();
        Document {
            kind,
            segments: self.segments,
            pages,
            truncated,
        }
    }
}
