//! The stream of a response. Every event repeats enough to rebuild it, so the finished items are kept.

use otari_types::TokenUsage;
use otari_wire::sse::{data_frame, named_frame};

use crate::call::{Block, Call};
use crate::collect::{Collector, ReplyBlock};
use crate::event::{Event, Finish, Opening};
use crate::json::{Json, Object};
use crate::route::Wire;
use crate::surface::{Envelope, Failure, line};

use super::response::{
    Echo, Status, annotation, content, item, item_id, message_item, object, output_text,
    summary_text,
};

/// Events in OpenAI's order, with gapless `sequence_number` and `output_index`.
#[derive(Debug)]
pub(in crate::surface) struct Renderer {
    envelope: Envelope,
    echo: Echo,
    sequence: i64,
    output: Vec<Json>,
    usage: Option<TokenUsage>,
    open: Option<OpenItem>,
}

#[derive(Debug)]
struct OpenItem {
    kind: Opening,
    id: String,
    /// Rebuilds the block, for the events that repeat it whole.
    block: Collector,
    /// Reasoning: its summary part has begun.
    has_part: bool,
    annotations: usize,
}

impl Renderer {
    pub(in crate::surface) fn new(call: &Call, envelope: Envelope) -> Self {
        Self {
            envelope,
            echo: Echo::of(call),
            sequence: 0,
            output: Vec::new(),
            usage: None,
            open: None,
        }
    }

