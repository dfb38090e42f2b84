//! Reads what passes: usage, end, errors. Changes nothing.

mod chat;

use otari_providers::error::embedded_error;
use otari_providers::{UpstreamError, UpstreamErrorKind};
use otari_translate::{DecodeError, Event as Neutral, Wire, dialect};
use otari_types::TokenUsage;
use otari_wire::sse::Event;

use crate::relay::malformed;
use crate::settle::Produced;

use chat::ChatTap;

/// What an event is to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Forward,
    /// The stream ends here.
    Done,
}

/// What watches an answer that passes unchanged.
#[derive(Debug)]
pub(super) enum Tap {
    Chat(ChatTap),
    /// Through the decoder of the format.
    Decoding(Box<Decoding>),
}

#[derive(Debug)]
pub(super) struct Decoding {
    wire: Wire,
    decoder: dialect::Decoder,
    meter: Meter,
    events: Vec<Neutral>,
}

/// What neutral events say about the bill.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Reasoning tokens come beside, not inside, the output.
    reasoning_outside: bool,
    usage: Option<TokenUsage>,
    generated_bytes: usize,
    finished: bool,
}

impl Tap {
    pub(super) fn chat(reasoning_outside: bool) -> Self {
        Self::Chat(ChatTap::new(reasoning_outside))
    }

    pub(super) fn decoding(wire: Wire) -> Self {
        Self::Decoding(Box::new(Decoding {
            wire,
            // Ids it makes are not shown to anyone.
            decoder: dialect::Decoder::new(wire, "tap"),
            meter: Meter::default(),
            events: Vec::new(),
        }))
    }

    pub(super) fn read_event(&mut self, event: &Event) -> Result<Seen, UpstreamError> {
        match self {
            Self::Chat(tap) => tap.read_event(event),
            Self::Decoding(tap) => tap.read_event(event),
        }
    }

    pub(super) fn read_whole(&mut self, body: &[u8]) -> Result<(), UpstreamError> {
        match self {
            Self::Chat(tap) => tap.read_whole(body),
            Self::Decoding(tap) => tap.read_whole(body),
        }
    }

    /// The upstream closed: some formats end without a last event.
    pub(super) fn end(&mut self) -> Result<(), UpstreamError> {
        match self {
            Self::Chat(_) => Ok(()),
            Self::Decoding(tap) => tap.end(),
        }
    }

    /// The answer has reached its end by the rules of the dialect.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Chat(tap) => tap.is_complete(),
            Self::Decoding(tap) => tap.meter.is_complete(),
        }
    }

    pub(super) fn report(&self, produced: &mut Produced) {
        match self {
            Self::Chat(tap) => tap.report(produced),
            Self::Decoding(tap) => tap.meter.report(produced),
        }
    }
}

impl Decoding {
    fn read_event(&mut self, event: &Event) -> Result<Seen, UpstreamError> {
        let mut raw = event.raw.clone();
        if !raw.ends_with(b"\n\n") && !raw.ends_with(b"\r\n\r\n") {
            // The last event of a stream that lacks its blank line.
            raw = [&raw[..], b"\n\n"].concat().into();
        }
        let pushed = self.decoder.push(raw, &mut self.events);
        for event in self.events.drain(..) {
            self.meter.read(&event);
        }
        pushed.map_err(|error| upstream_error(&error))?;
        Ok(if self.meter.is_complete() {
            Seen::Done
        } else {
            Seen::Forward
        })
    }

    fn end(&mut self) -> Result<(), UpstreamError> {
        if self.meter.is_complete() {
            return Ok(());
        }
        let finished = self.decoder.finish(&mut self.events);
        for event in self.events.drain(..) {
            self.meter.read(&event);
        }
        finished.map_err(|error| upstream_error(&error))
    }

    fn read_whole(&mut self, body: &[u8]) -> Result<(), UpstreamError> {
        let events = dialect::decode_reply(self.wire, body, "tap")
            .map_err(|error| upstream_error(&error))?;
        for event in &events {
            self.meter.read(event);
        }
        if self.meter.is_complete() {
            Ok(())
        } else {
            Err(malformed("the answer has no end"))
        }
    }
}

impl Meter {
    pub(crate) fn new(reasoning_outside: bool) -> Self {
        Self {
            reasoning_outside,
            ..Self::default()
        }
    }

    pub(crate) fn read(&mut self, event: &Neutral) {
        match event {
            Neutral::Delta(text) => self.generated_bytes += text.len(),
            Neutral::Usage(usage) => match &mut self.usage {
                Some(so_far) => so_far.merge(usage),
                None => self.usage = Some(*usage),
            },
            Neutral::Finish(_) => self.finished = true,
            _ => {}
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.finished
    }

    pub(crate) fn report(&self, produced: &mut Produced) {
        let mut usage = self.usage;
        if let Some(usage) = &mut usage
            && self.reasoning_outside
        {
            usage.output = usage.output.saturating_add(usage.reasoning);
        }
        produced.usage = usage;
        produced.generated_bytes = self.generated_bytes;
    }
}

/// A decoder's failure as an upstream's.
pub(crate) fn upstream_error(error: &DecodeError) -> UpstreamError {
    match error {
        DecodeError::Upstream {
            code,
            status,
            message,
        } => {
            let body = serde_json::json!({"type": code, "code": code, "message": message});
            let mut told = embedded_error(&body.to_string());
            told.status = *status;
            told
        }
        DecodeError::Truncated => malformed("the stream ended before the answer was complete"),
        DecodeError::Malformed { .. } | DecodeError::TooLarge => {
            UpstreamError::new(UpstreamErrorKind::Malformed, error.to_string())
        }
    }
}
