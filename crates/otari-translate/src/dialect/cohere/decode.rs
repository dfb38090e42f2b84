//! Cohere answers. Finish reason and usage come at the very end only.

use otari_types::{CacheConvention, TokenUsage};
use otari_wire::cohere::{
    Citation as WireCitation, Content, Delta, DeltaMessage, Response, StreamEvent, ToolCall, Usage,
};
use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::event::{Citation, Event, Opening};
use crate::route::Wire;

use super::super::blocks::Blocks;
use super::super::stream::ReadFrames;

const WIRE: Wire = Wire::Cohere;

#[derive(Debug)]
pub(in crate::dialect) struct Frames {
    blocks: Blocks,
    /// The arguments so far of the open call, held back while they could still become `null`, which is how a call
    /// without arguments may be written.
    held: Option<String>,
}

impl Frames {
    pub(in crate::dialect) fn new(seed: &str) -> Self {
        Self {
            blocks: Blocks::new(seed),
            held: None,
        }
    }

    fn content(&mut self, message: &DeltaMessage<'_>, events: &mut Vec<Event>) {
        let raw = message.content.map(RawValue::get).unwrap_or_default();
        let content: Content = serde_json::from_str(raw).unwrap_or_default();
        self.blocks
            .reasoning(content.thinking.as_deref().unwrap_or_default(), events);
        self.blocks
            .text(content.text.as_deref().unwrap_or_default(), events);
    }

    fn tool_call(&mut self, message: &DeltaMessage<'_>, events: &mut Vec<Event>) {
        let raw = message.tool_calls.map(RawValue::get).unwrap_or_default();
        let call: ToolCall = serde_json::from_str(raw).unwrap_or_default();
        let function = call.function.unwrap_or_default();
        if let Some(name) = function.name {
            self.blocks.open_tool(call.id, name, events);
            self.held = Some(String::new());
        }
        let fragment = function.arguments.unwrap_or_default();
        let Some(mut held) = self.held.take() else {
            self.blocks.delta(&fragment, events);
            return;
        };
        held.push_str(&fragment);
        if "null".starts_with(held.as_str()) {
            self.held = Some(held);
        } else {
            self.blocks.delta(&held, events);
        }
    }

    /// Citations stand among the fragments of the text they belong to.
    fn cite(&mut self, cited: &WireCitation, events: &mut Vec<Event>) {
        if self.blocks.is_open(&Opening::Text) {
            events.extend(citations(cited).map(Event::Citation));
        }
    }

    fn message_end(
        &mut self,
        delta: Delta<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        if let Some(usage) = &delta.usage {
            events.push(Event::Usage(token_usage(usage)));
        }
        let reason = delta.finish_reason.ok_or(DecodeError::Truncated)?;
        end(&mut self.blocks, &reason, delta.error, events)
    }
}

impl ReadFrames for Frames {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.blocks.has_ended() || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event: StreamEvent<'_> =
            serde_json::from_slice(data).map_err(|_| DecodeError::Malformed {
                what: "stream event",
            })?;
        let delta = event.delta.unwrap_or_default();
        let message = delta.message.as_ref();
        match event.kind.as_str() {
            "message-start" => self.blocks.start(event.id, None, events),
            "tool-plan-delta" => {
                let plan = message.and_then(|message| message.tool_plan.as_deref());
                self.blocks.text(plan.unwrap_or_default(), events);
            }
            "content-start" | "content-delta" => {
                if let Some(message) = message {
                    self.content(message, events);
                }
            }
            "tool-call-start" | "tool-call-delta" => {
                if let Some(message) = message {
                    self.tool_call(message, events);
                }
            }
            "citation-start" => {
                let raw = message.and_then(|message| message.citations);
                let raw = raw.map(RawValue::get).unwrap_or_default();
                let cited: WireCitation = serde_json::from_str(raw).unwrap_or_default();
                self.cite(&cited, events);
            }
            "content-end" | "tool-call-end" => {
                self.held = None;
                self.blocks.close(events);
            }
            "message-end" => return self.message_end(delta, events),
            _ => {}
        }
        Ok(())
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
    let response: Response =
        serde_json::from_slice(body).map_err(|_| DecodeError::Malformed { what: "response" })?;
    let mut events = Vec::new();
    let mut blocks = Blocks::new(seed);
    blocks.start(response.id, None, &mut events);
    let message = response.message.unwrap_or_default();
    let plan = message.tool_plan.unwrap_or_default();
    blocks.text(&plan, &mut events);
    for content in message.content.unwrap_or_default() {
        blocks.reasoning(content.thinking.as_deref().unwrap_or_default(), &mut events);
        blocks.text(content.text.as_deref().unwrap_or_default(), &mut events);
    }
    if blocks.is_open(&Opening::Text) {
        let cited = message.citations.unwrap_or_default();
        events.extend(cited.iter().flat_map(citations).map(Event::Citation));
    }
    for call in message.tool_calls.unwrap_or_default() {
        let function = call.function.unwrap_or_default();
        blocks.open_tool(call.id, function.name.unwrap_or_default(), &mut events);
        let arguments = function.arguments.filter(|text| text != "null");
        blocks.delta(&arguments.unwrap_or_default(), &mut events);
    }
    if let Some(usage) = &response.usage {
        events.push(Event::Usage(token_usage(usage)));
    }
    let reason = response.finish_reason.ok_or(DecodeError::Truncated)?;
    end(&mut blocks, &reason, None, &mut events)?;
    Ok(events)
}

fn end(
    blocks: &mut Blocks,
    reason: &str,
    error: Option<String>,
    events: &mut Vec<Event>,
) -> Result<(), DecodeError> {
    match blocks.end(WIRE, reason, None, events) {
        Err(DecodeError::Upstream { code, message, .. }) => Err(DecodeError::Upstream {
            code,
            status: None,
            message: error.unwrap_or(message),
        }),
        other => other,
    }
}

/// Only text rests on sources elsewhere, and only sources with an address have a form there.
fn citations(cited: &WireCitation) -> impl Iterator<Item = Citation> {
    let of_text = cited
        .kind
        .as_deref()
        .is_none_or(|kind| kind == "TEXT_CONTENT");
    let sources = cited.sources.iter().filter(move |_| of_text);
    let addresses = sources.flat_map(|source| [&source.document, &source.tool_output]);
    addresses.flatten().filter_map(|address| {
        Some(Citation {
            url: address.url.clone()?,
            title: address.title.clone().unwrap_or_default(),
            quote: cited.text.clone().unwrap_or_default(),
            range: cited.start.zip(cited.end),
        })
    })
}

fn token_usage(usage: &Usage) -> TokenUsage {
    let counts = usage.billed_units.or(usage.tokens).unwrap_or_default();
    TokenUsage {
        input: counts.input_tokens,
        output: counts.output_tokens,
        convention: CacheConvention::Inclusive,
        ..TokenUsage::default()
    }
}
