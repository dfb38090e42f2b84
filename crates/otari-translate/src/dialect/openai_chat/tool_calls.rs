//! Tool calls of a Chat stream, put in order.
//!
//! Servers send the fragments of parallel calls interleaved, the id again and again or never, the name late, no index
//! or always the same one. Events want one call after another: the first that is not complete is passed on as it
//! comes, later ones wait until it is.

use otari_wire::openai::completion::ToolCall;
use serde_json::value::RawValue;

use crate::event::Event;

use super::super::blocks::Blocks;

#[derive(Debug, Default)]
pub(super) struct ToolCalls {
    calls: Vec<Pending>,
    /// Calls before this one are closed.
    current: usize,
}

#[derive(Debug)]
struct Pending {
    index: Option<i64>,
    id: Option<String>,
    name: String,
    arguments: String,
    /// How many bytes of the arguments are passed on.
    sent: usize,
    opened: bool,
}

impl ToolCalls {
    pub(super) fn push(
        &mut self,
        part: &ToolCall<'_>,
        blocks: &mut Blocks,
        events: &mut Vec<Event>,
    ) {
        // Servers behind Mistral write the word for nothing.
        let id = part.id.clone();
        let id = id.filter(|id| !id.is_empty() && id != "null");
        let call = self.find(part.index, id);
        if let Some(function) = &part.function {
            if call.name.is_empty()
                && let Some(name) = &function.name
            {
                call.name.clone_from(name);
            }
            if let Some(arguments) = function.arguments {
                call.arguments.push_str(&argument_text(arguments));
            }
        }
        self.advance(false, blocks, events);
    }

    /// No more fragments will come.
    pub(super) fn finish(&mut self, blocks: &mut Blocks, events: &mut Vec<Event>) {
        self.advance(true, blocks, events);
    }

    /// The call a fragment belongs to: by index, unless a new id says that another call has begun under it; without
    /// an index by id, else the latest.
    fn find(&mut self, index: Option<i64>, id: Option<String>) -> &mut Pending {
        let same_id = |call: &Pending| match (&id, &call.id) {
            (Some(new), Some(known)) => new == known,
            _ => true,
        };
        let found = match index {
            Some(_) => self
                .calls
                .iter()
                .rposition(|call| call.index == index && same_id(call)),
            None => match &id {
                Some(_) => self.calls.iter().rposition(|call| call.id == id),
                None => self.calls.len().checked_sub(1),
            },
        };
        let at = found.unwrap_or(self.calls.len());
        if found.is_none() {
            self.calls.push(Pending {
                index,
                id: None,
                name: String::new(),
                arguments: String::new(),
                sent: 0,
                opened: false,
            });
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "found in the list, or just pushed to it"
        )]
        let call = &mut self.calls[at];
        call.id = call.id.take().or(id);
        call
    }

    fn advance(&mut self, last: bool, blocks: &mut Blocks, events: &mut Vec<Event>) {
        let known = self.calls.len();
        while let Some(call) = self.calls.get_mut(self.current) {
            // The opener needs the name.
            if call.name.is_empty() && !last {
                return;
            }
            if !call.opened {
                call.opened = true;
                blocks.open_tool(call.id.clone(), call.name.clone(), events);
            }
            let fresh = call.arguments.get(call.sent..).unwrap_or_default();
            // Some servers write `null` for no arguments.
            if call.arguments.trim() != "null" {
                blocks.delta(fresh, events);
                call.sent = call.arguments.len();
            }
            let another_waits = self.current + 1 < known;
            let done = last || (another_waits && is_complete(&call.arguments));
            if !done {
                return;
            }
            blocks.close(events);
            self.current += 1;
        }
    }
}

fn is_complete(arguments: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}

/// The text; or the JSON of an object, which some servers send instead.
fn argument_text(arguments: &RawValue) -> String {
    match serde_json::from_str::<String>(arguments.get()) {
        Ok(text) => text,
        Err(_) if arguments.get() == "null" => String::new(),
        Err(_) => arguments.get().to_owned(),
    }
}
