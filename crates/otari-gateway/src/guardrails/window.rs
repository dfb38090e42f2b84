//! A stream held back until what it says was checked.
//!
//! Rules read along: an event leaves once so much text follows it that nothing forbidden can begin in it and still be
//! going on. Checks that judge an answer as a whole hold back all of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use otari_translate::Surface;
use otari_wire::sse::EventBuffer;
use tokio::task::JoinHandle;

use super::document::event_texts;
use super::output::OutputChecks;
use crate::error::GatewayError;

/// Bytes of text that must follow before an event leaves: longer than anything with spaces that rules look for.
const LOOK_AHEAD: usize = 256;
/// Rules run each time so much is new.
const STRIDE: usize = 64;
/// A run without spaces, as keys and tokens are, is held back whole up to this.
const RUN_MAX: usize = 8 * 1024;
/// Text before the new that rules see again.
const CONTEXT: usize = 2 * LOOK_AHEAD;
/// Events held back in all.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a stream said so far, and what of it has not left.
#[derive(Debug)]
pub(crate) struct Window {
    checks: Arc<OutputChecks>,
    surface: Surface,
    buffer: EventBuffer,
    /// One of each answer.
    said: BTreeMap<usize, Said>,
    held: VecDeque<Held>,
    held_bytes: usize,
    reads_along: bool,
    waits: bool,
}

#[derive(Debug, Default)]
struct Said {
    text: String,
    /// Up to here it was checked.
    checked: usize,
    /// Up to here it may leave.
    free: usize,
}

#[derive(Debug)]
struct Held {
    bytes: Bytes,
    /// The answers it adds to, and where they stood after it.
    until: Vec<(usize, usize)>,
}

impl Window {
    pub(super) fn new(checks: Arc<OutputChecks>, surface: Surface) -> Self {
        Self {
            reads_along: checks.stops_streams(),
            waits: checks.waits_for_whole(),
            checks,
            surface,
            buffer: EventBuffer::default(),
            said: BTreeMap::new(),
            held: VecDeque::new(),
            held_bytes: 0,
        }
    }

    /// Takes complete events; gives those that may leave.
    pub(crate) fn push(&mut self, bytes: Bytes) -> Result<Vec<Bytes>, GatewayError> {
        self.take_in(bytes);
        if self.reads_along {
            for said in self.said.values_mut() {
                if said.text.len() >= said.checked + STRIDE {
                    said.check(&self.checks, true)?;
                }
            }
        }
        if self.held_bytes > HELD_BYTES_MAX {
            return Err(GatewayError::GuardrailUnavailable("output".to_owned()));
        }
        let mut free = Vec::new();
        // Nothing leaves before some text may: until then a refusal is an answer of its own, not the end of a stream.
        let begun = !self.reads_along || self.said.values().any(|said| said.free > 0);
        while begun && !self.waits && self.held.front().is_some_and(|held| self.is_free(held)) {
            if let Some(held) = self.held.pop_front() {
                self.held_bytes -= held.bytes.len();
                free.push(held.bytes);
            }
        }
        Ok(free)
    }

    /// The last events, which the caller keeps until all is settled: the rest of the text is checked.
    pub(crate) fn end(&mut self, last: Bytes) -> Result<(), GatewayError> {
        let held = self.held.len();
        self.take_in(last);
        self.held.truncate(held);
        if self.reads_along {
            for said in self.said.values_mut() {
                said.check(&self.checks, false)?;
            }
        }
        Ok(())
    }

    /// Asks who judges whole answers. `Some` where the stream has to wait for that.
    pub(crate) fn ask(&self) -> Option<JoinHandle<Result<(), GatewayError>>> {
        let texts = || {
            self.said
                .values()
                .map(|said| said.text.clone())
                .collect::<Vec<_>>()
        };
        if self.checks.watches() {
            let (checks, texts) = (Arc::clone(&self.checks), texts());
            tokio::spawn(async move { checks.watch(texts).await });
        }
        if !self.waits {
            return None;
        }
        let (checks, texts) = (Arc::clone(&self.checks), texts());
        Some(tokio::spawn(async move { checks.last_word(texts).await }))
    }

    /// All that was held back.
    pub(crate) fn release(&mut self) -> impl Iterator<Item = Bytes> {
        self.held_bytes = 0;
        std::mem::take(&mut self.held)
            .into_iter()
            .map(|held| held.bytes)
    }

    fn take_in(&mut self, bytes: Bytes) {
        self.buffer.push(bytes);
        // The events come from the gateway's own renderer or were split before: none is too large.
        while let Ok(Some(event)) = self.buffer.next_event() {
            let mut until = Vec::new();
            for (answer, text) in event_texts(self.surface, &event.data().unwrap_or_default()) {
                let said = self.said.entry(answer).or_default();
                said.text.push_str(&text);
                until.push((answer, said.text.len()));
            }
            self.held_bytes += event.raw.len();
            self.held.push_back(Held {
                bytes: event.raw,
                until,
            });
        }
    }

    fn is_free(&self, held: &Held) -> bool {
        let free = |(answer, until): &(usize, usize)| {
            self.said.get(answer).is_none_or(|said| *until <= said.free)
        };
        !self.reads_along || held.until.iter().all(free)
    }
}

impl Said {
    fn check(&mut self, checks: &OutputChecks, open: bool) -> Result<(), GatewayError> {
        // Some of what left too: what stands before a finding tells what it is.
        let left = self.free.saturating_sub(STRIDE);
        let reach = self.checked.saturating_sub(CONTEXT).min(left);
        let from = self.text.floor_char_boundary(reach);
        let piece = self.text.get(from..).unwrap_or_default();
        checks.piece(piece, from > 0, open)?;
        self.checked = self.text.len();
        self.free = self.border();
        Ok(())
    }

    /// So far text may leave: not into a word that is still going on, unless it never ends.
    fn border(&self) -> usize {
        let far = self
            .text
            .floor_char_boundary(self.text.len().saturating_sub(LOOK_AHEAD));
        let before = self.text.get(..far).unwrap_or_default();
        let word = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        if far - word > RUN_MAX { far } else { word }.max(self.free)
    }
}
