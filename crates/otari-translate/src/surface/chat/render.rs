//! Chat answers: chunks of a stream, or one completion.

use otari_types::TokenUsage;
use otari_wire::sse::data_frame;

use crate::call::{Block, Call, Reasoning};
use crate::collect::Reply;
use crate::event::{Citation, Event, Finish, Opening};
use crate::json::{Json, Object};
use crate::origin::{Origin, Signature};
use crate::surface::{Envelope, Failure};

/// Chunks in OpenAI's order: role, deltas, one finish chunk, usage, `[DONE]`.
#[derive(Debug)]
pub(in crate::surface) struct Renderer {
    envelope: Envelope,
    show_usage: bool,
    usage: Option<TokenUsage>,
    open: Option<Opening>,
    /// Counts tool calls, not blocks: clients grow an array by it.
    tools: usize,
    carrier: ReasoningCarrier,
}

/// Chat has no ordered blocks, so signed reasoning travels in `extra_content` and comes back from there.
#[derive(Debug, Default)]
struct ReasoningCarrier {
    block: Reasoning,
    blocks: usize,
    /// A Gemini signature that waits for the part it signs.
    google: Option<String>,
}

impl Renderer {
    pub(in crate::surface) fn new(call: &Call, envelope: Envelope) -> Self {
        Self {
            envelope,
            show_usage: call.include_usage.unwrap_or(true),
            usage: None,
            open: None,
            tools: 0,
            carrier: ReasoningCarrier::default(),
        }
    }

    pub(in crate::surface) fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { .. } => {
                let role = Object::new().with("role", "assistant").with("content", "");
                self.delta(role, out);
            }
            Event::Open(opening) => self.open(opening, out),
            Event::Delta(text) => self.fragment(text, out),
            Event::Citation(citation) => {
                let list = Json::Array(vec![annotation(citation)]);
                self.delta(Object::new().with("annotations", list), out);
            }
            Event::Signature(signature) => self.carrier.block.signature = Some(signature.clone()),
            Event::Close => {
                if let Some(Opening::Reasoning { .. }) = self.open.take()
                    && let Some(extra) = self.carrier.close()
                {
                    self.delta(Object::new().with("extra_content", extra), out);
                }
            }
            Event::Usage(usage) => match &mut self.usage {
                Some(known) => known.merge(usage),
                None => self.usage = Some(*usage),
            },
            Event::Unknown(_) => {}
            Event::Finish(finish) => self.finish(finish, out),
        }
    }

    fn open(&mut self, opening: &Opening, out: &mut Vec<u8>) {
        match opening {
            Opening::Reasoning { redacted } => self.carrier.open(*redacted),
            Opening::ToolCall { id, name } => {
                let function = Object::new().with("name", name).with("arguments", "");
                let call = Object::new()
                    .with("index", self.tools)
                    .with("id", id)
                    .with("type", "function")
                    .with("function", function)
                    .with_some("extra_content", self.carrier.take_google());
                self.tools += 1;
                self.delta(tool_calls(call), out);
            }
            Opening::Text | Opening::Refusal => {
                if let Some(extra) = self.carrier.take_google() {
                    self.delta(Object::new().with("extra_content", extra), out);
                }
            }
        }
        self.open = Some(opening.clone());
    }

    fn fragment(&mut self, text: &str, out: &mut Vec<u8>) {
        let delta = match &self.open {
            Some(Opening::Text) => Object::new().with("content", text),
            Some(Opening::Refusal) => Object::new().with("refusal", text),
            Some(Opening::Reasoning { .. }) => {
                self.carrier.block.text.push_str(text);
                reasoning_members(Object::new(), text)
            }
            Some(Opening::ToolCall { .. }) => {
                let call = Object::new()
                    .with("index", self.tools.saturating_sub(1))
                    .with("function", Object::new().with("arguments", text));
                tool_calls(call)
            }
            None => return,
        };
        self.delta(delta, out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        let mut last = Object::new();
        if let Some(extra) = self.carrier.take_google() {
            last.set("extra_content", extra);
        }
        self.chunk(vec![choice(last, Some(finish))], None, out);
        if self.show_usage
            && let Some(usage) = self.usage
        {
            self.chunk(Vec::new(), Some(usage_object(&usage)), out);
        }
        out.extend_from_slice(&data_frame(b"[DONE]"));
    }

    fn delta(&self, delta: Object, out: &mut Vec<u8>) {
        self.chunk(vec![choice(delta, None)], None, out);
    }

    fn chunk(&self, choices: Vec<Json>, usage: Option<Object>, out: &mut Vec<u8>) {
        let mut chunk = head(&self.envelope, "chat.completion.chunk").with("choices", choices);
        if self.show_usage {
            chunk.set("usage", usage.map_or(Json::Null, Json::Object));
        }
        out.extend_from_slice(&data_frame(&chunk.to_vec()));
    }
}