    pub(in crate::surface) fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if let Some(open) = &mut self.open {
            open.block.push(event);
        }
        match event {
            Event::Start { .. } => {
                self.response("response.created", &Status::InProgress, out);
                self.response("response.in_progress", &Status::InProgress, out);
            }
            Event::Open(opening) => self.open(opening, out),
            Event::Delta(text) => self.fragment(text, out),
            Event::Citation(citation) => {
                if let Some(open) = &mut self.open {
                    let data = Object::new()
                        .with("item_id", &open.id)
                        .with("content_index", 0_i64)
                        .with("annotation_index", open.annotations)
                        .with("annotation", annotation(citation));
                    open.annotations += 1;
                    self.item_event("response.output_text.annotation.added", data, out);
                }
            }
            Event::Close => self.close(out),
            Event::Unknown(unknown) if unknown.wire == Wire::OpenAiResponses => {
                self.whole_item(Json::from(&unknown.raw), out);
            }
            Event::Media(media) => {
                let block = Block::Media(media.clone());
                let block = ReplyBlock {
                    block,
                    citations: Vec::new(),
                };
                if let Some(item) = item(&self.echo, &self.envelope, self.output.len(), &block) {
                    self.whole_item(item, out);
                }
            }
            // The signature is part of the finished item; several answers cannot be asked for.
            Event::Unknown(_) | Event::Signature(_) | Event::Choice(_) | Event::Logprobs(_) => {}
            Event::Usage(usage) => match &mut self.usage {
                Some(known) => known.merge(usage),
                None => self.usage = Some(*usage),
            },
            Event::Finish(finish) => self.finish(finish, out),
        }
    }

    pub(in crate::surface) fn fail(&mut self, failure: Failure<'_>, out: &mut Vec<u8>) {
        let code = failure.code.unwrap_or(failure.kind);
        let error = Object::new()
            .with("type", failure.kind)
            .with("code", code)
            .with("message", failure.message)
            .with("param", Json::Null);
        self.frame("error", &Object::new().with("error", error), out);
        let error = Object::new()
            .with("code", code)
            .with("message", failure.message);
        self.response("response.failed", &Status::Failed(error), out);
    }

    /// An item that comes in one piece.
    fn whole_item(&mut self, item: Json, out: &mut Vec<u8>) {
        let data = Object::new().with("item", item.clone());
        self.item_event("response.output_item.added", data.clone(), out);
        self.item_event("response.output_item.done", data, out);
        self.output.push(item);
    }

    fn open(&mut self, opening: &Opening, out: &mut Vec<u8>) {
        let mut block = Collector::default();
        block.push(&Event::Open(opening.clone()));
        let prefix = match opening {
            Opening::Text | Opening::Refusal => "msg",
            Opening::Reasoning { .. } => "rs",
            Opening::ToolCall { .. } => "fc",
        };
        let id = format!("{prefix}_{}_{}", self.envelope.id, self.output.len());
        let item = match opening {
            Opening::Text | Opening::Refusal => message_item(id.clone(), "in_progress", Vec::new()),
            Opening::Reasoning { .. } => Object::typed("reasoning")
                .with("id", &id)
                .with("summary", Vec::new()),
            Opening::ToolCall { id: call_id, name } => {
                self.echo
                    .call_item(id.clone(), call_id, name, "", "in_progress")
            }
        };
        self.item_event(
            "response.output_item.added",
            Object::new().with("item", item),
            out,
        );
        let part = match opening {
            Opening::Text => Some(output_text("", Json::Array(Vec::new()))),
            Opening::Refusal => Some(Object::typed("refusal").with("refusal", "")),
            Opening::Reasoning { .. } | Opening::ToolCall { .. } => None,
        };
        if let Some(part) = part {
            let data = place(&id, "content_index").with("part", part);
            self.item_event("response.content_part.added", data, out);
        }
        self.open = Some(OpenItem {
            kind: opening.clone(),
            id,
            block,
            has_part: false,
            annotations: 0,
        });
    }

    fn fragment(&mut self, text: &str, out: &mut Vec<u8>) {
        let Some(open) = &mut self.open else {
            return;
        };
        let id = open.id.clone();
        match open.kind {
            Opening::Text => {
                let data = place(&id, "content_index")
                    .with("delta", text)
                    .with("logprobs", Vec::new());
                self.item_event("response.output_text.delta", data, out);
            }
            Opening::Refusal => {
                let data = place(&id, "content_index").with("delta", text);
                self.item_event("response.refusal.delta", data, out);
            }
            Opening::ToolCall { .. } => {
                let data = Object::new().with("item_id", id).with("delta", text);
                self.item_event("response.function_call_arguments.delta", data, out);
            }
            Opening::Reasoning { .. } => {
                let begun = std::mem::replace(&mut open.has_part, true);
                if !begun {
                    let data = place(&id, "summary_index").with("part", summary_text(""));
                    self.item_event("response.reasoning_summary_part.added", data, out);
                }
                let data = place(&id, "summary_index").with("delta", text);
                self.item_event("response.reasoning_summary_text.delta", data, out);
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else {
            return;
        };
        let Some(block) = open.block.into_blocks().pop() else {
            return;
        };
        self.close_parts(&open.id, &block, open.has_part, out);
        debug_assert_eq!(
            open.id,
            item_id(&self.envelope, self.output.len(), &block.block)
        );
        if let Some(item) = item(&self.echo, &self.envelope, self.output.len(), &block) {
            let data = Object::new().with("item", item.clone());
            self.item_event("response.output_item.done", data, out);
            self.output.push(item);
        }
    }

    fn close_parts(&mut self, id: &str, block: &ReplyBlock, has_part: bool, out: &mut Vec<u8>) {
        match &block.block {
            Block::Text(text) => {
                let data = place(id, "content_index")
                    .with("text", text)
                    .with("logprobs", Vec::new());
                self.item_event("response.output_text.done", data, out);
            }
            Block::Refusal(text) => {
                let data = place(id, "content_index").with("refusal", text);
                self.item_event("response.refusal.done", data, out);
            }
            Block::Reasoning(reasoning) if has_part => {
                let data = place(id, "summary_index").with("text", &reasoning.text);
                self.item_event("response.reasoning_summary_text.done", data, out);
                let data = place(id, "summary_index").with("part", summary_text(&reasoning.text));
                self.item_event("response.reasoning_summary_part.done", data, out);
            }
            Block::ToolCall(call) => {
                let data = Object::new()
                    .with("item_id", id)
                    .with("name", self.echo.name_of(&call.name))
                    .with("arguments", &call.arguments);
                self.item_event("response.function_call_arguments.done", data, out);
            }
            _ => {}
        }
        if let Some(part) = content(block) {
            let data = place(id, "content_index").with("part", part);
            self.item_event("response.content_part.done", data, out);
        }
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        if finish.responses().is_some() {
            self.response("response.incomplete", &Status::Incomplete(finish), out);
        } else {
            self.response("response.completed", &Status::Completed, out);
        }
        // Not of this API, and passed over by its clients: what clients of Otari wait for.
        out.extend_from_slice(&data_frame(b"[DONE]"));
    }

    fn response(&mut self, name: &'static str, status: &Status<'_>, out: &mut Vec<u8>) {
        let usage = match status {
            Status::InProgress => None,
            _ => self.usage.as_ref(),
        };
        let response = object(
            &self.echo,
            &self.envelope,
            status,
            self.output.clone(),
            usage,
        );
        self.frame(name, &Object::new().with("response", response), out);
    }

    /// An event about the item that is open, or about to be.
    fn item_event(&mut self, name: &'static str, data: Object, out: &mut Vec<u8>) {
        let data = data.with("output_index", self.output.len());
        self.frame(name, &data, out);
    }

    fn frame(&mut self, name: &'static str, data: &Object, out: &mut Vec<u8>) {
        let mut full = Object::typed(name).with("sequence_number", self.sequence);
        full.extend(data);
        self.sequence += 1;
        out.extend_from_slice(&named_frame(name, &line(&full)));
    }
}

fn place(id: &str, index: &'static str) -> Object {
    Object::new().with("item_id", id).with(index, 0_i64)
}
