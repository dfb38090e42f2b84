//! Answers: a stream is the same object again and again, each with the new parts.

use otari_types::TokenUsage;
use otari_wire::sse::data_frame;

use crate::call::{Block, Call, Media, Reasoning, Source, ToolCall, Unknown};
use crate::collect::{Reply, ReplyBlock};
use crate::event::{Citation, Event, Finish, FinishReason, Opening};
use crate::json::{Json, Object};
use crate::origin::{Origin, Signature};
use crate::read::root;
use crate::route::Wire;
use crate::surface::{Envelope, Failure, line};

use super::signature::to_client;

/// Tool calls are written whole. The last object of each answer says why it ended, the very last what it cost.
#[derive(Debug)]
pub(in crate::surface) struct Renderer {
    envelope: Envelope,
    usage: Option<TokenUsage>,
    answers: Vec<Answer>,
    /// Whose events follow.
    current: i64,
    /// Answers that have not finished.
    missing: i64,
}

#[derive(Debug)]
struct Answer {
    index: i64,
    open: Option<Opening>,
    /// Of the open tool call.
    arguments: String,
    /// Google's signature, which waits for the part it signs.
    signature: Option<String>,
}

impl Renderer {
    pub(in crate::surface) fn new(call: &Call, envelope: Envelope) -> Self {
        Self {
            envelope,
            usage: None,
            answers: Vec::new(),
            current: 0,
            missing: call.choices.unwrap_or(1),
        }
    }

    pub(in crate::surface) fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Choice(index) => self.current = *index,
            Event::Usage(usage) => match &mut self.usage {
                Some(known) => known.merge(usage),
                None => self.usage = Some(*usage),
            },
            Event::Finish(finish) => self.finish(finish, out),
            Event::Citation(citation) => {
                let candidate = candidate(self.current, Vec::new())
                    .with("groundingMetadata", grounding(&[citation]));
                self.chunk(candidate, None, out);
            }
            _ => {
                let answer = self.answer();
                let index = answer.index;
                if let Some(part) = answer.part(event) {
                    self.chunk(candidate(index, vec![Json::Object(part)]), None, out);
                }
            }
        }
    }

    fn answer(&mut self) -> &mut Answer {
        let known = self.answers.iter();
        let at = known
            .take_while(|answer| answer.index != self.current)
            .count();
        if at == self.answers.len() {
            self.answers.push(Answer::new(self.current));
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "found in the list, or just pushed to it"
        )]
        &mut self.answers[at]
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        let answer = self.answer();
        let last = Object::new()
            .with("text", "")
            .with_some("thoughtSignature", answer.signature.take());
        let candidate = candidate(answer.index, vec![Json::Object(last)])
            .with("finishReason", finish_reason(finish));
        self.missing -= 1;
        let usage = self.usage.filter(|_| self.missing <= 0);
        self.chunk(candidate, usage.as_ref(), out);
    }

    fn chunk(&self, candidate: Object, usage: Option<&TokenUsage>, out: &mut Vec<u8>) {
        let candidates = vec![Json::Object(candidate)];
        let response = response(&self.envelope, candidates, usage);
        out.extend_from_slice(&data_frame(&line(&response)));
    }
}

impl Answer {
    fn new(index: i64) -> Self {
        Self {
            index,
            open: None,
            arguments: String::new(),
            signature: None,
        }
    }

    /// The part an event makes, if it makes one by itself.
    fn part(&mut self, event: &Event) -> Option<Object> {
        match event {
            Event::Open(opening) => {
                self.open = Some(opening.clone());
                None
            }
            Event::Delta(text) => match &self.open {
                Some(Opening::Text | Opening::Refusal) => {
                    Some(self.signed(Object::new().with("text", text)))
                }
                Some(Opening::Reasoning { .. }) => Some(thought(text)),
                Some(Opening::ToolCall { .. }) => {
                    self.arguments.push_str(text);
                    None
                }
                None => None,
            },
            Event::Signature(signature) => {
                let redacted = self.open == Some(Opening::Reasoning { redacted: true });
                let value = self.sign(signature, redacted)?;
                Some(thought("").with("thoughtSignature", value))
            }
            Event::Close => match self.open.take() {
                Some(Opening::ToolCall { id, name }) => {
                    let arguments = std::mem::take(&mut self.arguments);
                    let part = function_call(&ToolCall {
                        id,
                        name,
                        arguments,
                    });
                    Some(self.signed(part))
                }
                _ => None,
            },
            Event::Media(media) => Some(self.signed(inline(media)?)),
            Event::Unknown(unknown) => own_part(unknown),
            _ => None,
        }
    }

    fn signed(&mut self, part: Object) -> Object {
        part.with_some("thoughtSignature", self.signature.take())
    }

    /// Google's own waits for what it signs; a foreign one ends the thought that led to it.
    fn sign(&mut self, signature: &Signature, redacted: bool) -> Option<String> {
        let value = to_client(signature, redacted);
        if signature.origin == Origin::Google {
            self.signature = Some(value);
            return None;
        }
        Some(value)
    }
}

