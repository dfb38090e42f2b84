//! From bytes to the frames of a dialect.

use std::mem;

use bytes::Bytes;
use otari_wire::eventstream::{Frame, FrameBuffer, FrameError};
use otari_wire::ndjson::LineBuffer;
use otari_wire::sse::EventBuffer;

use crate::error::DecodeError;
use crate::event::Event;
use crate::reshape::Reshape;

use super::bedrock::exception;

/// A stream of bytes, whatever cuts it into frames.
pub(super) trait ReadStream: std::fmt::Debug + Send + Sync {
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) -> Result<(), DecodeError>;

    /// The connection ended.
    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError>;
}

/// A provider's stream, read one `data` or line at a time, into events or into bytes.
pub(crate) trait ReadFrames<T = Event>: std::fmt::Debug + Send + Sync {
    fn frame(&mut self, data: &[u8], out: &mut Vec<T>) -> Result<(), DecodeError>;

    /// An answer that has no frames at all.
    fn unframed(&mut self, _answer: &[u8], _out: &mut Vec<T>) -> Result<(), DecodeError> {
        Ok(())
    }

    /// The connection ended.
    fn end(&mut self, out: &mut Vec<T>) -> Result<(), DecodeError>;
}

/// Cuts server-sent events and hands on their data.
#[derive(Debug)]
pub(crate) struct Sse<F> {
    buffer: EventBuffer,
    frames: F,
}

impl<F> Sse<F> {
    pub(crate) fn new(frames: F) -> Self {
        Self {
            buffer: EventBuffer::default(),
            frames,
        }
    }

    fn read<T>(&mut self, chunk: Bytes, out: &mut Vec<T>) -> Result<(), DecodeError>
    where
        F: ReadFrames<T>,
    {
        self.buffer.push(chunk);
        while let Some(event) = self
            .buffer
            .next_event()
            .map_err(|_| DecodeError::TooLarge)?
        {
            if let Some(data) = event.data() {
                self.frames.frame(&data, out)?;
            }
        }
        Ok(())
    }

    fn read_rest<T>(&mut self, out: &mut Vec<T>) -> Result<(), DecodeError>
    where
        F: ReadFrames<T>,
    {
        // Servers forget the blank line after their last event; one that was cut in half does not parse.
        if let Some(event) = mem::take(&mut self.buffer).into_rest() {
            match event.data() {
                Some(data) => self.frames.frame(&data, out).map_err(cut_off)?,
                None => self.frames.unframed(&event.raw, out)?,
            }
        }
        self.frames.end(out)
    }
}

impl<F: ReadFrames> ReadStream for Sse<F> {
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.read(chunk, events)
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.read_rest(events)
    }
}

impl<F: ReadFrames<u8>> Reshape for Sse<F> {
    fn push(&mut self, chunk: Bytes, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.read(chunk, out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.read_rest(out)
    }
}

/// Cuts lines and hands them on.
#[derive(Debug)]
pub(super) struct Lines<F> {
    buffer: LineBuffer,
    frames: F,
}

impl<F: ReadFrames> Lines<F> {
    pub(super) fn new(frames: F) -> Self {
        Self {
            buffer: LineBuffer::default(),
            frames,
        }
    }
}

impl<F: ReadFrames> ReadStream for Lines<F> {
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.buffer.push(&chunk);
        while let Some(line) = self.buffer.next_line().map_err(|_| DecodeError::TooLarge)? {
            self.frames.frame(&line, events)?;
        }
        Ok(())
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if let Some(line) = mem::take(&mut self.buffer).into_rest() {
            self.frames.frame(&line, events).map_err(cut_off)?;
        }
        self.frames.end(events)
    }
}

/// A last frame that cannot be read was cut in half.
fn cut_off(error: DecodeError) -> DecodeError {
    match error {
        DecodeError::Malformed { .. } => DecodeError::Truncated,
        other => other,
    }
}

/// The next binary frame; an exception of the service is an error.
pub(super) fn next_frame(buffer: &mut FrameBuffer) -> Result<Option<Frame>, DecodeError> {
    let frame = buffer.next_frame().map_err(|error| match error {
        FrameError::TooLarge => DecodeError::TooLarge,
        FrameError::Malformed => DecodeError::Malformed {
            what: "binary frame",
        },
    })?;
    match frame.as_ref().and_then(exception) {
        Some(error) => Err(error),
        None => Ok(frame),
    }
}
