//! The top level of a Cohere request.

use crate::call::{Call, FunctionTool, ResponseFormat, Thinking, Tool, ToolChoice};
use crate::effort::Effort;
use crate::error::TranslateError;
use crate::json::{Json, Object};
use crate::route::Wire;

use super::super::carry::{extra, refuse_if, unsupported};
use super::super::{Encoded, Target};
use super::content;

type Result<T> = std::result::Result<T, TranslateError>;

const WIRE: Wire = Wire::Cohere;

/// Cohere's own, which clients may send along.
const SHARED: &[&str] = &["safety_mode", "citation_options", "documents"];

pub(in crate::dialect) fn encode(call: &Call, target: &Target<'_>) -> Result<Encoded> {
    let mut body = Object::new()
        .with("model", target.model)
        .with("messages", content::messages(call)?);
    tools(call, &mut body)?;
    body = body
        .with_some("max_tokens", call.max_output.or(target.max_output))
        .with_some("temperature", call.temperature)
        .with_some("p", call.top_p.map(|p| p.clamp(0.01, 0.99)))
        .with_some("k", call.top_k)
        .with_some("seed", call.seed)
        // The scale begins at 0 here and at -2 elsewhere.
        .with_some(
            "frequency_penalty",
            call.frequency_penalty.map(|value| value.clamp(0.0, 1.0)),
        )
        .with_some(
            "presence_penalty",
            call.presence_penalty.map(|value| value.clamp(0.0, 1.0)),
        );
    if !call.stop.is_empty() {
        body.set(
            "stop_sequences",
            call.stop.iter().map(Json::from).collect::<Json>(),
        );
    }
    match &call.response_format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => {
            body.set("response_format", Object::typed("json_object"));
        }
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            let format = Object::typed("json_object").with("json_schema", schema);
            body.set("response_format", format);
        }
    }
    if let Some(wish) = call.thinking {
        body.set("thinking", thinking(wish));
    }
    let serial = call.parallel_tools == Some(false) && !call.tools.is_empty();
    refuse_if(serial, "parallel_tool_calls", target)?;
    extra(call, WIRE, SHARED, target, &mut body)?;
    body.set("stream", call.stream);
    Ok(Encoded {
        headers: Vec::new(),
        body: body.to_vec(),
    })
}

fn thinking(wish: Thinking) -> Object {
    if wish.is_off() {
        return Object::typed("disabled");
    }
    let level = wish.effort.map(Effort::gemini_budget);
    Object::typed("enabled").with_some("token_budget", wish.budget.or(level))
}

/// A named tool is demanded by declaring no other.
fn tools(call: &Call, body: &mut Object) -> Result<()> {
    let wanted = |tool: &FunctionTool| match &call.tool_choice {
        Some(ToolChoice::Named(name)) => tool.name == *name,
        _ => call.allows(&tool.name),
    };
    let mut tools = Vec::new();
    let mut strict = false;
    for tool in &call.tools {
        match tool {
            Tool::Native(unknown) => return Err(unsupported(&unknown.loc)),
            Tool::Function(tool) if wanted(tool) => {
                strict |= tool.strict == Some(true);
                let function = Object::new()
                    .with("name", &tool.name)
                    .with_some("description", tool.description.as_ref())
                    .with_some("parameters", tool.schema.as_ref());
                let object = Object::typed("function").with("function", function);
                tools.push(Json::Object(object));
            }
            Tool::Function(_) => {}
        }
    }
    if tools.is_empty() {
        return Ok(());
    }
    body.set("tools", tools);
    if strict {
        body.set("strict_tools", true);
    }
    match &call.tool_choice {
        None
        | Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            },
        ) => {}
        Some(ToolChoice::None) => body.set("tool_choice", "NONE"),
        Some(_) => body.set("tool_choice", "REQUIRED"),
    }
    Ok(())
}
