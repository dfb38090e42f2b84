//! The response object, whole or growing.

use otari_types::TokenUsage;

use crate::call::{
    Block, Call, Media, MediaKind, Namespaced, ResponseFormat, Source, Thinking, Tool, ToolChoice,
};
use crate::collect::{Reply, ReplyBlock};
use crate::event::{Citation, Finish};
use crate::json::{Json, Object};
use crate::origin::Origin;
use crate::route::Wire;
use crate::surface::Envelope;

use super::items::REDACTED;

pub(in crate::surface) fn render_reply(call: &Call, envelope: &Envelope, reply: &Reply) -> Vec<u8> {
    let echo = Echo::of(call);
    let mut output = Vec::new();
    for block in &reply.blocks {
        output.extend(item(&echo, envelope, output.len(), block));
    }
    let status = if reply.finish.responses().is_some() {
        Status::Incomplete(&reply.finish)
    } else {
        Status::Completed
    };
    object(&echo, envelope, &status, output, reply.usage.as_ref()).to_vec()
}

/// How far a response has come.
#[derive(Debug)]
pub(super) enum Status<'a> {
    InProgress,
    Completed,
    Incomplete(&'a Finish),
    Failed(Object),
}

/// What a response repeats of the request.
#[derive(Clone, Debug)]
pub(super) struct Echo {
    members: Object,
    namespaced: Vec<Namespaced>,
}

impl Echo {
    pub(super) fn of(call: &Call) -> Self {
        let instructions = call.system.iter().find_map(|part| match &part.block {
            Block::Text(text) => Some(Json::from(text)),
            _ => None,
        });
        let effort = call.thinking.and_then(Thinking::level);
        let reasoning = Object::new()
            .with(
                "effort",
                effort.map_or(Json::Null, |effort| Json::from(effort.name())),
            )
            .with("summary", Json::Null);
        let members = Object::new()
            .with("instructions", instructions.unwrap_or(Json::Null))
            .with("max_output_tokens", or_null(call.max_output))
            .with("parallel_tool_calls", call.parallel_tools.unwrap_or(true))
            .with("previous_response_id", or_null(call.previous.as_ref()))
            .with("reasoning", reasoning)
            .with("store", call.stored)
            .with("temperature", call.temperature.unwrap_or(1.0))
            .with("text", Object::new().with("format", text_format(call)))
            .with("tool_choice", tool_choice(call.tool_choice.as_ref()))
            .with("tools", call.tools.iter().map(tool).collect::<Json>())
            .with("top_p", call.top_p.unwrap_or(1.0))
            .with("truncation", "disabled")
            .with("user", or_null(call.user.as_ref()))
            .with("metadata", metadata(call));
        Self {
            members,
            namespaced: call.namespaced.clone(),
        }
    }

    fn namespaced(&self, full: &str) -> Option<&Namespaced> {
        self.namespaced.iter().find(|known| known.full == full)
    }

    /// The name its client knows a tool by, within its namespace if it has one.
    pub(super) fn name_of<'a>(&'a self, full: &'a str) -> &'a str {
        self.namespaced(full).map_or(full, |known| &known.name)
    }

    /// A call, by the name its client knows the tool by.
    pub(super) fn call_item(
        &self,
        id: String,
        call_id: &str,
        name: &str,
        arguments: &str,
        status: &'static str,
    ) -> Object {
        let namespace = self.namespaced(name).map(|known| &known.namespace);
        Object::typed("function_call")
            .with("id", id)
            .with("call_id", call_id)
            .with("name", self.name_of(name))
            .with_some("namespace", namespace)
            .with("arguments", arguments)
            .with("status", status)
    }
}

fn metadata(call: &Call) -> Json {
    let given = call.extra.iter().find(|(name, _)| name == "metadata");
    given.map_or_else(|| Json::Object(Object::new()), |(_, raw)| Json::from(raw))
}

fn or_null(value: Option<impl Into<Json>>) -> Json {
    value.map_or(Json::Null, Into::into)
}

fn text_format(call: &Call) -> Object {
    match &call.response_format {
        None | Some(ResponseFormat::Text) => Object::typed("text"),
        Some(ResponseFormat::JsonObject) => Object::typed("json_object"),
        Some(ResponseFormat::JsonSchema {
            name,
            description,
            schema,
            strict,
        }) => Object::typed("json_schema")
            .with("name", name)
            .with("description", or_null(description.as_ref()))
            .with("schema", schema)
            .with("strict", strict.unwrap_or(false)),
    }
}

fn tool_choice(choice: Option<&ToolChoice>) -> Json {
    match choice {
        None | Some(ToolChoice::Auto) => "auto".into(),
        Some(ToolChoice::None) => "none".into(),
        Some(ToolChoice::Required) => "required".into(),
        Some(ToolChoice::Named(name)) => Json::Object(Object::typed("function").with("name", name)),
        Some(ToolChoice::Allowed { required, names }) => {
            let tools = names
                .iter()
                .map(|name| Json::Object(Object::typed("function").with("name", name)));
            Json::Object(
                Object::typed("allowed_tools")
                    .with("mode", if *required { "required" } else { "auto" })
                    .with("tools", tools.collect::<Json>()),
            )
        }
    }
}

fn tool(tool: &Tool) -> Json {
    match tool {
        Tool::Native(unknown) => Json::from(&unknown.raw),
        Tool::Function(function) => Json::Object(
            Object::typed("function")
                .with("name", &function.name)
                .with("description", or_null(function.description.as_ref()))
                .with("parameters", or_null(function.schema.as_ref()))
                .with("strict", function.strict.unwrap_or(true)),
        ),
    }
}

