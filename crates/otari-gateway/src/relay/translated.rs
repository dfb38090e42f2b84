//! An answer in another format than the surface's: decoded to neutral events and rendered again.

use bytes::Bytes;
use otari_providers::UpstreamError;
use otari_translate::surface::{Envelope, Failure, Renderer, render_reply};
use otari_translate::{Call, Collector, Event, Surface, Wire, dialect};

use crate::relay::malformed;
use crate::relay::passage::{STREAM_ERROR, Step};
use crate::relay::tap::{Meter, upstream_error};
use crate::settle::Produced;

#[derive(Debug)]
pub(crate) struct Translated {
    call: Call,
    envelope: Envelope,
    wire: Wire,
    decoder: dialect::Decoder,
    renderer: Renderer,
    meter: Meter,
    events: Vec<Event>,
}

impl Translated {
    pub(super) fn new(
        call: &Call,
        envelope: Envelope,
        wire: Wire,
        reasoning_outside: bool,
    ) -> Self {
        Self {
            decoder: dialect::Decoder::new(wire, &envelope.id),
            renderer: Renderer::new(call, envelope.clone()),
            meter: Meter::new(reasoning_outside),
            call: call.clone(),
            envelope,
            wire,
            events: Vec::new(),
        }
    }

    pub(super) fn surface(&self) -> Surface {
        self.call.surface
    }

    pub(super) fn push(&mut self, chunk: Bytes) -> Step {
        let pushed = self.decoder.push(chunk, &mut self.events);
        Step {
            bytes: self.render(),
            done: self.meter.is_complete(),
            broken: pushed.err().map(|error| upstream_error(&error)),
        }
    }

    pub(super) fn end(&mut self) -> Result<Bytes, UpstreamError> {
        self.decoder
            .finish(&mut self.events)
            .map_err(|error| upstream_error(&error))?;
        let last = self.render();
        if self.meter.is_complete() {
            Ok(last)
        } else {
            Err(malformed("the stream ended before the answer was complete"))
        }
    }

    pub(super) fn whole(&mut self, body: &[u8]) -> Result<Bytes, UpstreamError> {
        let events = dialect::decode_reply(self.wire, body, &self.envelope.id)
            .map_err(|error| upstream_error(&error))?;
        let mut collector = Collector::default();
        for event in &events {
            self.meter.read(event);
            collector.push(event);
        }
        let reply = collector
            .into_reply()
            .ok_or_else(|| malformed("the answer has no end"))?;
        Ok(render_reply(&self.call, &self.envelope, &reply).into())
    }

    pub(super) fn fail(&mut self) -> Bytes {
        let kind = match self.call.surface {
            Surface::Messages => "api_error",
            _ => "server_error",
        };
        let failure = Failure {
            kind,
            code: None,
            message: STREAM_ERROR,
        };
        let mut out = Vec::new();
        self.renderer.fail(failure, &mut out);
        out.into()
    }

    pub(super) fn report(&self, produced: &mut Produced) {
        self.meter.report(produced);
    }

    fn render(&mut self) -> Bytes {
        let mut out = Vec::new();
        for event in self.events.drain(..) {
            self.meter.read(&event);
            self.renderer.event(&event, &mut out);
        }
        out.into()
    }
}