pub(in crate::surface) fn render_failure(failure: Failure<'_>, out: &mut Vec<u8>) {
    let (code, status) = match failure.kind {
        "invalid_request_error" => (400, "INVALID_ARGUMENT"),
        "authentication_error" => (401, "UNAUTHENTICATED"),
        "permission_error" => (403, "PERMISSION_DENIED"),
        "not_found_error" => (404, "NOT_FOUND"),
        "rate_limit_error" | "insufficient_quota" => (429, "RESOURCE_EXHAUSTED"),
        "overloaded_error" => (503, "UNAVAILABLE"),
        "timeout_error" => (504, "DEADLINE_EXCEEDED"),
        _ => (500, "INTERNAL"),
    };
    let error = Object::new()
        .with("code", Json::Int(code))
        .with("message", failure.message)
        .with("status", status);
    out.extend_from_slice(&data_frame(&Object::new().with("error", error).to_vec()));
}

pub(in crate::surface) fn render_reply(envelope: &Envelope, reply: &Reply) -> Vec<u8> {
    let mut candidates = vec![whole(0, &reply.blocks, &reply.finish)];
    for other in &reply.others {
        candidates.push(whole(other.index, &other.blocks, &other.finish));
    }
    response(envelope, candidates, reply.usage.as_ref()).to_vec()
}

fn whole(index: i64, blocks: &[ReplyBlock], finish: &Finish) -> Json {
    let mut answer = Answer::new(index);
    let mut parts = Vec::new();
    let mut citations = Vec::new();
    for block in blocks {
        citations.extend(&block.citations);
        let part = match &block.block {
            Block::Text(text) | Block::Refusal(text) => Some(Object::new().with("text", text)),
            Block::ToolCall(call) => Some(function_call(call)),
            Block::Media(media) => inline(media),
            Block::Unknown(unknown) => own_part(unknown),
            Block::Reasoning(reasoning) => {
                parts.extend(reasoning_part(reasoning, &mut answer));
                None
            }
            Block::ToolResult(_) => None,
        };
        parts.extend(part.map(|part| Json::Object(answer.signed(part))));
    }
    if answer.signature.is_some() {
        parts.push(Json::Object(answer.signed(Object::new().with("text", ""))));
    }
    let mut candidate = candidate(index, parts).with("finishReason", finish_reason(finish));
    if !citations.is_empty() {
        candidate.set("groundingMetadata", grounding(&citations));
    }
    Json::Object(candidate)
}

fn reasoning_part(reasoning: &Reasoning, answer: &mut Answer) -> Option<Json> {
    let signature = reasoning.signature.as_ref();
    let foreign = signature.and_then(|signature| answer.sign(signature, reasoning.redacted));
    if reasoning.text.is_empty() && foreign.is_none() {
        return None;
    }
    let part = thought(&reasoning.text).with_some("thoughtSignature", foreign);
    Some(Json::Object(part))
}

fn thought(text: &str) -> Object {
    Object::new().with("text", text).with("thought", true)
}

fn function_call(call: &ToolCall) -> Object {
    let function = Object::new()
        .with("id", &call.id)
        .with("name", &call.name)
        .with("args", call.input());
    Object::new().with("functionCall", function)
}

fn inline(media: &Media) -> Option<Object> {
    let Source::Data(data) = &media.source else {
        return None;
    };
    let data = Object::new()
        .with("mimeType", media.mime.as_deref().unwrap_or("image/png"))
        .with("data", data);
    Some(Object::new().with("inlineData", data))
}

/// Parts of Gemini's own that nobody else knows.
fn own_part(unknown: &Unknown) -> Option<Object> {
    if unknown.wire != Wire::Gemini {
        return None;
    }
    let mut part = Object::new();
    for (name, raw) in root(unknown.raw.get().as_bytes()).ok()?.rest() {
        part.set(name, raw);
    }
    Some(part)
}

fn candidate(index: i64, parts: Vec<Json>) -> Object {
    let content = Object::new().with("role", "model").with("parts", parts);
    Object::new().with("content", content).with("index", index)
}

fn grounding(citations: &[&Citation]) -> Object {
    let chunks = citations.iter().map(|citation| {
        let web = Object::new()
            .with("uri", &citation.url)
            .with("title", &citation.title);
        Json::Object(Object::new().with("web", web))
    });
    Object::new().with("groundingChunks", chunks.collect::<Json>())
}

fn finish_reason(finish: &Finish) -> &'static str {
    match finish.reason {
        FinishReason::Stop | FinishReason::Pause | FinishReason::ToolCalls => "STOP",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContentFilter => "SAFETY",
    }
}

fn response(envelope: &Envelope, candidates: Vec<Json>, usage: Option<&TokenUsage>) -> Object {
    Object::new()
        .with("candidates", candidates)
        .with_some("usageMetadata", usage.map(usage_metadata))
        .with("modelVersion", &envelope.model)
        .with("responseId", &envelope.id)
}

/// Thoughts are counted beside the answer here.
fn usage_metadata(usage: &TokenUsage) -> Object {
    Object::new()
        .with("promptTokenCount", usage.total_input())
        .with(
            "candidatesTokenCount",
            usage.output.saturating_sub(usage.reasoning).max(0),
        )
        .with("thoughtsTokenCount", usage.reasoning)
        .with("cachedContentTokenCount", usage.cache_read)
        .with("totalTokenCount", usage.total())
}