pub(super) fn object(
    echo: &Echo,
    envelope: &Envelope,
    status: &Status<'_>,
    output: Vec<Json>,
    usage: Option<&TokenUsage>,
) -> Object {
    let (name, error, incomplete) = match status {
        Status::InProgress => ("in_progress", Json::Null, Json::Null),
        Status::Completed => ("completed", Json::Null, Json::Null),
        Status::Incomplete(finish) => {
            let reason = finish.responses().unwrap_or("max_output_tokens");
            let details = Object::new().with("reason", reason);
            ("incomplete", Json::Null, Json::Object(details))
        }
        Status::Failed(error) => ("failed", Json::Object(error.clone()), Json::Null),
    };
    let mut response = Object::new()
        .with("id", format!("resp_{}", envelope.id))
        .with("object", "response")
        .with("created_at", envelope.created)
        .with("status", name)
        .with("error", error)
        .with("incomplete_details", incomplete)
        .with("model", &envelope.model)
        .with("output", output);
    response.extend(&echo.members);
    response.with(
        "usage",
        usage.map_or(Json::Null, |usage| Json::Object(usage_object(usage))),
    )
}

/// Ids of items are the answer's id with their place: unique, and the same in every event.
pub(super) fn item_id(envelope: &Envelope, index: usize, block: &Block) -> String {
    let prefix = match block {
        Block::Reasoning(_) => "rs",
        Block::ToolCall(_) => "fc",
        Block::Media(_) => "ig",
        _ => "msg",
    };
    format!("{prefix}_{}_{index}", envelope.id)
}

/// The complete item of a block, `None` for what Responses has no item for.
pub(super) fn item(
    echo: &Echo,
    envelope: &Envelope,
    index: usize,
    block: &ReplyBlock,
) -> Option<Json> {
    let id = item_id(envelope, index, &block.block);
    let item = match &block.block {
        Block::Text(_) | Block::Refusal(_) => message_item(id, "completed", vec![content(block)?]),
        Block::Reasoning(reasoning) => {
            let summary = if reasoning.text.is_empty() {
                Vec::new()
            } else {
                vec![Json::Object(summary_text(&reasoning.text))]
            };
            let signature = reasoning.signature.as_ref();
            let encrypted = signature.map(|signature| {
                let mut signature = signature.clone();
                if reasoning.redacted {
                    signature.value.insert_str(0, REDACTED);
                }
                signature.to_client(Origin::OpenAi)
            });
            Object::typed("reasoning")
                .with("id", id)
                .with("summary", summary)
                .with_some("encrypted_content", encrypted)
        }
        Block::ToolCall(call) => {
            let arguments = if call.arguments.is_empty() {
                "{}"
            } else {
                &call.arguments
            };
            echo.call_item(id, &call.id, &call.name, arguments, "completed")
        }
        Block::Unknown(unknown) if unknown.wire == Wire::OpenAiResponses => {
            return Some(Json::from(&unknown.raw));
        }
        Block::Media(media) => image_item(id, media)?,
        Block::Unknown(_) | Block::ToolResult(_) => return None,
    };
    Some(Json::Object(item))
}

fn image_item(id: String, media: &Media) -> Option<Object> {
    let Source::Data(data) = &media.source else {
        return None;
    };
    if media.kind != MediaKind::Image {
        return None;
    }
    let mime = media.mime.as_deref().unwrap_or("image/png");
    let format = mime.strip_prefix("image/").unwrap_or(mime);
    Some(
        Object::typed("image_generation_call")
            .with("id", id)
            .with("status", "completed")
            .with("output_format", format)
            .with("result", data),
    )
}

pub(super) fn message_item(id: String, status: &'static str, content: Vec<Json>) -> Object {
    Object::typed("message")
        .with("id", id)
        .with("role", "assistant")
        .with("status", status)
        .with("content", content)
}

pub(super) fn summary_text(text: &str) -> Object {
    Object::typed("summary_text").with("text", text)
}

/// The content part of a text or refusal block.
pub(super) fn content(block: &ReplyBlock) -> Option<Json> {
    match &block.block {
        Block::Text(text) => {
            let annotations: Json = block.citations.iter().map(annotation).collect();
            Some(Json::Object(output_text(text, annotations)))
        }
        Block::Refusal(text) => Some(Json::Object(Object::typed("refusal").with("refusal", text))),
        _ => None,
    }
}

pub(super) fn output_text(text: &str, annotations: Json) -> Object {
    Object::typed("output_text")
        .with("text", text)
        .with("annotations", annotations)
        .with("logprobs", Json::Array(Vec::new()))
}

pub(super) fn annotation(citation: &Citation) -> Json {
    let (start, end) = citation.range.unwrap_or_default();
    Json::Object(
        Object::typed("url_citation")
            .with("start_index", start)
            .with("end_index", end)
            .with("title", &citation.title)
            .with("url", &citation.url),
    )
}

fn usage_object(usage: &TokenUsage) -> Object {
    let input = Object::new()
        .with("cached_tokens", usage.cache_read)
        .with("cache_write_tokens", usage.cache_write);
    Object::new()
        .with("input_tokens", usage.total_input())
        .with("input_tokens_details", input)
        .with("output_tokens", usage.output)
        .with(
            "output_tokens_details",
            Object::new().with("reasoning_tokens", usage.reasoning),
        )
        .with("total_tokens", usage.total())
}
