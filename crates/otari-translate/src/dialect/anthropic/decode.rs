//! Messages answers.

use otari_types::{CacheConvention, TokenUsage};
use otari_wire::anthropic::{
    Block, Citation as WireCitation, Delta, Error, Message, StreamEvent, Usage,
};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::call::Unknown;
use crate::error::DecodeError;
use crate::event::{Citation, Event, Opening};
use crate::json::Raw;
use crate::origin::{Origin, Signature};
use crate::route::Wire;

use super::super::blocks::Blocks;
use super::super::stream::ReadFrames;

const WIRE: Wire = Wire::Anthropic;

/// Reads the stream's events.
#[derive(Debug)]
pub(in crate::dialect) struct Frames {
    blocks: Blocks,
    stop: Option<(String, Option<String>)>,
    /// The open block is of a kind that is passed on whole, with the fragments of its input.
    unknown: Option<(Unknown, String)>,
}

impl Frames {
    pub(in crate::dialect) fn new(seed: &str) -> Self {
        Self {
            blocks: Blocks::new(seed),
            stop: None,
            unknown: None,
        }
    }

    fn start(&mut self, message: Message<'_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        // Proxies have been seen to splice two answers into one; no client could tell them apart.
        if self.blocks.is_started() {
            return Err(DecodeError::Malformed {
                what: "second message_start",
            });
        }
        // Before the start, so that a surface that tells the input size first can.
        if let Some(usage) = &message.usage {
            events.push(Event::Usage(token_usage(usage)));
        }
        self.blocks.start(message.id, message.model, events);
        Ok(())
    }

    fn delta(&mut self, delta: &Delta, events: &mut Vec<Event>) {
        if let Some((_, input)) = &mut self.unknown {
            input.push_str(delta.partial_json.as_deref().unwrap_or_default());
            return;
        }
        for text in [&delta.text, &delta.thinking, &delta.partial_json]
            .into_iter()
            .flatten()
        {
            self.blocks.delta(text, events);
        }
        if let Some(value) = delta.signature.as_deref().filter(|text| !text.is_empty()) {
            let signature = Signature::new(Origin::Anthropic, value);
            self.blocks.sign(signature, false, events);
        }
        if let Some(citation) = delta.citation.as_ref().and_then(citation) {
            events.push(Event::Citation(citation));
        }
    }
}

impl ReadFrames for Frames {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.blocks.has_ended() {
            return Ok(());
        }
        let event: StreamEvent<'_> =
            serde_json::from_slice(data).map_err(|_| DecodeError::Malformed {
                what: "stream event",
            })?;
        match event.kind.as_str() {
            "message_start" => match event.message {
                Some(message) => self.start(message, events)?,
                None => {
                    return Err(DecodeError::Malformed {
                        what: "message_start",
                    });
                }
            },
            "content_block_start" => {
                if let Some(raw) = event.content_block {
                    let unknown = block(raw, &mut self.blocks, events)?;
                    self.unknown = unknown.map(|unknown| (unknown, String::new()));
                }
            }
            "content_block_delta" => {
                if let Some(delta) = &event.delta {
                    self.delta(delta, events);
                }
            }
            "content_block_stop" => {
                self.blocks.close(events);
                if let Some((unknown, input)) = self.unknown.take() {
                    events.push(Event::Unknown(with_input(unknown, &input)));
                }
            }
            "message_delta" => {
                if let Some(usage) = &event.usage {
                    events.push(Event::Usage(token_usage(usage)));
                }
                if let Some(delta) = event.delta
                    && let Some(reason) = delta.stop_reason
                {
                    self.stop = Some((reason, delta.stop_sequence));
                }
            }
            "message_stop" => return self.end(events),
            "error" => return Err(upstream(event.error.unwrap_or_default())),
            // `ping`, and events yet to be invented.
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.blocks.has_ended() {
            return Ok(());
        }
        let (reason, sequence) = self.stop.take().ok_or(DecodeError::Truncated)?;
        self.blocks.end(WIRE, &reason, sequence, events)
    }
}

