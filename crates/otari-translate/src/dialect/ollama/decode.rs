//! Ollama answers. Tool calls come whole; the last line has the counts.

use otari_types::{CacheConvention, TokenUsage};
use otari_wire::ollama::{Message, Response};
use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::event::Event;
use crate::route::Wire;

use super::super::blocks::Blocks;
use super::super::stream::ReadFrames;

#[derive(Debug)]
pub(in crate::dialect) struct Frames {
    blocks: Blocks,
}

impl Frames {
    pub(in crate::dialect) fn new(seed: &str) -> Self {
        Self {
            blocks: Blocks::new(seed),
        }
    }

    fn message(&mut self, message: Message<'_>, events: &mut Vec<Event>) {
        self.blocks
            .reasoning(&message.thinking.unwrap_or_default(), events);
        self.blocks
            .text(&message.content.unwrap_or_default(), events);
        for call in message.tool_calls.unwrap_or_default() {
            let function = call.function.unwrap_or_default();
            self.blocks
                .open_tool(call.id, function.name.unwrap_or_default(), events);
            let arguments = function.arguments.map(RawValue::get);
            let arguments = arguments.filter(|text| *text != "null");
            self.blocks.delta(arguments.unwrap_or_default(), events);
            self.blocks.close(events);
        }
    }
}

impl ReadFrames for Frames {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.blocks.has_ended() {
            return Ok(());
        }
        let response: Response<'_> = serde_json::from_slice(data)
            .map_err(|_| DecodeError::Malformed { what: "response" })?;
        if let Some(message) = response.error {
            return Err(DecodeError::Upstream {
                code: String::new(),
                status: None,
                message,
            });
        }
        self.blocks.start(None, response.model, events);
        self.message(response.message.unwrap_or_default(), events);
        if !response.done {
            return Ok(());
        }
        events.push(Event::Usage(TokenUsage {
            input: response.prompt_eval_count,
            output: response.eval_count,
            convention: CacheConvention::Inclusive,
            ..TokenUsage::default()
        }));
        let reason = response.done_reason.unwrap_or_default();
        self.blocks.end(Wire::Ollama, &reason, None, events)
    }

    fn end(&mut self, _events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.blocks.has_ended() {
            Ok(())
        } else {
            Err(DecodeError::Truncated)
        }
    }
}

pub(in crate::dialect) fn decode_reply(body: &[u8], seed: &str) -> Result<Vec<Event>, DecodeError> {
    let mut frames = Frames::new(seed);
    let mut events = Vec::new();
    frames.frame(body, &mut events)?;
    frames.end(&mut events)?;
    Ok(events)
}
