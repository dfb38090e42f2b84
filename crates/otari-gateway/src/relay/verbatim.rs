//! An answer in the surface's own format: relayed byte-true, event by event. A tap reads usage, end and errors.

use bytes::{Bytes, BytesMut};
use otari_providers::UpstreamError;
use otari_translate::Surface;
use otari_wire::sse::{EventBuffer, data_frame, named_frame};

use crate::relay::malformed;
use crate::relay::passage::{BrokenOff, Step};
use crate::relay::relabel::{relabelled, relabelled_event};
use crate::relay::tap::{Seen, Tap};
use crate::settle::Produced;

const DONE: &[u8] = b"data: [DONE]\n\n";

#[derive(Debug)]
pub(crate) struct Verbatim {
    surface: Surface,
    buffer: EventBuffer,
    tap: Tap,
    /// An aliased call shows the name the caller asked for.
    label: Option<String>,
}

impl Verbatim {
    pub(super) fn new(surface: Surface, tap: Tap, label: Option<&str>) -> Self {
        Self {
            surface,
            buffer: EventBuffer::default(),
            tap,
            label: label.map(str::to_owned),
        }
    }

    pub(super) fn surface(&self) -> Surface {
        self.surface
    }

    /// The complete events, as one piece where nothing has to change.
    pub(super) fn push(&mut self, chunk: Bytes) -> Step {
        self.buffer.push(chunk);
        let mut out = BytesMut::new();
        let mut single: Option<Bytes> = None;
        let mut step = Step::default();
        while !step.done {
            let event = match self.buffer.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(_) => {
                    step.broken = Some(malformed("an event of the stream is too large"));
                    break;
                }
            };
            match self.tap.read_event(&event) {
                Ok(seen) => step.done = seen == Seen::Done,
                Err(error) => {
                    step.broken = Some(error);
                    break;
                }
            }
            let bytes = match &self.label {
                Some(name) => relabelled_event(self.surface, &event, name).unwrap_or(event.raw),
                None => event.raw,
            };
            match single.take() {
                None if out.is_empty() => single = Some(bytes),
                None => out.extend_from_slice(&bytes),
                Some(first) => {
                    out.extend_from_slice(&first);
                    out.extend_from_slice(&bytes);
                }
            }
        }
        step.bytes = single.unwrap_or_else(|| out.freeze());
        step
    }

    /// Fine after the answer's end, with or without `[DONE]`; otherwise the answer was cut.
    pub(super) fn end(&mut self) -> Result<Bytes, UpstreamError> {
        let rest = std::mem::take(&mut self.buffer).into_rest();
        let mut last = BytesMut::new();
        let mut done = false;
        if let Some(event) = rest {
            // The last blank line is missing, as some servers have it.
            done = self.tap.read_event(&event)? == Seen::Done;
            last.extend_from_slice(&event.raw);
            last.extend_from_slice(b"\n\n");
        }
        self.tap.end()?;
        if !self.tap.is_complete() {
            return Err(malformed("the stream ended before the answer was complete"));
        }
        if !done && self.surface == Surface::Chat {
            last.extend_from_slice(DONE);
        }
        Ok(last.freeze())
    }

    pub(super) fn whole(&mut self, body: Bytes) -> Result<Bytes, UpstreamError> {
        self.tap.read_whole(&body)?;
        Ok(match &self.label {
            Some(name) => relabelled(self.surface, &body, name).map_or(body, Bytes::from),
            None => body,
        })
    }

    pub(super) fn fail(&mut self, why: BrokenOff) -> Bytes {
        // Fixed words all: nothing needs escaping.
        let message = why.message;
        let code = why
            .code
            .map_or_else(|| "null".to_owned(), |code| format!(r#""{code}""#));
        match self.surface {
            Surface::Messages => {
                let kind = why.anthropic;
                let error = format!(
                    r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#
                );
                named_frame("error", error.as_bytes())
            }
            Surface::Responses => {
                let kind = why.openai;
                let either = why.code.unwrap_or(kind);
                let error = format!(
                    r#"{{"type":"error","code":"{either}","message":"{message}","param":null,"error":{{"message":"{message}","type":"{kind}","param":null,"code":"{either}"}}}}"#
                );
                named_frame("error", error.as_bytes())
            }
            Surface::Gemini => {
                let (number, status) = why.google;
                let error = format!(
                    r#"{{"error":{{"code":{number},"message":"{message}","status":"{status}"}}}}"#
                );
                data_frame(error.as_bytes())
            }
            Surface::Chat | Surface::Completions => {
                let kind = why.openai;
                let error = format!(
                    r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":{code}}}}}"#
                );
                let mut out = BytesMut::from(&data_frame(error.as_bytes())[..]);
                out.extend_from_slice(DONE);
                out.freeze()
            }
        }
    }

    pub(super) fn report(&self, produced: &mut Produced) {
        self.tap.report(produced);
    }
}
