//! Reads the mock upstream's stream as it passed through a gateway: when was each chunk sent, when did it arrive.

use anyhow::{Result, bail};
use memchr::{memchr, memmem};

use super::StreamTimes;
use crate::shape::Shape;

#[derive(Debug)]
pub(crate) struct Reader {
    shape: Shape,
    /// A line whose end has not arrived.
    partial: Vec<u8>,
    last: Option<Stamps>,
    chunks: u32,
    finished: bool,
    done: bool,
    times: StreamTimes,
}

#[derive(Clone, Copy, Debug)]
struct Stamps {
    sent: u64,
    received: u64,
}

impl Reader {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            shape,
            partial: Vec::new(),
            last: None,
            chunks: 0,
            finished: false,
            done: false,
            times: StreamTimes::default(),
        }
    }

    /// Takes bytes that arrived at `received`; whether content was among them.
    pub(crate) fn push(&mut self, mut data: &[u8], received: u64) -> bool {
        let before = self.chunks;
        while let Some(end) = memchr(b'\n', data) {
            let (line, rest) = data.split_at(end);
            if self.partial.is_empty() {
                self.line(line, received);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, received);
            }
            data = rest.get(1..).unwrap_or_default();
        }
        self.partial.extend_from_slice(data);
        self.chunks > before
    }

    fn line(&mut self, line: &[u8], received: u64) {
        let Some(data) = line.strip_prefix(b"data: ") else {
            return;
        };
        if data == b"[DONE]" {
            self.done = true;
        } else if let Some(sent) = stamp(data) {
            self.chunk(Stamps { sent, received });
        } else if memmem::find(data, br#""finish_reason":"stop""#).is_some() {
            self.finished = true;
        }
    }

    fn chunk(&mut self, stamps: Stamps) {
        self.chunks += 1;
        self.times
            .delays
            .push(stamps.received.saturating_sub(stamps.sent));
        if let Some(last) = self.last.replace(stamps) {
            let apart = stamps.sent.saturating_sub(last.sent);
            let gap = stamps.received.saturating_sub(last.received);
            self.times.gaps.push(gap);
            // Sent well apart, received (almost) together: something held the first one back.
            self.times.merged += u64::from(apart >= self.half_gap() && gap < apart / 4);
        }
    }

    fn half_gap(&self) -> u64 {
        super::nanos(self.shape.gap / 2).max(1)
    }

    /// # Errors
    /// When chunks, the finish reason or `[DONE]` are missing.
    pub(crate) fn finish(self) -> Result<StreamTimes> {
        if self.chunks != self.shape.chunks {
            bail!("{} of {} chunks arrived", self.chunks, self.shape.chunks);
        }
        if !self.finished || !self.done {
            bail!(
                "the stream ended without {}",
                if self.done {
                    "a finish reason"
                } else {
                    "[DONE]"
                }
            );
        }
        Ok(self.times)
    }
}

/// The upstream's stamp: the digits at the start of the content.
fn stamp(data: &[u8]) -> Option<u64> {
    const KEY: &[u8] = br#""content":""#;
    let content = data.get(memmem::find(data, KEY)? + KEY.len()..)?;
    let digits = content
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    std::str::from_utf8(content.get(..digits)?)
        .ok()?
        .parse()
        .ok()
}
