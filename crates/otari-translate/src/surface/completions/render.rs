//! The answer: text only. Thoughts have no place in it, and tools cannot be declared.

use otari_types::TokenUsage;
use otari_wire::sse::data_frame;
use serde::Deserialize;

use crate::call::{Block, Call};
use crate::collect::{Reply, ReplyBlock};
use crate::event::{Event, Finish, FinishReason, Logprobs, Opening};
use crate::json::{Json, Object, Raw};
use crate::surface::chat::usage_object;
use crate::surface::{Envelope, line};

/// Chunks of text, one finish chunk for each answer, usage, `[DONE]`.
#[derive(Debug)]
pub(in crate::surface) struct Renderer {
    envelope: Envelope,
    show_usage: bool,
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
    in_text: bool,
    logprobs: Logprobs,
    /// Characters so far, which probabilities are placed by.
    offset: usize,
}

impl Renderer {
    pub(in crate::surface) fn new(call: &Call, envelope: Envelope) -> Self {
        Self {
            envelope,
            show_usage: call.include_usage.unwrap_or(true),
            usage: None,
            answers: Vec::new(),
            current: 0,
            missing: call.choices.unwrap_or(1),
        }
    }

    pub(in crate::surface) fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Choice(index) => self.current = *index,
            Event::Open(opening) => {
                self.answer().in_text = matches!(opening, Opening::Text | Opening::Refusal);
            }
            Event::Logprobs(logprobs) => self.answer().logprobs.append(logprobs),
            Event::Delta(text) if self.answer().in_text => self.choice(text, None, out),
            Event::Usage(usage) => match &mut self.usage {
                Some(known) => known.merge(usage),
                None => self.usage = Some(*usage),
            },
            Event::Finish(finish) => self.finish(finish, out),
            _ => {}
        }
    }

    fn answer(&mut self) -> &mut Answer {
        let known = self.answers.iter();
        let at = known
            .take_while(|answer| answer.index != self.current)
            .count();
        if at == self.answers.len() {
            self.answers.push(Answer {
                index: self.current,
                in_text: false,
                logprobs: Logprobs::default(),
                offset: 0,
            });
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "found in the list, or just pushed to it"
        )]
        &mut self.answers[at]
    }

    fn choice(&mut self, text: &str, finish: Option<&Finish>, out: &mut Vec<u8>) {
        let answer = self.answer();
        let logprobs = std::mem::take(&mut answer.logprobs);
        let choice = choice(answer.index, text, &logprobs, &mut answer.offset, finish);
        self.chunk(vec![choice], None, out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        self.choice("", Some(finish), out);
        self.missing -= 1;
        if self.missing > 0 {
            return;
        }
        if self.show_usage
            && let Some(usage) = self.usage
        {
            self.chunk(Vec::new(), Some(&usage), out);
        }
        out.extend_from_slice(&data_frame(b"[DONE]"));
    }

    fn chunk(&self, choices: Vec<Json>, usage: Option<&TokenUsage>, out: &mut Vec<u8>) {
        let usage = self.show_usage.then_some(usage);
        let usage = usage.map(|usage| usage.map_or(Json::Null, |usage| usage_object(usage).into()));
        let chunk = head(&self.envelope)
            .with("choices", choices)
            .with_some("usage", usage);
        out.extend_from_slice(&data_frame(&line(&chunk)));
    }
}

pub(in crate::surface) fn render_reply(envelope: &Envelope, reply: &Reply) -> Vec<u8> {
    let whole = |index, blocks: &[ReplyBlock], logprobs: &Logprobs, finish: &Finish| {
        let texts = blocks.iter().filter_map(|block| match &block.block {
            Block::Text(text) | Block::Refusal(text) => Some(text.as_str()),
            _ => None,
        });
        let text: String = texts.collect();
        choice(index, &text, logprobs, &mut 0, Some(finish))
    };
    let mut choices = vec![whole(0, &reply.blocks, &reply.logprobs, &reply.finish)];
    for other in &reply.others {
        choices.push(whole(
            other.index,
            &other.blocks,
            &other.logprobs,
            &other.finish,
        ));
    }
    let usage = reply.usage.as_ref().map(usage_object);
    head(envelope)
        .with("choices", choices)
        .with("usage", usage.map_or(Json::Null, Json::Object))
        .to_vec()
}

fn head(envelope: &Envelope) -> Object {
    Object::new()
        .with("id", format!("cmpl-{}", envelope.id))
        .with("object", "text_completion")
        .with("created", envelope.created)
        .with("model", &envelope.model)
}

fn choice(
    index: i64,
    text: &str,
    logprobs: &Logprobs,
    offset: &mut usize,
    finish: Option<&Finish>,
) -> Json {
    let reason = finish.map(|finish| match finish.reason {
        FinishReason::ToolCalls => "stop",
        _ => finish.chat(),
    });
    let probabilities = probabilities(logprobs, offset);
    Json::Object(
        Object::new()
            .with("text", text)
            .with("index", index)
            .with("logprobs", probabilities.map_or(Json::Null, Json::Object))
            .with("finish_reason", reason.map_or(Json::Null, Json::from)),
    )
}

/// Chat lists tokens with all about each; here are lists of tokens, of numbers, of alternatives and of places.
fn probabilities(logprobs: &Logprobs, offset: &mut usize) -> Option<Object> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Entry {
        token: String,
        logprob: f64,
        top_logprobs: Vec<Entry>,
    }
    if logprobs.is_empty() {
        return None;
    }
    let read = |raw: &Raw| serde_json::from_str::<Entry>(raw.get()).unwrap_or_default();
    let (mut tokens, mut numbers) = (Vec::new(), Vec::new());
    let (mut tops, mut places) = (Vec::new(), Vec::new());
    for entry in logprobs.content.iter().map(read) {
        places.push(Json::from(*offset));
        *offset += entry.token.chars().count();
        numbers.push(Json::Float(entry.logprob));
        let mut top = Object::new();
        for other in entry.top_logprobs {
            top.set(other.token, other.logprob);
        }
        tops.push(Json::Object(top));
        tokens.push(Json::Text(entry.token));
    }
    Some(
        Object::new()
            .with("tokens", tokens)
            .with("token_logprobs", numbers)
            .with("top_logprobs", tops)
            .with("text_offset", places),
    )
}
