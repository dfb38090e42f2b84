//! From bytes to the frames of a dialect.

use std::mem;

use bytes::Bytes;
use otari_wire::sse::EventBuffer;

use crate::error::DecodeError;
use crate::event::Event;

/// A dialect's reading of its stream, one `data` at a time.
pub(super) trait ReadFrames {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), DecodeError>;

    /// The connection ended.
    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError>;
}

/// Cuts server-sent events and hands on their data.
#[derive(Debug)]
pub(super) struct Sse<F> {
    buffer: EventBuffer,
    frames: F,
}

impl<F: ReadFrames> Sse<F> {
    pub(super) fn new(frames: F) -> Self {
        Self {
            buffer: EventBuffer::default(),
            frames,
        }
    }

    pub(super) fn push(
        &mut self,
        chunk: Bytes,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        self.buffer.push(chunk);
        while let Some(event) = self
            .buffer
            .next_event()
            .map_err(|_| DecodeError::TooLarge)?
        {
            if let Some(data) = event.data() {
                self.frames.frame(&data, events)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        // Servers forget the blank line after their last event; one that was cut in half does not parse.
        let rest = mem::take(&mut self.buffer).into_rest();
        if let Some(event) = rest
            && let Some(data) = event.data()
        {
            self.frames
                .frame(&data, events)
                .map_err(|error| match error {
                    DecodeError::Malformed { .. } => DecodeError::Truncated,
                    other => other,
                })?;
        }
        self.frames.end(events)
    }
}