impl ReasoningCarrier {
    fn open(&mut self, redacted: bool) {
        self.block = Reasoning {
            redacted,
            ..Reasoning::default()
        };
    }

    /// What the message must carry for the closed block, unless it waits for the next part.
    fn close(&mut self) -> Option<Object> {
        let block = std::mem::take(&mut self.block);
        let signature = block.signature.as_ref()?;
        if signature.origin == Origin::Google {
            self.google = Some(signature.value.clone());
            return None;
        }
        let entry = thinking_block(&block, signature, self.blocks);
        self.blocks += 1;
        let list = Json::Array(vec![Json::Object(entry)]);
        let inner = Object::new().with("thinking_blocks", list);
        Some(Object::new().with(signature.origin.name(), inner))
    }

    fn take_google(&mut self) -> Option<Object> {
        self.google.take().map(google_extra)
    }
}

pub(in crate::surface) fn render_failure(failure: Failure<'_>, out: &mut Vec<u8>) {
    let error = Object::new()
        .with("message", failure.message)
        .with("type", failure.kind)
        .with("param", Json::Null)
        .with("code", failure.code.map_or(Json::Null, Json::from));
    out.extend_from_slice(&data_frame(&Object::new().with("error", error).to_vec()));
    out.extend_from_slice(&data_frame(b"[DONE]"));
}

pub(in crate::surface) fn render_reply(envelope: &Envelope, reply: &Reply) -> Vec<u8> {
    let choice = Object::new()
        .with("index", 0_i64)
        .with("message", message(reply))
        .with("logprobs", Json::Null)
        .with("finish_reason", reply.finish.chat());
    let usage = reply.usage.as_ref().map(usage_object);
    head(envelope, "chat.completion")
        .with("choices", Json::Array(vec![Json::Object(choice)]))
        .with("usage", usage.map_or(Json::Null, Json::Object))
        .to_vec()
}

fn message(reply: &Reply) -> Object {
    let mut text: Option<String> = None;
    let mut refusal: Option<String> = None;
    let mut reasoning = String::new();
    let mut calls = Vec::new();
    let mut annotations = Vec::new();
    let mut carrier = ReasoningCarrier::default();
    let mut extra: Vec<(Origin, Vec<Json>)> = Vec::new();
    let mut google = None;
    for block in &reply.blocks {
        annotations.extend(block.citations.iter().map(annotation));
        match &block.block {
            Block::Text(part) => {
                text.get_or_insert_default().push_str(part);
                google = carrier.google.take().or(google);
            }
            Block::Refusal(part) => refusal.get_or_insert_default().push_str(part),
            Block::Reasoning(block) => {
                reasoning.push_str(&block.text);
                collect_signature(block, &mut carrier, &mut extra);
            }
            Block::ToolCall(call) => calls.push(Json::Object(
                Object::new()
                    .with("id", &call.id)
                    .with("type", "function")
                    .with(
                        "function",
                        Object::new()
                            .with("name", &call.name)
                            .with("arguments", arguments(&call.arguments)),
                    )
                    .with_some("extra_content", carrier.take_google()),
            )),
            Block::ToolResult(_) | Block::Media(_) | Block::Unknown(_) => {}
        }
    }
    google = carrier.google.take().or(google);
    let mut message = Object::new()
        .with("role", "assistant")
        .with("content", text.map_or(Json::Null, Json::Text))
        .with("refusal", refusal.map_or(Json::Null, Json::Text));
    if !reasoning.is_empty() {
        message = reasoning_members(message, &reasoning);
    }
    if !annotations.is_empty() {
        message.set("annotations", annotations);
    }
    if !calls.is_empty() {
        message.set("tool_calls", calls);
    }
    let mut outside = google.map(google_extra).unwrap_or_default();
    for (origin, blocks) in extra {
        outside.set(origin.name(), Object::new().with("thinking_blocks", blocks));
    }
    if !outside.is_empty() {
        message.set("extra_content", outside);
    }
    message
}

