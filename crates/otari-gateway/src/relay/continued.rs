//! A stream that outlives its provider: when it breaks off, the next candidate goes on where it stopped.

mod splice;

use std::sync::Arc;

use bytes::Bytes;
use otari_providers::UpstreamErrorKind;
use otari_translate::surface::{Envelope, Failure, Renderer};
use otari_translate::{Call, Event, Surface};
use tokio_util::task::AbortOnDropHandle;

use crate::error::GatewayError;
use crate::reasoning::Watch;
use crate::relay::passage::BrokenOff;
use crate::relay::source::Read;
use crate::settle::Settlement;
use crate::tool_loop::{Line, Turn};
use crate::walk::{Found, WaysOut};

use splice::Splice;

/// For whoever reads the stream itself; clients skip comments.
const MARK: &[u8] = b": the provider broke off, another model goes on\n\n";

/// An answer of one model, and of another where the first breaks off.
pub(crate) struct Continued {
    call: Arc<Call>,
    line: Line,
    turn: Turn,
    splice: Splice,
    renderer: Renderer,
    watch: Option<Watch>,
    ways_out: WaysOut,
    state: State,
    /// How many models have answered.
    parts: u32,
}

enum State {
    /// Nothing left the gateway: a failure is an HTTP error, or the next candidate's turn.
    Beginning,
    Telling,
    Searching {
        why: GatewayError,
        found: AbortOnDropHandle<Result<Found, GatewayError>>,
    },
    Over,
}

/// What a stream begins with.
pub(crate) struct Begun {
    pub(crate) call: Arc<Call>,
    pub(crate) line: Line,
    pub(crate) turn: Turn,
    pub(crate) envelope: Envelope,
    pub(crate) watch: Option<Watch>,
    pub(crate) ways_out: WaysOut,
}

impl Continued {
    pub(crate) fn new(begun: Begun) -> Self {
        let Begun {
            call,
            line,
            turn,
            envelope,
            watch,
            ways_out,
        } = begun;
        Self {
            renderer: Renderer::new(&call, envelope),
            call,
            line,
            turn,
            splice: Splice::default(),
            watch,
            ways_out,
            state: State::Beginning,
            parts: 1,
        }
    }

    pub(super) fn surface(&self) -> Surface {
        self.call.surface
    }

    /// From here on the caller has an answer.
    pub(super) fn release(&mut self) {
        if matches!(self.state, State::Beginning) {
            self.state = State::Telling;
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, State::Over)
    }

    pub(super) fn close(&mut self) {
        self.state = State::Over;
    }

    /// One step on. Safe to cancel while it waits.
    pub(super) async fn step(&mut self, settlement: &mut Settlement) -> Read {
        if let State::Searching { found, .. } = &mut self.state {
            let found = found.await.unwrap_or_else(|error| Err(error.into()));
            return self.go_on(found, settlement);
        }
        let mut events = Vec::new();
        let read = self.turn.read(&mut events).await;
        if let Some(produced) = settlement.produced() {
            self.turn.report(produced);
        }
        let mut bytes = self.render(events);
        if read.is_err() {
            let mut held = Vec::new();
            self.splice.end_part(&mut held);
            bytes.extend(self.render_now(&held));
        }
        let bytes = bytes.into();
        match read {
            Ok(()) => Read {
                bytes,
                done: self.turn.is_complete(),
                broken: None,
            },
            Err(error) => Read {
                bytes,
                done: false,
                broken: self.search(self.line.told(error), settlement),
            },
        }
    }

    /// Looks for somebody who goes on. What there is to say where nobody can.
    fn search(&mut self, why: GatewayError, settlement: &Settlement) -> Option<GatewayError> {
        let may = matches!(self.state, State::Telling) && self.splice.can_be_continued();
        let Some(twin) = settlement.twin().filter(|_| may && is_the_providers(&why)) else {
            return Some(why);
        };
        let call = self.splice.continuation(&self.call);
        let search = self
            .ways_out
            .clone()
            .find(call, twin, self.line.answer_id());
        self.state = State::Searching {
            why,
            found: AbortOnDropHandle::new(tokio::spawn(search)),
        };
        None
    }

    fn go_on(&mut self, found: Result<Found, GatewayError>, settlement: &mut Settlement) -> Read {
        let State::Searching { why, .. } = std::mem::replace(&mut self.state, State::Telling)
        else {
            return Read::default();
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "nobody could go on with a stream that broke off");
                return Read {
                    broken: Some(why),
                    ..Read::default()
                };
            }
        };
        tracing::warn!(error = %why, "a stream broke off and is continued");
        let first = std::mem::replace(settlement, found.settlement);
        let used = first.outrun(Some(&why));
        self.ways_out.drop_before(found.left);
        let call = Arc::clone(&self.call);
        self.turn = found.line.read(found.answered, &call, self.parts);
        self.line = found.line;
        self.parts += 1;
        let mut events = Vec::new();
        self.splice.begin_part(used, &mut events);
        let mut bytes = self.render_now(&events);
        bytes.extend_from_slice(MARK);
        Read {
            bytes: bytes.into(),
            ..Read::default()
        }
    }

    pub(super) fn fail(&mut self, why: BrokenOff) -> Bytes {
        let failure = Failure {
            kind: why.kind(self.surface()),
            code: why.code,
            message: why.message,
        };
        let mut out = Vec::new();
        self.renderer.fail(failure, &mut out);
        out.into()
    }

    fn render(&mut self, events: Vec<Event>) -> Vec<u8> {
        let mut spliced = Vec::with_capacity(events.len());
        for event in events {
            self.splice.event(event, &mut spliced);
        }
        self.render_now(&spliced)
    }

    fn render_now(&mut self, events: &[Event]) -> Vec<u8> {
        let mut out = Vec::new();
        for event in events {
            if let Some(watch) = &mut self.watch {
                watch.read(event);
            }
            self.renderer.event(event, &mut out);
        }
        out
    }
}

impl std::fmt::Debug for Continued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Continued")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// Another model may do better; not where what was asked or said is the matter.
fn is_the_providers(why: &GatewayError) -> bool {
    let GatewayError::Upstream(failure) = why else {
        return false;
    };
    !matches!(
        failure.error.kind,
        UpstreamErrorKind::ContentFiltered
            | UpstreamErrorKind::InvalidRequest
            | UpstreamErrorKind::ContextTooLong
    )
}
