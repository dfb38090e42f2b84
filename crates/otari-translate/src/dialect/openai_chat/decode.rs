//! Chat answers, with the liberties that servers take.

use otari_types::{CacheConvention, TokenUsage};
use otari_wire::openai::completion::{Annotation, Choice, Completion, Message, error_text};
use otari_wire::openai::usage::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::DecodeError;
use crate::event::{Citation, Event, Logprobs, Opening};
use crate::json::Raw;
use crate::origin::{Origin, Signature};
use crate::route::Wire;

use super::super::blocks::Blocks;
use super::super::stream::ReadFrames;
use super::tool_calls::ToolCalls;

const WIRE: Wire = Wire::OpenAiChat;

/// Reads the chunks of as many answers as were asked for.
#[derive(Debug)]
pub(in crate::dialect) struct Frames {
    seed: String,
    /// The first, and others as they appear.
    answers: Vec<Answer>,
    /// How many answers there must be. A server that sends more than that numbers them for its own ends.
    wanted: i64,
    /// Whose events were written last.
    current: i64,
}

/// One answer.
#[derive(Debug)]
struct Answer {
    index: i64,
    blocks: Blocks,
    calls: ToolCalls,
    finish: Option<String>,
}

impl Frames {
    pub(in crate::dialect) fn new(seed: &str, wanted: i64) -> Self {
        Self {
            seed: seed.to_owned(),
            answers: vec![Answer::new(0, Blocks::new(seed))],
            wanted: wanted.max(1),
            current: 0,
        }
    }

    fn completion(
        &mut self,
        completion: Completion<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        check(&completion)?;
        let usage = completion
            .usage
            .or_else(|| completion.x_groq.as_ref().and_then(|extra| extra.usage));
        let choices = completion.choices.unwrap_or_default();
        // Azure begins with a chunk that has neither choices nor an id.
        if !choices.is_empty()
            && let Some(first) = self.answers.first_mut()
        {
            let model = completion.model.or(completion.model_id);
            first.blocks.start(completion.id, model, events);
        }
        for choice in choices {
            if (0..self.wanted).contains(&choice.index) {
                self.turn_to(choice.index, events).choice(choice, events);
            }
        }
        if let Some(usage) = usage.filter(|usage| !usage.is_empty()) {
            events.push(Event::Usage(token_usage(&usage)));
        }
        Ok(())
    }

    fn turn_to(&mut self, index: i64, events: &mut Vec<Event>) -> &mut Answer {
        if self.current != index {
            self.current = index;
            events.push(Event::Choice(index));
        }
        let at = self.answers.iter().position(|answer| answer.index == index);
        let at = at.unwrap_or(self.answers.len());
        if at == self.answers.len() {
            let blocks = Blocks::following(&self.seed, index);
            self.answers.push(Answer::new(index, blocks));
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "found in the list, or just pushed to it"
        )]
        &mut self.answers[at]
    }

    fn has_ended(&self) -> bool {
        self.answers.iter().all(|answer| answer.blocks.has_ended())
    }
}

impl Answer {
    fn new(index: i64, blocks: Blocks) -> Self {
        Self {
            index,
            blocks,
            calls: ToolCalls::default(),
            finish: None,
        }
    }

    fn choice(&mut self, choice: Choice<'_>, events: &mut Vec<Event>) {
        if let Some(known) = choice.logprobs {
            let raws = |list: Option<Vec<&RawValue>>| {
                let list = list.unwrap_or_default().into_iter();
                list.map(Raw::from).collect()
            };
            let logprobs = Logprobs {
                content: raws(known.content),
                refusal: raws(known.refusal),
            };
            events.extend((!logprobs.is_empty()).then_some(Event::Logprobs(logprobs)));
        }
        if let Some(message) = choice.delta.or(choice.message) {
            self.message(&message, events);
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(reason);
        }
    }

    fn message(&mut self, message: &Message<'_>, events: &mut Vec<Event>) {
        let reasoning = match (&message.reasoning_content, message.reasoning) {
            (Some(text), _) => Some(text.clone()),
            (None, Some(raw)) => reasoning_text(raw),
            (None, None) => None,
        };
        self.blocks
            .reasoning(&reasoning.unwrap_or_default(), events);
        if let Some(content) = message.content.filter(|raw| !is_nothing(raw)) {
            // Text after calls ends them: what comes later could not be told from it.
            self.calls.finish(&mut self.blocks, events);
            self.content(content, events);
        }
        for annotation in message.annotations.iter().flatten() {
            if let Some(citation) = citation(annotation)
                && self.blocks.is_open(&Opening::Text)
            {
                events.push(Event::Citation(citation));
            }
        }
        if let Some(refusal) = &message.refusal {
            self.blocks.fragment(Opening::Refusal, refusal, events);
        }
        for call in message.tool_calls.iter().flatten() {
            self.calls.push(call, &mut self.blocks, events);
        }
    }

