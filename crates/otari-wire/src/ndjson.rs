//! Newline-delimited JSON: cutting a byte stream into lines. Chunk borders carry no meaning.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// The largest single line that is buffered, as for server-sent events.
pub const MAX_LINE_BYTES: usize = crate::sse::MAX_EVENT_BYTES;

/// A line grew past [`MAX_LINE_BYTES`] without ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLarge;

/// Cuts pushed chunks into lines. Bytes of an unfinished line wait inside.
#[derive(Debug, Default)]
pub struct LineBuffer {
    pending: BytesMut,
    /// Up to here `pending` holds no line end.
    searched: usize,
}

impl LineBuffer {
    pub fn push(&mut self, chunk: &[u8]) {
        self.pending.extend_from_slice(chunk);
    }

    /// The next complete line without its end, blank ones left out.
    pub fn next_line(&mut self) -> Result<Option<Bytes>, LineTooLarge> {
        loop {
            let fresh = self.pending.get(self.searched..).unwrap_or_default();
            let Some(at) = memchr(b'\n', fresh) else {
                self.searched = self.pending.len();
                return if self.searched > MAX_LINE_BYTES {
                    Err(LineTooLarge)
                } else {
                    Ok(None)
                };
            };
            let line = self.pending.split_to(self.searched + at + 1).freeze();
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line.slice_ref(line.trim_ascii())));
            }
        }
    }

    /// What is left when the stream ends: a line without its end, or nothing.
    pub fn into_rest(self) -> Option<Bytes> {
        let rest = self.pending.freeze();
        let line = rest.slice_ref(rest.trim_ascii());
        (!line.is_empty()).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Bytes> {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            buffer.push(chunk);
            while let Some(line) = buffer.next_line().unwrap() {
                lines.push(line);
            }
        }
        lines.extend(buffer.into_rest());
        lines
    }

    #[test]
    fn lines_are_the_same_wherever_they_are_cut() {
        let bytes = b"{\"a\":1}\r\n\n {\"b\":\"\xc3\xa9\"}\n{\"c\"";
        let whole = lines(&[bytes]);
        assert_eq!(whole, ["{\"a\":1}", "{\"b\":\"\u{e9}\"}", "{\"c\""]);
        for cut in 0..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(lines(&[head, tail]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_that_never_ends_is_refused_at_the_limit() {
        let mut buffer = LineBuffer::default();
        buffer.push(&vec![b'x'; MAX_LINE_BYTES]);
        assert_eq!(buffer.next_line(), Ok(None));
        buffer.push(b"x");
        assert_eq!(buffer.next_line(), Err(LineTooLarge));
    }
}
