//! Responses answers. Items are followed by `output_index` alone, because some servers change their ids on the way.

use otari_types::{CacheConvention, TokenUsage};
use otari_wire::openai::completion::error_text;
use otari_wire::openai::responses::{Annotation, Item, Response, StreamEvent, Usage};
use serde_json::value::RawValue;

use crate::call::Unknown;
use crate::error::DecodeError;
use crate::event::{Citation, Event, Opening};
use crate::json::Raw;
use crate::origin::{Origin, Signature};
use crate::route::Wire;

use super::super::blocks::Blocks;
use super::super::stream::ReadFrames;

const WIRE: Wire = Wire::OpenAiResponses;
const REASONING: Opening = Opening::Reasoning { redacted: false };

#[derive(Debug)]
pub(in crate::dialect) struct Frames {
    blocks: Blocks,
    /// The item that is being read, and whether it has had deltas: without, its end tells all.
    current: Option<i64>,
    had_delta: bool,
    summaries: i64,
}

impl Frames {
    pub(in crate::dialect) fn new(seed: &str) -> Self {
        Self {
            blocks: Blocks::new(seed),
            current: None,
            had_delta: false,
            summaries: 0,
        }
    }

    fn delta(&mut self, event: &StreamEvent<'_>, opening: Opening, events: &mut Vec<Event>) {
        let text = event.delta.as_deref().unwrap_or_default();
        self.had_delta |= !text.is_empty();
        self.blocks.fragment(opening, text, events);
    }

    fn reasoning(&mut self, event: &StreamEvent<'_>, events: &mut Vec<Event>) {
        if event.summary_index > self.summaries {
            self.summaries = event.summary_index;
            self.blocks.fragment(REASONING, "\n\n", events);
        }
        self.delta(event, REASONING, events);
    }

    fn added(
        &mut self,
        event: &StreamEvent<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let Some(raw) = event.item else {
            return Ok(());
        };
        self.blocks.close(events);
        self.current = Some(event.output_index);
        self.had_delta = false;
        self.summaries = 0;
        let item = read_item(raw)?;
        if item.kind == "function_call" {
            let id = item.call_id.or(item.id);
            self.blocks
                .open_tool(id, item.name.unwrap_or_default(), events);
        }
        Ok(())
    }

    fn done(
        &mut self,
        event: &StreamEvent<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let Some(raw) = event.item else {
            return Ok(());
        };
        let announced = self.current == Some(event.output_index);
        let item = read_item(raw)?;
        if !announced || !self.had_delta {
            whole_item(raw, item, announced, &mut self.blocks, events);
        } else if item.kind == "reasoning" {
            sign(item.encrypted_content, &mut self.blocks, events);
        }
        self.blocks.close(events);
        self.current = None;
        self.had_delta = false;
        Ok(())
    }

    fn terminal(
        &mut self,
        event: StreamEvent<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let response = event.response.unwrap_or_default();
        if let Some(usage) = &response.usage {
            events.push(Event::Usage(token_usage(usage)));
        }
        end(&response, &mut self.blocks, events)
    }
}

impl ReadFrames for Frames {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), DecodeError> {
        // Not of this API, but servers that imitate it send it.
        if self.blocks.has_ended() || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event: StreamEvent<'_> =
            serde_json::from_slice(data).map_err(|_| DecodeError::Malformed {
                what: "stream event",
            })?;
        match event.kind.as_str() {
            "response.created" | "response.in_progress" | "response.queued" => {
                let response = event.response.unwrap_or_default();
                self.blocks.start(response.id, response.model, events);
            }
            "response.output_item.added" => self.added(&event, events)?,
            "response.output_item.done" => self.done(&event, events)?,
            "response.output_text.delta" => self.delta(&event, Opening::Text, events),
            "response.refusal.delta" => self.delta(&event, Opening::Refusal, events),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.reasoning(&event, events);
            }
            "response.function_call_arguments.delta" => {
                let text = event.delta.as_deref().unwrap_or_default();
                self.had_delta |= !text.is_empty();
                self.blocks.delta(text, events);
            }
            "response.output_text.annotation.added" => {
                if let Some(citation) = event.annotation.and_then(citation)
                    && self.blocks.is_open(&Opening::Text)
                {
                    events.push(Event::Citation(citation));
                }
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                return self.terminal(event, events);
            }
            "error" => return Err(failure(&event)),
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
    let mut response: Response<'_> =
        serde_json::from_slice(body).map_err(|_| DecodeError::Malformed { what: "response" })?;
    let mut events = Vec::new();
    let mut blocks = Blocks::new(seed);
    blocks.start(response.id.take(), response.model.take(), &mut events);
    for raw in response.output.take().unwrap_or_default() {
        whole_item(raw, read_item(raw)?, false, &mut blocks, &mut events);
        blocks.close(&mut events);
    }
    if let Some(usage) = &response.usage {
        events.push(Event::Usage(token_usage(usage)));
    }
    end(&response, &mut blocks, &mut events)?;
    Ok(events)
}

