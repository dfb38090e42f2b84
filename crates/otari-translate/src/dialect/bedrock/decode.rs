//! Converse answers, whole and as binary frames.

use bytes::Bytes;
use otari_types::{CacheConvention, TokenUsage};
use otari_wire::bedrock::{
    Block, BlockEvent, Citation as WireCitation, Delta, Exception, MessageStop, Metadata,
    ReasoningContent, Response, ToolUse, Usage,
};
use otari_wire::eventstream::{Frame, FrameBuffer};
use serde::Deserialize;

use crate::error::DecodeError;
use crate::event::{Citation, Event, Opening};
use crate::origin::{Origin, Signature};
use crate::route::Wire;

use super::super::blocks::Blocks;
use super::super::stream::{ReadStream, next_frame};

const WIRE: Wire = Wire::Bedrock;

/// Reads the stream's frames.
#[derive(Debug)]
pub(in crate::dialect) struct Stream {
    buffer: FrameBuffer,
    answer: Answer,
}

#[derive(Debug)]
struct Answer {
    blocks: Blocks,
    /// The block that fragments belong to now. Its start is often left out.
    index: Option<i64>,
    /// Of the open reasoning; comes in fragments.
    signature: String,
    stop: Option<(String, Option<String>)>,
}

impl Stream {
    pub(in crate::dialect) fn new(seed: &str) -> Self {
        Self {
            buffer: FrameBuffer::default(),
            answer: Answer::new(seed),
        }
    }
}

impl ReadStream for Stream {
    fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.buffer.push(&chunk);
        while let Some(frame) = next_frame(&mut self.buffer)? {
            self.answer.frame(&frame, events)?;
        }
        Ok(())
    }

    /// Usage comes after the stop, or before it: only the end of the stream is the end of the answer.
    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.buffer.has_partial() {
            return Err(DecodeError::Truncated);
        }
        self.answer.end(events)
    }
}

impl Answer {
    fn new(seed: &str) -> Self {
        Self {
            blocks: Blocks::new(seed),
            index: None,
            signature: String::new(),
            stop: None,
        }
    }

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let payload = &frame.payload;
        match frame.header(":event-type").unwrap_or_default() {
            "messageStart" => self.blocks.start(None, None, events),
            "contentBlockStart" => {
                let event: BlockEvent<'_> = read(payload)?;
                self.turn_to(event.content_block_index, events);
                if let Some(tool) = event.start.and_then(|start| start.tool_use) {
                    self.open_tool(tool, events);
                }
            }
            "contentBlockDelta" => {
                let event: BlockEvent<'_> = read(payload)?;
                self.turn_to(event.content_block_index, events);
                self.delta(event.delta.unwrap_or_default(), events);
            }
            "contentBlockStop" => self.close(events),
            "messageStop" => {
                let stop: MessageStop = read(payload)?;
                let fields = stop.additional_model_response_fields.unwrap_or_default();
                let reason = stop.stop_reason.ok_or(DecodeError::Truncated)?;
                self.stop = Some((reason, fields.sequence()));
            }
            "metadata" => {
                let metadata: Metadata = read(payload)?;
                events.extend(metadata.usage.as_ref().map(token_usage).map(Event::Usage));
            }
            _ => {}
        }
        Ok(())
    }

    /// A fragment of another block ends the one before it.
    fn turn_to(&mut self, index: i64, events: &mut Vec<Event>) {
        if self.index != Some(index) {
            self.close(events);
            self.index = Some(index);
        }
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if !self.signature.is_empty() {
            let value = std::mem::take(&mut self.signature);
            let signature = Signature::new(Origin::Anthropic, value);
            self.blocks.sign(signature, false, events);
        }
        self.blocks.close(events);
        self.index = None;
    }

    fn open_tool(&mut self, tool: ToolUse<'_>, events: &mut Vec<Event>) {
        let name = tool.name.unwrap_or_default();
        self.blocks.open_tool(tool.tool_use_id, name, events);
    }

    fn delta(&mut self, delta: Delta<'_>, events: &mut Vec<Event>) {
        self.blocks
            .text(delta.text.as_deref().unwrap_or_default(), events);
        if let Some(input) = delta.tool_use.and_then(|tool| tool.input) {
            let fragment: String = serde_json::from_str(input.get()).unwrap_or_default();
            self.blocks.delta(&fragment, events);
        }
        if let Some(content) = delta.reasoning_content {
            self.reasoning(content, events);
        }
        let citation = delta.citation.as_ref().and_then(citation);
        if self.blocks.is_open(&Opening::Text) {
            events.extend(citation.map(Event::Citation));
        }
    }

    /// Nested or flat.
    fn reasoning(&mut self, content: ReasoningContent, events: &mut Vec<Event>) {
        let nested = content.reasoning_text.unwrap_or_default();
        let text = content.text.or(nested.text).unwrap_or_default();
        self.blocks.reasoning(&text, events);
        self.signature
            .push_str(&content.signature.or(nested.signature).unwrap_or_default());
        if let Some(data) = content.redacted_content {
            self.blocks
                .open(Opening::Reasoning { redacted: true }, events);
            let signature = Signature::new(Origin::Anthropic, data);
            self.blocks.sign(signature, true, events);
        }
    }

    fn whole(&mut self, block: Block<'_>, events: &mut Vec<Event>) {
        let text = block.text.unwrap_or_default();
        self.blocks.text(&text, events);
        if let Some(tool) = block.tool_use {
            let input = tool.input;
            self.open_tool(tool, events);
            let arguments = input.map(serde_json::value::RawValue::get);
            self.blocks.delta(arguments.unwrap_or_default(), events);
        }
        if let Some(content) = block.reasoning_content {
            self.reasoning(content, events);
        }
        if let Some(cited) = block.citations_content {
            for part in cited.content {
                self.blocks.text(&part.text.unwrap_or_default(), events);
            }
            if self.blocks.is_open(&Opening::Text) {
                let citations = cited.citations.iter().filter_map(citation);
                events.extend(citations.map(Event::Citation));
            }
        }
        self.close(events);
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let (reason, sequence) = self.stop.take().ok_or(DecodeError::Truncated)?;
        self.close(events);
        self.blocks.end(WIRE, &reason, sequence, events)
    }
}

