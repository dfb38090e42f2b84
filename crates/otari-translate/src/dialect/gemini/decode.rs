//! Gemini answers. A stream is the same object again and again, each with the new parts.

use otari_types::{CacheConvention, TokenUsage};
use otari_wire::gemini::{Candidate, Error, Grounding, InlineData, Part, Response, UsageMetadata};
use serde_json::value::RawValue;

use crate::call::{Media, MediaKind, Source, Unknown};
use crate::error::DecodeError;
use crate::event::{Citation, Event, FinishReason, Opening};
use crate::json::{Json, Object, Raw};
use crate::origin::{Origin, Signature};
use crate::route::Wire;

use super::super::blocks::Blocks;
use super::super::stream::ReadFrames;

const WIRE: Wire = Wire::Gemini;

/// Reads the first candidate.
#[derive(Debug)]
pub(in crate::dialect) struct Frames {
    blocks: Blocks,
    finish: Option<(String, Option<String>)>,
    blocked: bool,
}

impl Frames {
    pub(in crate::dialect) fn new(seed: &str) -> Self {
        Self {
            blocks: Blocks::new(seed),
            finish: None,
            blocked: false,
        }
    }

    fn response(
        &mut self,
        response: Response<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        if let Some(error) = response.error {
            return Err(upstream(error));
        }
        self.blocks
            .start(response.response_id, response.model_version, events);
        let feedback = response.prompt_feedback.unwrap_or_default();
        self.blocked |= feedback.block_reason.is_some();
        let candidates = response.candidates.unwrap_or_default();
        for candidate in candidates
            .into_iter()
            .filter(|candidate| candidate.index == 0)
        {
            self.candidate(candidate, events);
        }
        // Some chunks carry the object with nothing in it that counts.
        if let Some(usage) = response
            .usage_metadata
            .filter(|usage| *usage != UsageMetadata::default())
        {
            events.push(Event::Usage(token_usage(&usage)));
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: Candidate<'_>, events: &mut Vec<Event>) {
        let parts = candidate.content.and_then(|content| content.parts);
        for part in parts.unwrap_or_default() {
            self.part(part, events);
        }
        if let Some(grounding) = &candidate.grounding_metadata {
            self.cite(grounding, events);
        }
        if let Some(reason) = candidate.finish_reason {
            self.finish = Some((reason, candidate.finish_message));
        }
    }

    fn part(&mut self, part: Part<'_>, events: &mut Vec<Event>) {
        // A signature stands before what it signs, or ends the thought that led there.
        if let Some(value) = part.thought_signature.filter(|text| !text.is_empty()) {
            let signature = Signature::new(Origin::Google, value);
            if part.thought {
                self.blocks
                    .reasoning(part.text.as_deref().unwrap_or_default(), events);
            }
            self.blocks.sign(signature, false, events);
            self.blocks.close(events);
            if part.thought {
                return;
            }
        }
        if let Some(call) = part.function_call {
            let Some(name) = call.name else {
                return;
            };
            self.blocks.open_tool(call.id, name, events);
            if let Some(args) = call.args {
                self.blocks.delta(args.get(), events);
            }
            self.blocks.close(events);
            return;
        }
        if let Some(data) = part.inline_data {
            // Sketches on the way to the picture are thoughts.
            if !part.thought {
                self.media(data, events);
            }
            return;
        }
        for (name, raw) in [
            ("executableCode", part.executable_code),
            ("codeExecutionResult", part.code_execution_result),
        ] {
            if let Some(raw) = raw {
                self.unknown(name, raw, events);
            }
        }
        let text = part.text.unwrap_or_default();
        if part.thought {
            self.blocks.reasoning(&text, events);
        } else {
            self.blocks.text(&text, events);
        }
    }

    fn media(&mut self, data: InlineData, events: &mut Vec<Event>) {
        let kind = match data.mime_type.split('/').next() {
            Some("image") => MediaKind::Image,
            Some("audio") => MediaKind::Audio,
            _ => MediaKind::File,
        };
        self.blocks.close(events);
        self.blocks.start(None, None, events);
        events.push(Event::Media(Media {
            kind,
            source: Source::Data(data.data),
            mime: Some(data.mime_type),
            filename: None,
            detail: None,
        }));
    }

    /// Code that the provider ran itself.
    fn unknown(&mut self, name: &'static str, raw: &RawValue, events: &mut Vec<Event>) {
        self.blocks.close(events);
        self.blocks.start(None, None, events);
        let part = Json::Object(Object::new().with(name, Raw::from(raw)));
        if let Some(raw) = Raw::parse(&part.to_text()) {
            events.push(Event::Unknown(Unknown {
                wire: WIRE,
                raw,
                loc: String::new(),
            }));
        }
    }

    fn cite(&self, grounding: &Grounding, events: &mut Vec<Event>) {
        if !self.blocks.is_open(&Opening::Text) {
            return;
        }
        for web in grounding
            .grounding_chunks
            .iter()
            .filter_map(|chunk| chunk.web.as_ref())
        {
            events.push(Event::Citation(Citation {
                url: web.uri.clone(),
                title: web.title.clone(),
                ..Citation::default()
            }));
        }
    }
}

impl ReadFrames for Frames {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let response = serde_json::from_slice(data).map_err(|_| DecodeError::Malformed {
            what: "stream response",
        })?;
        self.response(response, events)
    }

    /// The end of the connection is the end of the answer: a finish reason can be followed by more parts.
    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.blocks.has_ended() {
            return Ok(());
        }
        match self.finish.take() {
            Some((reason, message)) => match self.blocks.end(WIRE, &reason, None, events) {
                Err(DecodeError::Upstream { code, .. }) => Err(DecodeError::Upstream {
                    message: message.unwrap_or_else(|| format!("the answer ended with {code}")),
                    code,
                    status: None,
                }),
                other => other,
            },
            None if self.blocked => {
                self.blocks
                    .end_with(FinishReason::ContentFilter, None, events);
                Ok(())
            }
            None => Err(DecodeError::Truncated),
        }
    }
}

pub(in crate::dialect) fn decode_reply(body: &[u8], seed: &str) -> Result<Vec<Event>, DecodeError> {
    let response =
        serde_json::from_slice(body).map_err(|_| DecodeError::Malformed { what: "response" })?;
    let mut frames = Frames::new(seed);
    let mut events = Vec::new();
    frames.response(response, &mut events)?;
    frames.end(&mut events)?;
    Ok(events)
}

fn token_usage(usage: &UsageMetadata) -> TokenUsage {
    TokenUsage {
        input: usage
            .prompt_token_count
            .saturating_add(usage.tool_use_prompt_token_count),
        output: usage
            .candidates_token_count
            .saturating_add(usage.thoughts_token_count),
        cache_read: usage.cached_content_token_count,
        cache_write: 0,
        cache_write_1h: 0,
        reasoning: usage.thoughts_token_count,
        convention: CacheConvention::Inclusive,
    }
}

fn upstream(error: Error) -> DecodeError {
    DecodeError::Upstream {
        code: error.status.unwrap_or_default(),
        status: error.code,
        message: error.message.unwrap_or_default(),
    }
}
