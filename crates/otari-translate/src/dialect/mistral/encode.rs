//! The top level of a Mistral request. A member it does not know is an error, so nothing goes in unasked.

use crate::call::{Call, FunctionTool, Tool, ToolChoice};
use crate::error::TranslateError;
use crate::json::{Json, Object};
use crate::route::Wire;

use super::super::carry::{extra_of, own};
use super::super::openai_chat::response_format;
use super::super::{Encoded, Target};
use super::content;

type Result<T> = std::result::Result<T, TranslateError>;

/// Mistral's own, which clients may send along, and what it shares with Chat.
const SHARED: &[&str] = &[
    "document_image_limit",
    "document_page_limit",
    "guardrails",
    "metadata",
    "prediction",
    "prompt_mode",
    "safe_prompt",
];

pub(in crate::dialect) fn encode(call: &Call, target: &Target<'_>) -> Result<Encoded> {
    let mut body = Object::new()
        .with("model", target.model)
        .with("messages", content::messages(call, target)?);
    tools(call, &mut body)?;
    body = body
        .with_some("max_tokens", call.max_output.or(target.max_output))
        .with_some("temperature", call.temperature)
        .with_some("top_p", call.top_p)
        .with_some("frequency_penalty", call.frequency_penalty)
        .with_some("presence_penalty", call.presence_penalty)
        .with_some("random_seed", call.seed)
        .with_some("n", call.choices)
        .with_some("reasoning_effort", effort(call, target));
    if !call.stop.is_empty() {
        body.set("stop", call.stop.iter().map(Json::from).collect::<Json>());
    }
    if let Some(format) = &call.response_format {
        body.set("response_format", response_format(format));
    }
    // Usage comes without asking.
    body = body.with_some("stream", call.stream.then_some(true));
    extra_of(call, SHARED, target, &mut body)?;
    Ok(Encoded {
        headers: Vec::new(),
        body: body.to_vec(),
    })
}

/// All or nothing; the Magistral models always think and take no word on it.
fn effort(call: &Call, target: &Target<'_>) -> Option<&'static str> {
    let wish = call.thinking?;
    if target.model.contains("magistral") {
        return None;
    }
    Some(if wish.is_off() { "none" } else { "high" })
}

fn tools(call: &Call, body: &mut Object) -> Result<()> {
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
    if let Some(parallel) = call.parallel_tools {
        body.set("parallel_tool_calls", parallel);
    }
    let choice = match &call.tool_choice {
        None => return Ok(()),
        Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            },
        ) => "auto".into(),
        Some(ToolChoice::None) => "none".into(),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => "any".into(),
        Some(ToolChoice::Named(name)) => Json::Object(
            Object::typed("function").with("function", Object::new().with("name", name)),
        ),
    };
    body.set("tool_choice", choice);
    Ok(())
}

/// Parameters are not optional here.
fn function(tool: &FunctionTool) -> Json {
    let empty = || Json::Object(Object::typed("object").with("properties", Object::new()));
    let function = Object::new()
        .with("name", &tool.name)
        .with_some("description", tool.description.as_ref())
        .with(
            "parameters",
            tool.schema.as_ref().map_or_else(empty, Json::from),
        )
        .with_some("strict", tool.strict);
    Json::Object(Object::typed("function").with("function", function))
}