pub(in crate::dialect) fn decode_reply(body: &[u8], seed: &str) -> Result<Vec<Event>, DecodeError> {
    let response: Response<'_> =
        serde_json::from_slice(body).map_err(|_| DecodeError::Malformed { what: "response" })?;
    let mut events = Vec::new();
    let mut answer = Answer::new(seed);
    answer.blocks.start(None, None, &mut events);
    let message = response.output.and_then(|output| output.message);
    for block in message.unwrap_or_default().content {
        answer.whole(block, &mut events);
    }
    events.extend(response.usage.as_ref().map(token_usage).map(Event::Usage));
    let fields = response.additional_model_response_fields;
    let sequence = fields.and_then(otari_wire::bedrock::StopFields::sequence);
    answer.stop = response.stop_reason.map(|reason| (reason, sequence));
    answer.end(&mut events)?;
    Ok(events)
}

fn read<'a, T: Deserialize<'a>>(payload: &'a Bytes) -> Result<T, DecodeError> {
    serde_json::from_slice(payload).map_err(|_| DecodeError::Malformed {
        what: "stream event",
    })
}

/// Only sources with an address have a form elsewhere.
fn citation(citation: &WireCitation) -> Option<Citation> {
    let location = citation.location.as_ref()?;
    let quotes = citation.source_content.iter();
    let quotes: Vec<&str> = quotes.filter_map(|part| part.text.as_deref()).collect();
    Some(Citation {
        url: location.web.as_ref()?.url.clone()?,
        title: citation.title.clone().unwrap_or_default(),
        quote: quotes.join("\n"),
        range: None,
    })
}

fn token_usage(usage: &Usage) -> TokenUsage {
    let details = usage.cache_details.as_deref().unwrap_or_default();
    let hour = details.iter().filter(|detail| detail.ttl == "1h");
    TokenUsage {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cache_read_input_tokens,
        cache_write: usage.cache_write_input_tokens,
        cache_write_1h: hour.map(|detail| detail.input_tokens).sum(),
        reasoning: 0,
        convention: CacheConvention::Additive,
    }
}

/// An exception inside a stream that began with success; the same for every service that streams this way.
pub(in crate::dialect) fn exception(frame: &Frame) -> Option<DecodeError> {
    let kind = frame.header(":message-type").unwrap_or_default();
    let code = frame
        .header(":exception-type")
        .or_else(|| frame.header(":error-code"));
    if code.is_none() && !matches!(kind, "exception" | "error") {
        return None;
    }
    let code = code.unwrap_or_default();
    let exception: Exception = serde_json::from_slice(&frame.payload).unwrap_or_default();
    let status = match code.to_ascii_lowercase().as_str() {
        "throttlingexception" => Some(429),
        "validationexception" | "validationerror" => Some(400),
        "modelstreamerrorexception" | "modelstreamerror" => Some(424),
        "modeltimeoutexception" => Some(408),
        "serviceunavailableexception" => Some(503),
        "internalserverexception" | "internalstreamfailure" => Some(500),
        _ => None,
    };
    let said = frame.header(":error-message").map(ToOwned::to_owned);
    let message = exception.message.or(exception.original_message).or(said);
    Some(DecodeError::Upstream {
        code: code.to_owned(),
        status: exception.original_status_code.or(status),
        message: message.unwrap_or_default(),
    })
}
