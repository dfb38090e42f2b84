//! Keeps the promise of [`Event`]: blocks one after another, each opened once and closed once, and an end once.

use crate::error::DecodeError;
use crate::event::{Event, Finish, FinishReason, Opening};
use crate::finish::{Ending, ending};
use crate::origin::Signature;
use crate::route::Wire;

/// The blocks of one answer in the making.
#[derive(Debug)]
pub(super) struct Blocks {
    open: Option<Opening>,
    /// The open block has had a fragment.
    filled: bool,
    started: bool,
    ended: bool,
    tools: usize,
    seed: String,
}

impl Blocks {
    pub(super) fn new(seed: &str) -> Self {
        Self {
            open: None,
            filled: false,
            started: false,
            ended: false,
            tools: 0,
            seed: seed.to_owned(),
        }
    }

    /// The blocks of a further answer under the same start.
    pub(super) fn following(seed: &str, index: i64) -> Self {
        Self {
            started: true,
            ..Self::new(&format!("{seed}c{index}"))
        }
    }

    pub(super) fn start(
        &mut self,
        id: Option<String>,
        model: Option<String>,
        events: &mut Vec<Event>,
    ) {
        if !self.started {
            self.started = true;
            events.push(Event::Start {
                id: id.unwrap_or_default(),
                model: model.unwrap_or_default(),
            });
        }
    }

    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn saw_tool_call(&self) -> bool {
        self.tools > 0
    }

    pub(super) fn is_open(&self, opening: &Opening) -> bool {
        self.open.as_ref() == Some(opening)
    }

    /// A fragment of a block of this kind, opening one unless it is open. Nothing begins with an empty fragment.
    pub(super) fn fragment(&mut self, opening: Opening, text: &str, events: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        if !self.is_open(&opening) {
            self.open(opening, events);
        }
        self.delta(text, events);
    }

    pub(super) fn text(&mut self, text: &str, events: &mut Vec<Event>) {
        self.fragment(Opening::Text, text, events);
    }

    pub(super) fn reasoning(&mut self, text: &str, events: &mut Vec<Event>) {
        self.fragment(Opening::Reasoning { redacted: false }, text, events);
    }

    pub(super) fn open(&mut self, opening: Opening, events: &mut Vec<Event>) {
        self.close(events);
        self.start(None, None, events);
        events.push(Event::Open(opening.clone()));
        self.open = Some(opening);
    }

    /// Opens a tool call, making up an id where the provider gave none.
    pub(super) fn open_tool(&mut self, id: Option<String>, name: String, events: &mut Vec<Event>) {
        let id = id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| format!("call_{}_{}", self.seed, self.tools));
        self.tools += 1;
        self.open(Opening::ToolCall { id, name }, events);
    }

    /// A fragment of whatever is open.
    pub(super) fn delta(&mut self, text: &str, events: &mut Vec<Event>) {
        if self.open.is_some() && !text.is_empty() {
            self.filled = true;
            events.push(Event::Delta(text.to_owned()));
        }
    }

    /// Signs the open reasoning, or a block of reasoning without text.
    pub(super) fn sign(&mut self, signature: Signature, redacted: bool, events: &mut Vec<Event>) {
        if !matches!(self.open, Some(Opening::Reasoning { .. })) {
            self.open(Opening::Reasoning { redacted }, events);
        }
        events.push(Event::Signature(signature));
    }

    pub(super) fn close(&mut self, events: &mut Vec<Event>) {
        let filled = std::mem::replace(&mut self.filled, false);
        match self.open.take() {
            None => {}
            Some(opening) => {
                // Clients parse the arguments: none at all must still be an object.
                if !filled && matches!(opening, Opening::ToolCall { .. }) {
                    events.push(Event::Delta("{}".to_owned()));
                }
                events.push(Event::Close);
            }
        }
    }

    /// Ends the answer with the provider's word for why.
    pub(super) fn end(
        &mut self,
        wire: Wire,
        native: &str,
        stop_sequence: Option<String>,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        match ending(wire, native, self.saw_tool_call()) {
            Ending::Reason(reason) => {
                self.end_with(reason, stop_sequence, events);
                Ok(())
            }
            Ending::Failure => Err(DecodeError::Upstream {
                code: native.to_owned(),
                status: None,
                message: format!("the answer ended with {native}"),
            }),
        }
    }

    pub(super) fn end_with(
        &mut self,
        reason: FinishReason,
        stop_sequence: Option<String>,
        events: &mut Vec<Event>,
    ) {
        if self.ended {
            return;
        }
        self.close(events);
        self.start(None, None, events);
        self.ended = true;
        events.push(Event::Finish(Finish {
            reason,
            stop_sequence,
        }));
    }
}