fn read_item(raw: &RawValue) -> Result<Item, DecodeError> {
    serde_json::from_str(raw.get()).map_err(|_| DecodeError::Malformed {
        what: "output item",
    })
}

/// An item that came in one piece. `open`: a call of it has been opened already.
fn whole_item(
    raw: &RawValue,
    item: Item,
    open: bool,
    blocks: &mut Blocks,
    events: &mut Vec<Event>,
) {
    match item.kind.as_str() {
        "message" => {
            for part in item.content.unwrap_or_default() {
                blocks.text(&part.text.unwrap_or_default(), events);
                blocks.fragment(Opening::Refusal, &part.refusal.unwrap_or_default(), events);
                let annotations = part.annotations.unwrap_or_default();
                events.extend(
                    annotations
                        .into_iter()
                        .filter_map(citation)
                        .map(Event::Citation),
                );
            }
        }
        "reasoning" => {
            let summary = item.summary.unwrap_or_default();
            let content = item.content.unwrap_or_default();
            let texts = summary.into_iter().chain(content);
            let texts: Vec<String> = texts.filter_map(|part| part.text).collect();
            blocks.reasoning(&texts.join("\n\n"), events);
            sign(item.encrypted_content, blocks, events);
        }
        "function_call" => {
            if !open {
                let id = item.call_id.or(item.id);
                blocks.open_tool(id, item.name.unwrap_or_default(), events);
            }
            blocks.delta(&item.arguments.unwrap_or_default(), events);
        }
        _ => events.push(Event::Unknown(Unknown {
            wire: WIRE,
            raw: Raw::from(raw),
            loc: String::new(),
        })),
    }
}

fn sign(encrypted: Option<String>, blocks: &mut Blocks, events: &mut Vec<Event>) {
    if let Some(value) = encrypted.filter(|text| !text.is_empty()) {
        blocks.sign(Signature::new(Origin::OpenAi, value), false, events);
    }
}

fn end(
    response: &Response<'_>,
    blocks: &mut Blocks,
    events: &mut Vec<Event>,
) -> Result<(), DecodeError> {
    match response.status.as_deref() {
        Some("completed") => blocks.end(WIRE, "completed", None, events),
        Some("incomplete") => {
            let details = response.incomplete_details.as_ref();
            let reason = details.and_then(|details| details.reason.as_deref());
            blocks.end(WIRE, reason.unwrap_or("max_output_tokens"), None, events)
        }
        Some("failed" | "cancelled") => {
            let error = error_text(response.error.map_or("null", RawValue::get));
            Err(DecodeError::Upstream {
                code: error.code,
                status: error.status,
                message: error.message,
            })
        }
        _ => Err(DecodeError::Truncated),
    }
}

fn failure(event: &StreamEvent<'_>) -> DecodeError {
    match event.error {
        Some(raw) => {
            let error = error_text(raw.get());
            DecodeError::Upstream {
                code: error.code,
                status: error.status,
                message: error.message,
            }
        }
        None => DecodeError::Upstream {
            code: event.code.clone().unwrap_or_default(),
            status: None,
            message: event.message.clone().unwrap_or_default(),
        },
    }
}

fn citation(annotation: Annotation) -> Option<Citation> {
    Some(Citation {
        url: annotation.url?,
        title: annotation.title.unwrap_or_default(),
        quote: String::new(),
        range: annotation.start_index.zip(annotation.end_index),
    })
}

fn token_usage(usage: &Usage) -> TokenUsage {
    let input = usage.input_tokens_details.unwrap_or_default();
    let output = usage.output_tokens_details.unwrap_or_default();
    TokenUsage {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: input.cached_tokens,
        cache_write: input.cache_write_tokens,
        cache_write_1h: 0,
        reasoning: output.reasoning_tokens,
        convention: CacheConvention::Inclusive,
    }
}
