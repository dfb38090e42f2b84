//! A whole completion, and the parts that its stream shares with it.

use otari_types::TokenUsage;

use crate::call::{Block, Media, MediaKind, Reasoning, Source};
use crate::collect::{Reply, ReplyBlock};
use crate::event::{Citation, Finish, Logprobs};
use crate::json::{Json, Object};
use crate::origin::Origin;
use crate::surface::Envelope;

use super::carrier::{ReasoningCarrier, google_extra, thinking_block};

pub(in crate::surface) fn render_reply(envelope: &Envelope, reply: &Reply) -> Vec<u8> {
    let mut choices = vec![choice(0, &reply.blocks, &reply.logprobs, &reply.finish)];
    for other in &reply.others {
        choices.push(choice(
            other.index,
            &other.blocks,
            &other.logprobs,
            &other.finish,
        ));
    }
    let usage = reply.usage.as_ref().map(usage_object);
    head(envelope, "chat.completion")
        .with("choices", choices)
        .with("usage", usage.map_or(Json::Null, Json::Object))
        .to_vec()
}

fn choice(index: i64, blocks: &[ReplyBlock], logprobs: &Logprobs, finish: &Finish) -> Json {
    Json::Object(
        Object::new()
            .with("index", index)
            .with("message", message(blocks))
            .with("logprobs", logprobs_or_null(logprobs))
            .with("finish_reason", finish.chat()),
    )
}

fn message(blocks: &[ReplyBlock]) -> Object {
    let mut text: Option<String> = None;
    let mut refusal: Option<String> = None;
    let mut reasoning = String::new();
    let mut calls = Vec::new();
    let mut annotations = Vec::new();
    let mut images = Vec::new();
    let mut carrier = ReasoningCarrier::default();
    let mut extra: Vec<(Origin, Vec<Json>)> = Vec::new();
    let mut google = None;
    for block in blocks {
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
            Block::Media(media) => images.extend(image(media, images.len())),
            Block::ToolResult(_) | Block::Unknown(_) => {}
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
    if !images.is_empty() {
        message.set("images", images);
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

/// Two spellings: what most clients read, and what clients of Otari read.
pub(super) fn reasoning_members(object: Object, text: &str) -> Object {
    object
        .with("reasoning_content", text)
        .with("reasoning", Object::new().with("content", text))
}

/// Clients parse the text; a call without arguments must still be an object.
fn arguments(text: &str) -> &str {
    if text.is_empty() { "{}" } else { text }
}

pub(super) fn annotation(citation: &Citation) -> Json {
    let (start, end) = citation.range.unwrap_or_default();
    let inner = Object::new()
        .with("start_index", start)
        .with("end_index", end)
        .with("title", &citation.title)
        .with("url", &citation.url);
    Json::Object(Object::typed("url_citation").with("url_citation", inner))
}

/// An extension that several providers and clients share; the standard has no place for pictures in an answer.
pub(super) fn image(media: &Media, index: usize) -> Option<Json> {
    if media.kind != MediaKind::Image {
        return None;
    }
    let url = match &media.source {
        Source::Data(data) => {
            let mime = media.mime.as_deref().unwrap_or("image/png");
            format!("data:{mime};base64,{data}")
        }
        Source::Url(url) => url.clone(),
        Source::FileId(_) | Source::Text(_) => return None,
    };
    let image = Object::typed("image_url")
        .with("image_url", Object::new().with("url", url))
        .with("index", index);
    Some(Json::Object(image))
}

pub(super) fn logprobs_or_null(logprobs: &Logprobs) -> Json {
    if logprobs.is_empty() {
        return Json::Null;
    }
    let list = |entries: &[crate::json::Raw]| -> Json {
        if entries.is_empty() {
            return Json::Null;
        }
        entries.iter().map(Json::from).collect()
    };
    Json::Object(
        Object::new()
            .with("content", list(&logprobs.content))
            .with("refusal", list(&logprobs.refusal)),
    )
}

pub(super) fn head(envelope: &Envelope, object: &'static str) -> Object {
    Object::new()
        .with("id", format!("chatcmpl-{}", envelope.id))
        .with("object", object)
        .with("created", envelope.created)
        .with("model", &envelope.model)
}

pub(in crate::surface) fn usage_object(usage: &TokenUsage) -> Object {
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