fn collect_signature(
    block: &Reasoning,
    carrier: &mut ReasoningCarrier,
    extra: &mut Vec<(Origin, Vec<Json>)>,
) {
    let Some(signature) = &block.signature else {
        return;
    };
    if signature.origin == Origin::Google {
        carrier.google = Some(signature.value.clone());
        return;
    }
    let entry = Json::Object(thinking_block(block, signature, carrier.blocks));
    carrier.blocks += 1;
    match extra
        .iter_mut()
        .find(|(origin, _)| *origin == signature.origin)
    {
        Some((_, list)) => list.push(entry),
        None => extra.push((signature.origin, vec![entry])),
    }
}

/// `index` is there for client libraries that merge streamed lists by it.
fn thinking_block(block: &Reasoning, signature: &Signature, index: usize) -> Object {
    let entry = Object::new().with("index", index);
    if block.redacted {
        return entry
            .with("type", "redacted_thinking")
            .with("data", &signature.value);
    }
    entry
        .with("type", "thinking")
        .with("thinking", &block.text)
        .with("signature", &signature.value)
}

/// Two spellings: what most clients read, and what clients of Otari read.
fn reasoning_members(object: Object, text: &str) -> Object {
    object
        .with("reasoning_content", text)
        .with("reasoning", Object::new().with("content", text))
}

fn google_extra(value: String) -> Object {
    let inner = Object::new().with("thought_signature", value);
    Object::new().with(Origin::Google.name(), inner)
}

/// Clients parse the text; a call without arguments must still be an object.
fn arguments(text: &str) -> &str {
    if text.is_empty() { "{}" } else { text }
}

fn annotation(citation: &Citation) -> Json {
    let (start, end) = citation.range.unwrap_or_default();
    let inner = Object::new()
        .with("start_index", start)
        .with("end_index", end)
        .with("title", &citation.title)
        .with("url", &citation.url);
    Json::Object(Object::typed("url_citation").with("url_citation", inner))
}

fn head(envelope: &Envelope, object: &'static str) -> Object {
    Object::new()
        .with("id", format!("chatcmpl-{}", envelope.id))
        .with("object", object)
        .with("created", envelope.created)
        .with("model", &envelope.model)
}

fn choice(delta: Object, finish: Option<&Finish>) -> Json {
    let reason = finish.map_or(Json::Null, |finish| Json::from(finish.chat()));
    Json::Object(
        Object::new()
            .with("index", 0_i64)
            .with("delta", delta)
            .with("logprobs", Json::Null)
            .with("finish_reason", reason),
    )
}

fn tool_calls(call: Object) -> Object {
    Object::new().with("tool_calls", Json::Array(vec![Json::Object(call)]))
}

fn usage_object(usage: &TokenUsage) -> Object {
    let prompt = Object::new()
        .with("cached_tokens", usage.cache_read)
        .with("cache_write_tokens", usage.cache_write);
    let completion = Object::new().with("reasoning_tokens", usage.reasoning);
    Object::new()
        .with("prompt_tokens", usage.total_input())
        .with("completion_tokens", usage.output)
        .with("total_tokens", usage.total())
        .with("prompt_tokens_details", prompt)
        .with("completion_tokens_details", completion)
}
