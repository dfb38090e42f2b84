//! An answer in another format than the surface's: decoded to neutral events and rendered again.

use std::sync::Arc;

use bytes::Bytes;
use otari_providers::UpstreamError;
use otari_providers::quirk::{Quirk, reasoning_outside_completion, writes_thoughts};
use otari_translate::dialect::{Reading, ThinkTags};
use otari_translate::surface::{Envelope, Failure, Renderer, render_reply};
use otari_translate::{Call, Collector, Event, Surface, Wire, dialect};

use crate::reasoning::Watch;
use crate::relay::malformed;
use crate::relay::passage::{BrokenOff, Step};
use crate::relay::tap::{Meter, upstream_error};
use crate::settle::Produced;

#[derive(Debug)]
pub(crate) struct Translated {
    call: Arc<Call>,
    envelope: Envelope,
    wire: Wire,
    decoder: dialect::Decoder,
    renderer: Renderer,
    meter: Meter,
    watch: Option<Watch>,
    think_tags: ThinkTags,
    events: Vec<Event>,
}

impl Translated {
    pub(super) fn new(
        call: Arc<Call>,
        envelope: Envelope,
        wire: Wire,
        quirks: &[Quirk],
        watch: Option<Watch>,
    ) -> Self {
        let think_tags = if writes_thoughts(quirks) {
            ThinkTags::On
        } else {
            ThinkTags::Off
        };
        let reading = Reading {
            seed: &envelope.id,
            choices: call.choices.unwrap_or(1),
            think_tags,
        };
        Self {
            decoder: dialect::Decoder::with(wire, &reading),
            watch,
            renderer: Renderer::new(&call, envelope.clone()),
            meter: Meter::new(reasoning_outside_completion(quirks)),
            think_tags,
            call,
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
        let reading = Reading {
            seed: &self.envelope.id,
            choices: self.call.choices.unwrap_or(1),
            think_tags: self.think_tags,
        };
        let events = dialect::decode_reply_with(self.wire, body, &reading)
            .map_err(|error| upstream_error(&error))?;
        let mut collector = Collector::default();
        for event in &events {
            self.meter.read(event);
            if let Some(watch) = &mut self.watch {
                watch.read(event);
            }
            collector.push(event);
        }
        let reply = collector
            .into_reply()
            .ok_or_else(|| malformed("the answer has no end"))?;
        Ok(render_reply(&self.call, &self.envelope, &reply).into())
    }

    pub(super) fn fail(&mut self, why: BrokenOff) -> Bytes {
        let failure = Failure {
            kind: why.kind(self.call.surface),
            code: why.code,
            message: why.message,
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
            if let Some(watch) = &mut self.watch {
                watch.read(&event);
            }
            self.renderer.event(&event, &mut out);
        }
        out.into()
    }
}
