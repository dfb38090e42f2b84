//! Messages answers: events of a stream, or one message.

use otari_types::{CacheConvention, TokenUsage};
use otari_wire::sse::named_frame;

use crate::call::{Block, Media, MediaKind, Reasoning, Source};
use crate::collect::Reply;
use crate::event::{Citation, Event, Finish, Opening};
use crate::json::{Json, Object};
use crate::origin::Origin;
use crate::route::Wire;
use crate::surface::{Envelope, Failure, line};

/// Events in Anthropic's order, blocks one after another with gapless indices.
#[derive(Debug)]
pub(in crate::surface) struct Renderer {
    envelope: Envelope,
    usage: Option<TokenUsage>,
    index: usize,
    open: Option<Opening>,
    /// A thought is open that has no text so far. It is shown when text comes, or another block.
    is_silent: bool,
    /// The signature of a thought without text. At the end of an answer it signs the text before it, as Gemini's does:
    /// that need not go back, and clients take the last block for the answer.
    held: Option<String>,
}

impl Renderer {
    pub(in crate::surface) fn new(envelope: Envelope) -> Self {
        Self {
            envelope,
            usage: None,
            index: 0,
            open: None,
            is_silent: false,
            held: None,
        }
    }

    pub(in crate::surface) fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { .. } => {
                let message = message(&self.envelope, Vec::new(), None, self.usage.as_ref());
                let start = Object::typed("message_start").with("message", message);
                frame("message_start", &start, out);
            }
            Event::Open(opening) => self.open(opening, out),
            Event::Delta(text) => self.fragment(text, out),
            Event::Citation(citation) => {
                let delta =
                    Object::typed("citations_delta").with("citation", citation_object(citation));
                self.delta(delta, out);
            }
            Event::Signature(signature) => {
                let value = signature.to_client(Origin::Anthropic);
                if self.is_silent {
                    self.held = Some(value);
                } else if self.open == Some(Opening::Reasoning { redacted: true }) {
                    let block = Object::typed("redacted_thinking").with("data", value);
                    self.start_block(Json::Object(block), out);
                } else {
                    let delta = Object::typed("signature_delta").with("signature", value);
                    self.delta(delta, out);
                }
            }
            Event::Close => {
                let silent = std::mem::take(&mut self.is_silent);
                if self.open.take().is_some() && !silent {
                    self.stop_block(out);
                }
            }
            Event::Unknown(unknown) if unknown.wire == Wire::Anthropic => {
                self.show_held(out);
                self.start_block(Json::from(&unknown.raw), out);
                self.stop_block(out);
            }
            Event::Media(media) => {
                if let Some(block) = image(media) {
                    self.show_held(out);
                    self.start_block(Json::Object(block), out);
                    self.stop_block(out);
                }
            }
            // One answer without probabilities is all this format can ask for.
            Event::Unknown(_) | Event::Choice(_) | Event::Logprobs(_) => {}
            Event::Usage(usage) => match &mut self.usage {
                Some(known) => known.merge(usage),
                None => self.usage = Some(*usage),
            },
            Event::Finish(finish) => self.finish(finish, out),
        }
    }

    fn open(&mut self, opening: &Opening, out: &mut Vec<u8>) {
        self.show_held(out);
        self.open = Some(opening.clone());
        let block = match opening {
            Opening::Text | Opening::Refusal => Object::typed("text").with("text", ""),
            Opening::Reasoning { redacted: false } => {
                self.is_silent = true;
                return;
            }
            // Begins when its data is known, because it begins and ends in one event.
            Opening::Reasoning { redacted: true } => return,
            Opening::ToolCall { id, name } => Object::typed("tool_use")
                .with("id", id)
                .with("name", name)
                .with("input", Object::new()),
        };
        self.start_block(Json::Object(block), out);
    }

    fn show_held(&mut self, out: &mut Vec<u8>) {
        let Some(signature) = self.held.take() else {
            return;
        };
        self.start_block(Json::Object(unspoken()), out);
        let delta = Object::typed("signature_delta").with("signature", signature);
        self.delta(delta, out);
        self.stop_block(out);
    }

    fn fragment(&mut self, text: &str, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.is_silent) {
            self.start_block(Json::Object(unspoken()), out);
        }
        let delta = match &self.open {
            Some(Opening::Text | Opening::Refusal) => {
                Object::typed("text_delta").with("text", text)
            }
            Some(Opening::Reasoning { .. }) => {
                Object::typed("thinking_delta").with("thinking", text)
            }
            Some(Opening::ToolCall { .. }) => {
                Object::typed("input_json_delta").with("partial_json", text)
            }
            None => return,
        };
        self.delta(delta, out);
    }

    fn start_block(&self, block: Json, out: &mut Vec<u8>) {
        let start = Object::typed("content_block_start")
            .with("index", self.index)
            .with("content_block", block);
        frame("content_block_start", &start, out);
    }

    fn delta(&self, delta: Object, out: &mut Vec<u8>) {
        let delta = Object::typed("content_block_delta")
            .with("index", self.index)
            .with("delta", delta);
        frame("content_block_delta", &delta, out);
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        let stop = Object::typed("content_block_stop").with("index", self.index);
        frame("content_block_stop", &stop, out);
        self.index += 1;
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        if self.index == 0 {
            self.show_held(out);
        }
        let delta = Object::new()
            .with("stop_reason", finish.messages())
            .with("stop_sequence", stop_sequence(finish));
        let delta = Object::typed("message_delta")
            .with("delta", delta)
            .with("usage", usage_object(self.usage.as_ref()));
        frame("message_delta", &delta, out);
        frame("message_stop", &Object::typed("message_stop"), out);
    }
}

