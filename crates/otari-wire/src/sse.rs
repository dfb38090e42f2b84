//! Server-sent events: cutting a byte stream into events without copying it.
//!
//! Follows the event stream grammar of the HTML standard (§9.2.6): lines end in LF, CR or CRLF, a blank line
//! ends an event, lines starting with `:` are comments. Chunk borders carry no meaning: a stream cut at any
//! byte yields the same events.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// The largest single event that is buffered. A provider that sends more without a blank line is broken, and
/// without a bound it could fill the memory.
pub const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// One event with its terminating blank line, exactly as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub raw: Bytes,
}

/// An event grew past [`MAX_EVENT_BYTES`] without ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLarge;

/// Cuts pushed chunks into events. Bytes of an unfinished event wait inside.
#[derive(Debug, Default)]
pub struct EventBuffer {
    pending: Bytes,
    /// Up to here `pending` was searched and holds no event end.
    searched: usize,
    /// Where the line that is being read starts.
    line_start: usize,
}

impl EventBuffer {
    pub fn push(&mut self, chunk: Bytes) {
        if self.pending.is_empty() {
            self.pending = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.pending.len() + chunk.len());
            joined.extend_from_slice(&self.pending);
            joined.extend_from_slice(&chunk);
            self.pending = joined.freeze();
        }
    }

    /// The next complete event, if one has arrived.
    pub fn next_event(&mut self) -> Result<Option<Event>, EventTooLarge> {
        match self.find_end() {
            Some(end) => {
                let raw = self.pending.split_to(end);
                self.searched = 0;
                self.line_start = 0;
                Ok(Some(Event { raw }))
            }
            None if self.pending.len() > MAX_EVENT_BYTES => Err(EventTooLarge),
            None => Ok(None),
        }
    }

    /// What is left when the stream ends: an event that never got its blank line, or nothing.
    pub fn into_rest(self) -> Option<Event> {
        (!self.pending.iter().all(u8::is_ascii_whitespace)).then_some(Event { raw: self.pending })
    }

    pub fn has_partial(&self) -> bool {
        !self.pending.is_empty()
    }

    fn find_end(&mut self) -> Option<usize> {
        loop {
            let rest = self.pending.get(self.searched..)?;
            let at = self.searched + memchr2(b'\n', b'\r', rest)?;
            let after = match (self.pending.get(at), self.pending.get(at + 1)) {
                (Some(b'\r'), Some(b'\n')) => at + 2,
                // A CR at the very end may be half of a CRLF: wait for the next byte.
                (Some(b'\r'), None) => {
                    self.searched = at;
                    return None;
                }
                _ => at + 1,
            };
            let blank = at == self.line_start;
            self.searched = after;
            self.line_start = after;
            if blank {
                return Some(after);
            }
        }
    }
}

impl Event {
    /// The `data` of the event: its data lines joined by LF, borrowed when there is one. `None` for comments
    /// and other events without data.
    pub fn data(&self) -> Option<Cow<'_, [u8]>> {
        let mut data: Option<Cow<'_, [u8]>> = None;
        for (name, value) in self.fields() {
            if name != b"data" {
                continue;
            }
            data = Some(match data {
                None => Cow::Borrowed(value),
                Some(first) => {
                    let mut joined = first.into_owned();
                    joined.push(b'\n');
                    joined.extend_from_slice(value);
                    Cow::Owned(joined)
                }
            });
        }
        data
    }

    /// The `event` field, when it is given and valid UTF-8.
    pub fn name(&self) -> Option<&str> {
        let (_, value) = self.fields().filter(|(name, _)| *name == b"event").last()?;
        std::str::from_utf8(value).ok()
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let raw = self.raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.raw);
        raw.split(|byte| matches!(byte, b'\n' | b'\r'))
            .filter(|line| !line.is_empty())
            .filter_map(|line| {
                let Some(colon) = memchr::memchr(b':', line) else {
                    return Some((line, &b""[..]));
                };
                if colon == 0 {
                    return None;
                }
                let value = line.get(colon + 1..)?;
                Some((
                    line.get(..colon)?,
                    value.strip_prefix(b" ").unwrap_or(value),
                ))
            })
    }
}

/// `data: <json>` with its blank line.
pub fn data_frame(json: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(json.len() + 8);
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
    out.freeze()
}

/// `event: <name>` and `data: <json>` with their blank line.
pub fn named_frame(name: &str, json: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(name.len() + json.len() + 16);
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
    out.freeze()
}
