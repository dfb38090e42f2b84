//! watsonx.ai chat as a provider format: OpenAI chat with other names. Answers are read as OpenAI chat's.
//! <https://cloud.ibm.com/apidocs/watsonx-ai#text-chat>
//!
//! The `version` query is the gateway's to add.

use serde_json::Value;

use crate::call::{Block, Call, FunctionTool, MediaKind, Source, Tool, ToolChoice};
use crate::error::TranslateError;
use crate::json::{Json, Object, Raw};
use crate::route::Wire;

use super::carry::{extra_of, own, refuse_if, unsupported};
use super::{Encoded, Target, openai_chat};

type Result<T> = std::result::Result<T, TranslateError>;

/// watsonx's own, which clients may send along.
const SHARED: &[&str] = &[
    "chat_template_kwargs",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "include_reasoning",
    "length_penalty",
    "logit_bias",
    "repetition_penalty",
    "time_limit",
];

/// Unknown to it, and the answer is the same without.
const DROPPED: &[&str] = &[
    "parallel_tool_calls",
    "service_tier",
    "stream",
    "stream_options",
    "user",
    "verbosity",
];

/// What a model that stands for a deployment begins with.
const DEPLOYMENT: &str = "deployment/";

pub(super) fn encode(call: &Call, target: &Target<'_>) -> Result<Encoded> {
    refuse_documents(call)?;
    let serial = call.parallel_tools == Some(false) && !call.tools.is_empty();
    refuse_if(serial, "parallel_tool_calls", target)?;
    let mut body = openai_chat::body(call, target)?;
    for name in DROPPED {
        body.remove(name);
    }
    if let Some(limit) = body.remove("max_completion_tokens") {
        body.set("max_tokens", limit);
    }
    tools(call, &mut body)?;
    extra_of(call, SHARED, target, &mut body)?;
    body.remove("model");
    // A deployment has its model and its payer.
    if !target.model.starts_with(DEPLOYMENT) {
        body.set("model_id", target.model);
        // Exactly one of them.
        match (target.project_id, target.space_id) {
            (Some(id), _) => body.set("project_id", id),
            (None, Some(id)) => body.set("space_id", id),
            (None, None) => {}
        }
    }
    Ok(Encoded {
        headers: Vec::new(),
        body: body.to_vec(),
    })
}

/// Documents as text are text by then; others have no place.
fn refuse_documents(call: &Call) -> Result<()> {
    let parts = call.turns.iter().flat_map(|turn| &turn.parts);
    let is_document = |block: &Block| {
        matches!(block, Block::Media(media)
            if media.kind == MediaKind::File && !matches!(media.source, Source::Text(_)))
    };
    let found = parts.map(|part| &part.block).any(|block| match block {
        Block::ToolResult(result) => result.content.iter().any(|part| is_document(&part.block)),
        block => is_document(block),
    });
    if found {
        Err(unsupported("file"))
    } else {
        Ok(())
    }
}

/// Choices that are a word have a member of their own, and a list of allowed tools is one of declared tools.
fn tools(call: &Call, body: &mut Object) -> Result<()> {
    body.remove("tools");
    body.remove("tool_choice");
    let mut tools = Vec::new();
    for tool in &call.tools {
        match tool {
            Tool::Native(unknown) => tools.push(own(unknown, Wire::OpenAiChat)?.into()),
            Tool::Function(tool) if call.allows(&tool.name) => tools.push(function(tool)),
            Tool::Function(_) => {}
        }
    }
    if tools.is_empty() {
        return Ok(());
    }
    body.set("tools", tools);
    let word = match &call.tool_choice {
        None => return Ok(()),
        Some(ToolChoice::Named(name)) => {
            let named =
                Object::typed("function").with("function", Object::new().with("name", name));
            body.set("tool_choice", named);
            return Ok(());
        }
        Some(ToolChoice::None) => "none",
        Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            },
        ) => "auto",
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => "required",
    };
    body.set("tool_choice_option", word);
    Ok(())
}

/// Neither `strict` nor `additionalProperties` is taken.
fn function(tool: &FunctionTool) -> Json {
    let parameters = tool.schema.as_ref().map(|schema| {
        let mut value = schema.value();
        open_up(&mut value);
        Raw::from(&value)
    });
    let function = Object::new()
        .with("name", &tool.name)
        .with_some("description", tool.description.as_ref())
        .with_some("parameters", parameters);
    Json::Object(Object::typed("function").with("function", function))
}

fn open_up(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.shift_remove("additionalProperties");
            for (name, value) in members {
                match (name.as_str(), value) {
                    // What stands in here are names of properties, whatever they are.
                    ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                        named.values_mut().for_each(open_up);
                    }
                    ("default" | "const" | "enum" | "examples", _) => {}
                    (_, value) => open_up(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(open_up),
        _ => {}
    }
}