/// A thought as its stream begins.
fn unspoken() -> Object {
    Object::typed("thinking")
        .with("thinking", "")
        .with("signature", "")
}

pub(in crate::surface) fn render_failure(failure: Failure<'_>, out: &mut Vec<u8>) {
    let error = Object::typed("error").with(
        "error",
        Object::new()
            .with("type", failure.kind)
            .with("message", failure.message),
    );
    frame("error", &error, out);
}

pub(in crate::surface) fn render_reply(envelope: &Envelope, reply: &Reply) -> Vec<u8> {
    let shown = match reply.blocks.split_last() {
        Some((last, rest)) if is_unspoken(&last.block) && !rest.is_empty() => rest,
        _ => reply.blocks.as_slice(),
    };
    let content = shown.iter().filter_map(|block| {
        let rendered = match &block.block {
            Block::Text(text) | Block::Refusal(text) => {
                let text = Object::typed("text").with("text", text);
                if block.citations.is_empty() {
                    text
                } else {
                    let citations: Json = block.citations.iter().map(citation_object).collect();
                    text.with("citations", citations)
                }
            }
            Block::Reasoning(reasoning) => thinking(reasoning),
            Block::ToolCall(call) => Object::typed("tool_use")
                .with("id", &call.id)
                .with("name", &call.name)
                .with("input", call.input()),
            Block::Unknown(unknown) if unknown.wire == Wire::Anthropic => {
                return Some(Json::from(&unknown.raw));
            }
            Block::Media(media) => image(media)?,
            Block::Unknown(_) | Block::ToolResult(_) => return None,
        };
        Some(Json::Object(rendered))
    });
    let content = content.collect();
    message(envelope, content, Some(&reply.finish), reply.usage.as_ref()).to_vec()
}

/// See [`Renderer::held`].
fn is_unspoken(block: &Block) -> bool {
    matches!(block, Block::Reasoning(reasoning) if reasoning.text.is_empty() && !reasoning.redacted)
}

fn thinking(reasoning: &Reasoning) -> Object {
    let signature = reasoning.signature.as_ref();
    let value = signature.map_or_else(String::new, |known| known.to_client(Origin::Anthropic));
    if reasoning.redacted {
        Object::typed("redacted_thinking").with("data", value)
    } else {
        Object::typed("thinking")
            .with("thinking", &reasoning.text)
            .with("signature", value)
    }
}

/// Claude makes no pictures, so there is no block for one in an answer: it has the form of one in a request.
fn image(media: &Media) -> Option<Object> {
    let Source::Data(data) = &media.source else {
        return None;
    };
    if media.kind != MediaKind::Image {
        return None;
    }
    let source = Object::typed("base64")
        .with("media_type", media.mime.as_deref().unwrap_or("image/png"))
        .with("data", data);
    Some(Object::typed("image").with("source", source))
}

fn citation_object(citation: &Citation) -> Json {
    Json::Object(
        Object::typed("web_search_result_location")
            .with("url", &citation.url)
            .with("title", &citation.title)
            .with("cited_text", &citation.quote)
            .with("encrypted_index", ""),
    )
}

fn message(
    envelope: &Envelope,
    content: Vec<Json>,
    finish: Option<&Finish>,
    usage: Option<&TokenUsage>,
) -> Object {
    Object::new()
        .with("id", format!("msg_{}", envelope.id))
        .with("type", "message")
        .with("role", "assistant")
        .with("model", &envelope.model)
        .with("content", content)
        .with(
            "stop_reason",
            finish.map_or(Json::Null, |finish| Json::from(finish.messages())),
        )
        .with("stop_sequence", finish.map_or(Json::Null, stop_sequence))
        .with("usage", usage_object(usage))
}

fn stop_sequence(finish: &Finish) -> Json {
    finish.stop_sequence.as_ref().map_or(Json::Null, Json::from)
}

/// Anthropic counts cached tokens beside the input, not inside it.
fn usage_object(usage: Option<&TokenUsage>) -> Object {
    let usage = usage.copied().unwrap_or_default();
    let fresh = match usage.convention {
        CacheConvention::Additive => usage.input,
        CacheConvention::Inclusive => usage
            .input
            .saturating_sub(usage.cache_read)
            .saturating_sub(usage.cache_write)
            .max(0),
    };
    Object::new()
        .with("input_tokens", fresh)
        .with("cache_creation_input_tokens", usage.cache_write)
        .with("cache_read_input_tokens", usage.cache_read)
        .with("output_tokens", usage.output)
}

fn frame(name: &str, data: &Object, out: &mut Vec<u8>) {
    out.extend_from_slice(&named_frame(name, &line(data)));
}
