//! Chat answers as chunks of a stream.

use otari_types::TokenUsage;
use otari_wire::sse::data_frame;

use crate::call::Call;
use crate::event::{Event, Finish, Logprobs, Opening};
use crate::json::{Json, Object};
use crate::surface::{Envelope, Failure, line};

use super::carrier::ReasoningCarrier;
use super::message::{annotation, head, image, logprobs_or_null, reasoning_members, usage_object};

/// Chunks in OpenAI's order: role, deltas, one finish chunk, usage, `[DONE]`.
#[derive(Debug)]
pub(in crate::surface) struct Renderer {
    writer: Writer,
    usage: Option<TokenUsage>,
    answers: Vec<Answer>,
    /// Whose events follow.
    current: i64,
    /// Answers that have not finished, those included that have not begun.
    missing: i64,
}

/// What all chunks have in common.
#[derive(Debug)]
struct Writer {
    envelope: Envelope,
    show_usage: bool,
}

/// One of the answers.
#[derive(Debug)]
struct Answer {
    index: i64,
    open: Option<Opening>,
    /// Counts tool calls, not blocks: clients grow an array by it.
    tools: usize,
    images: usize,
    carrier: ReasoningCarrier,
    /// Of the next fragment.
    logprobs: Logprobs,
}

impl Renderer {
    pub(in crate::surface) fn new(call: &Call, envelope: Envelope) -> Self {
        Self {
            writer: Writer {
                envelope,
                show_usage: call.include_usage.unwrap_or(true),
            },
            usage: None,
            answers: Vec::new(),
            current: 0,
            missing: call.choices.unwrap_or(1),
        }
    }

    pub(in crate::surface) fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { .. } => {
                self.answer(out);
            }
            Event::Choice(index) => {
                self.current = *index;
                self.answer(out);
            }
            Event::Usage(usage) => match &mut self.usage {
                Some(known) => known.merge(usage),
                None => self.usage = Some(*usage),
            },
            Event::Finish(finish) => self.finish(finish, out),
            _ => {
                let (answer, writer) = self.answer(out);
                answer.event(event, writer, out);
            }
        }
    }

    /// The answer whose events follow, begun with its role.
    fn answer(&mut self, out: &mut Vec<u8>) -> (&mut Answer, &Writer) {
        let known = self.answers.iter();
        let at = known
            .take_while(|answer| answer.index != self.current)
            .count();
        if at == self.answers.len() {
            let mut answer = Answer::new(self.current);
            let role = Object::new().with("role", "assistant").with("content", "");
            answer.delta(role, &self.writer, out);
            self.answers.push(answer);
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "found in the list, or just pushed to it"
        )]
        let answer = &mut self.answers[at];
        (answer, &self.writer)
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        let (answer, writer) = self.answer(out);
        answer.finish(finish, writer, out);
        self.missing -= 1;
        if self.missing > 0 {
            return;
        }
        if self.writer.show_usage
            && let Some(usage) = self.usage
        {
            self.writer
                .chunk(Vec::new(), Some(usage_object(&usage)), out);
        }
        out.extend_from_slice(&data_frame(b"[DONE]"));
    }
}

impl Answer {
    fn new(index: i64) -> Self {
        Self {
            index,
            open: None,
            tools: 0,
            images: 0,
            carrier: ReasoningCarrier::default(),
            logprobs: Logprobs::default(),
        }
    }

    fn event(&mut self, event: &Event, writer: &Writer, out: &mut Vec<u8>) {
        match event {
            Event::Open(opening) => self.open(opening, writer, out),
            Event::Delta(text) => self.fragment(text, writer, out),
            Event::Citation(citation) => {
                let list = Json::Array(vec![annotation(citation)]);
                self.delta(Object::new().with("annotations", list), writer, out);
            }
            Event::Signature(signature) => self.carrier.block.signature = Some(signature.clone()),
            Event::Close => {
                if let Some(Opening::Reasoning { .. }) = self.open.take()
                    && let Some(extra) = self.carrier.close()
                {
                    self.delta(Object::new().with("extra_content", extra), writer, out);
                }
            }
            Event::Logprobs(logprobs) => self.logprobs.append(logprobs),
            Event::Media(media) => {
                if let Some(image) = image(media, self.images) {
                    self.images += 1;
                    let delta = Object::new()
                        .with("images", vec![image])
                        .with_some("extra_content", self.carrier.take_google());
                    self.delta(delta, writer, out);
                }
            }
            Event::Start { .. }
            | Event::Choice(_)
            | Event::Usage(_)
            | Event::Finish(_)
            | Event::Unknown(_) => {}
        }
    }

    fn open(&mut self, opening: &Opening, writer: &Writer, out: &mut Vec<u8>) {
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
                self.delta(tool_calls(call), writer, out);
            }
            Opening::Text | Opening::Refusal => {
                if let Some(extra) = self.carrier.take_google() {
                    self.delta(Object::new().with("extra_content", extra), writer, out);
                }
            }
        }
        self.open = Some(opening.clone());
    }

    fn fragment(&mut self, text: &str, writer: &Writer, out: &mut Vec<u8>) {
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
        self.delta(delta, writer, out);
    }

    fn finish(&mut self, finish: &Finish, writer: &Writer, out: &mut Vec<u8>) {
        let mut last = Object::new();
        if let Some(extra) = self.carrier.take_google() {
            last.set("extra_content", extra);
        }
        self.choice(last, Some(finish), writer, out);
    }

    fn delta(&mut self, delta: Object, writer: &Writer, out: &mut Vec<u8>) {
        self.choice(delta, None, writer, out);
    }

    fn choice(
        &mut self,
        delta: Object,
        finish: Option<&Finish>,
        writer: &Writer,
        out: &mut Vec<u8>,
    ) {
        let reason = finish.map_or(Json::Null, |finish| Json::from(finish.chat()));
        let logprobs = std::mem::take(&mut self.logprobs);
        let choice = Object::new()
            .with("index", self.index)
            .with("delta", delta)
            .with("logprobs", logprobs_or_null(&logprobs))
            .with("finish_reason", reason);
        writer.chunk(vec![Json::Object(choice)], None, out);
    }
}

impl Writer {
    fn chunk(&self, choices: Vec<Json>, usage: Option<Object>, out: &mut Vec<u8>) {
        let mut chunk = head(&self.envelope, "chat.completion.chunk").with("choices", choices);
        if self.show_usage {
            chunk.set("usage", usage.map_or(Json::Null, Json::Object));
        }
        out.extend_from_slice(&data_frame(&line(&chunk)));
    }
}

fn tool_calls(call: Object) -> Object {
    Object::new().with("tool_calls", Json::Array(vec![Json::Object(call)]))
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