pub(in crate::dialect) fn decode_reply(body: &[u8], seed: &str) -> Result<Vec<Event>, DecodeError> {
    let message: Message<'_> =
        serde_json::from_slice(body).map_err(|_| DecodeError::Malformed { what: "message" })?;
    if let Some(error) = message.error {
        return Err(upstream(error));
    }
    let mut events = Vec::new();
    let mut blocks = Blocks::new(seed);
    if let Some(usage) = &message.usage {
        events.push(Event::Usage(token_usage(usage)));
    }
    blocks.start(message.id, message.model, &mut events);
    for raw in message.content {
        let unknown = block(raw, &mut blocks, &mut events)?;
        blocks.close(&mut events);
        events.extend(unknown.map(Event::Unknown));
    }
    let reason = message.stop_reason.ok_or(DecodeError::Truncated)?;
    blocks.end(WIRE, &reason, message.stop_sequence, &mut events)?;
    Ok(events)
}

/// Opens a block with what it brings along: everything in a whole message, little in a stream. Gives back one of a kind
/// that is passed on whole.
fn block(
    raw: &RawValue,
    blocks: &mut Blocks,
    events: &mut Vec<Event>,
) -> Result<Option<Unknown>, DecodeError> {
    let block: Block<'_> = serde_json::from_str(raw.get()).map_err(|_| DecodeError::Malformed {
        what: "content block",
    })?;
    match block.kind.as_str() {
        "text" => {
            blocks.open(Opening::Text, events);
            blocks.delta(&block.text.unwrap_or_default(), events);
            let citations = block.citations.unwrap_or_default();
            events.extend(citations.iter().filter_map(citation).map(Event::Citation));
        }
        "thinking" => {
            blocks.open(Opening::Reasoning { redacted: false }, events);
            blocks.delta(&block.thinking.unwrap_or_default(), events);
            if let Some(value) = block.signature.filter(|text| !text.is_empty()) {
                blocks.sign(Signature::new(Origin::Anthropic, value), false, events);
            }
        }
        "redacted_thinking" => {
            let data = block.data.unwrap_or_default();
            blocks.open(Opening::Reasoning { redacted: true }, events);
            blocks.sign(Signature::new(Origin::Anthropic, data), true, events);
        }
        "tool_use" => {
            blocks.open_tool(block.id, block.name.unwrap_or_default(), events);
            // A stream begins every call with an empty object that means nothing.
            if let Some(input) = block.input.filter(|input| input.get() != "{}") {
                blocks.delta(input.get(), events);
            }
        }
        _ => {
            blocks.close(events);
            return Ok(Some(Unknown {
                wire: WIRE,
                raw: Raw::from(raw),
                loc: String::new(),
            }));
        }
    }
    Ok(None)
}

/// In a stream the input of a provider's own tool comes in fragments, as that of any tool does.
fn with_input(mut unknown: Unknown, input: &str) -> Unknown {
    if let Ok(input) = serde_json::from_str(input)
        && let Value::Object(mut members) = unknown.raw.value()
    {
        members.insert("input".to_owned(), input);
        unknown.raw = Raw::from(&Value::Object(members));
    }
    unknown
}

/// Only sources with an address have a form elsewhere.
fn citation(citation: &WireCitation) -> Option<Citation> {
    Some(Citation {
        url: citation.url.clone()?,
        title: citation.title.clone().unwrap_or_default(),
        quote: citation.cited_text.clone().unwrap_or_default(),
        range: None,
    })
}

fn token_usage(usage: &Usage) -> TokenUsage {
    let usage = usage.billed();
    let creation = usage.cache_creation.unwrap_or_default();
    TokenUsage {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cache_read_input_tokens,
        cache_write: usage.cache_creation_input_tokens,
        cache_write_1h: creation.ephemeral_1h_input_tokens,
        reasoning: usage
            .output_tokens_details
            .unwrap_or_default()
            .thinking_tokens,
        convention: CacheConvention::Additive,
    }
}

fn upstream(error: Error) -> DecodeError {
    DecodeError::Upstream {
        code: error.kind.unwrap_or_default(),
        status: None,
        message: error.message.unwrap_or_default(),
    }
}