    /// A text, or a list of parts of which some are thinking.
    fn content(&mut self, raw: &RawValue, events: &mut Vec<Event>) {
        if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
            self.blocks.text(&text, events);
            return;
        }
        let parts: Vec<ContentPart> = serde_json::from_str(raw.get()).unwrap_or_default();
        for part in parts {
            for inner in part.thinking.unwrap_or_default() {
                self.blocks
                    .reasoning(&inner.text.unwrap_or_default(), events);
            }
            if let Some(value) = part.signature.filter(|value| !value.is_empty()) {
                let signature = Signature::new(Origin::Mistral, value);
                self.blocks.sign(signature, false, events);
                self.blocks.close(events);
            }
            self.blocks.text(&part.text.unwrap_or_default(), events);
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContentPart {
    text: Option<String>,
    thinking: Option<Vec<ContentPart>>,
    signature: Option<String>,
}

impl ReadFrames for Frames {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.has_ended() {
            return Ok(());
        }
        if data.trim_ascii() == b"[DONE]" {
            return self.end(events);
        }
        let completion = serde_json::from_slice(data).map_err(|_| DecodeError::Malformed {
            what: "stream chunk",
        })?;
        self.completion(completion, events)
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        if self.has_ended() {
            return Ok(());
        }
        let mut indices: Vec<i64> = self.answers.iter().map(|answer| answer.index).collect();
        indices.sort_unstable();
        if i64::try_from(indices.len()) != Ok(self.wanted) {
            return Err(DecodeError::Truncated);
        }
        if self.answers.iter().any(|answer| answer.finish.is_none()) {
            return Err(DecodeError::Truncated);
        }
        for index in indices {
            let answer = self.turn_to(index, events);
            let reason = answer.finish.take().ok_or(DecodeError::Truncated)?;
            answer.calls.finish(&mut answer.blocks, events);
            answer.blocks.end(WIRE, &reason, None, events)?;
        }
        Ok(())
    }
}

pub(in crate::dialect) fn decode_reply(
    body: &[u8],
    seed: &str,
    wanted: i64,
) -> Result<Vec<Event>, DecodeError> {
    // DeepSeek sends blank lines while it is busy; JSON allows them.
    let completion =
        serde_json::from_slice(body).map_err(|_| DecodeError::Malformed { what: "completion" })?;
    let mut frames = Frames::new(seed, wanted);
    let mut events = Vec::new();
    frames.completion(completion, &mut events)?;
    frames.end(&mut events)?;
    Ok(events)
}

/// Errors come under a status of success too, in several shapes.
fn check(completion: &Completion<'_>) -> Result<(), DecodeError> {
    let nested = completion.x_groq.as_ref().and_then(|extra| extra.error);
    let listed = completion.errors.iter().flatten().next().copied();
    if let Some(raw) = completion.error.or(nested).or(listed) {
        let error = error_text(raw.get());
        return Err(DecodeError::Upstream {
            code: error.code,
            status: error.status,
            message: error.message,
        });
    }
    if completion.object.as_deref() == Some("error") {
        return Err(DecodeError::Upstream {
            code: String::new(),
            status: None,
            message: completion.message.clone().unwrap_or_default(),
        });
    }
    match &completion.base_resp {
        Some(base) if base.status_code != 0 => Err(DecodeError::Upstream {
            code: base.status_code.to_string(),
            status: None,
            message: base.status_msg.clone(),
        }),
        _ => Ok(()),
    }
}

fn is_nothing(raw: &RawValue) -> bool {
    matches!(raw.get(), "null" | "\"\"" | "[]")
}

fn reasoning_text(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Shape {
        Text(String),
        Object { content: Option<String> },
    }
    match serde_json::from_str(raw.get()) {
        Ok(Shape::Text(text)) => Some(text),
        Ok(Shape::Object { content }) => content,
        Err(_) => None,
    }
}

fn citation(annotation: &Annotation) -> Option<Citation> {
    let url = annotation.url_citation.as_ref()?;
    Some(Citation {
        url: url.url.clone(),
        title: url.title.clone(),
        quote: String::new(),
        range: url.start_index.zip(url.end_index),
    })
}

fn token_usage(usage: &Usage) -> TokenUsage {
    let prompt = usage.prompt_tokens_details.unwrap_or_default();
    let completion = usage.completion_tokens_details.unwrap_or_default();
    // xAI and others count reasoning beside the completion. The total gives them away.
    let beside = usage
        .prompt_tokens
        .saturating_add(usage.completion_tokens)
        .saturating_add(completion.reasoning_tokens);
    let outside = if usage.total_tokens == beside {
        completion.reasoning_tokens
    } else {
        0
    };
    TokenUsage {
        input: usage.prompt_tokens,
        output: usage.completion_tokens.saturating_add(outside),
        cache_read: usage.cache_read(),
        cache_write: prompt.cache_write_tokens,
        cache_write_1h: 0,
        reasoning: completion.reasoning_tokens,
        convention: CacheConvention::Inclusive,
    }
}
