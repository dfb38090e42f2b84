//! SageMaker runtime as a provider format: bodies are OpenAI chat's, as the serving containers take it; a stream is
//! cut into binary frames, at any byte.
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html>

use bytes::Bytes;
use otari_wire::eventstream::FrameBuffer;

use crate::error::DecodeError;
use crate::event::Event;

use super::openai_chat;
use super::stream::{Lines, ReadStream, Sse, next_frame};

/// Puts the payloads together again and reads them as what they turn out to be: server-sent events, or lines.
#[derive(Debug)]
pub(super) struct Stream {
    buffer: FrameBuffer,
    seed: String,
    choices: i64,
    inner: Option<Box<dyn ReadStream>>,
}

impl Stream {
    pub(super) fn new(seed: &str, choices: i64) -> Self {
        Self {
            buffer: FrameBuffer::default(),
            seed: seed.to_owned(),
            choices,
            inner: None,
        }
    }

    /// The first byte tells.
    fn inner(&mut self, payload: &Bytes) -> &mut Box<dyn ReadStream> {
        let (seed, choices) = (&self.seed, self.choices);
        let is_json = payload.trim_ascii_start().first() == Some(&b'{');
        self.inner.get_or_insert_with(|| {
            let frames = openai_chat::Frames::new(seed, choices);
            if is_json {
                Box::new(Lines::new(frames))
            } else {
                Box::new(Sse::new(frames))
            }
        })
    }
}

impl ReadStream for Stream {
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.buffer.push(&chunk);
        while let Some(frame) = next_frame(&mut self.buffer)? {
            if frame.header(":event-type") == Some("PayloadPart") && !frame.payload.is_empty() {
                self.inner(&frame.payload).push(frame.payload, events)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.buffer.has_partial() {
            return Err(DecodeError::Truncated);
        }
        match &mut self.inner {
            Some(inner) => inner.finish(events),
            None => Err(DecodeError::Truncated),
        }
    }
}
