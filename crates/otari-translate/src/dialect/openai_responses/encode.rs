//! The top level of a Responses request.

use crate::call::{Call, ResponseFormat, Thinking, Tool, ToolChoice};
use crate::effort::Effort;
use crate::error::TranslateError;
use crate::json::{Json, Object};
use crate::route::{Surface, Wire};

use super::super::carry::{extra, is_set, own, refuse_if};
use super::super::{Encoded, Target};
use super::content;

const WIRE: Wire = Wire::OpenAiResponses;

/// What Chat and Responses call alike.
const SHARED: &[&str] = &[
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
];

/// OpenAI refuses a lower limit.
const MIN_OUTPUT: i64 = 16;

pub(in crate::dialect) fn encode(
    call: &Call,
    target: &Target<'_>,
) -> Result<Encoded, TranslateError> {
    let mut body = Object::new()
        .with("model", target.model)
        .with("input", content::input(call, target)?);
    tools(call, &mut body)?;
    let limit = call.max_output.or(target.max_output);
    body = body
        .with_some(
            "parallel_tool_calls",
            call.parallel_tools.filter(|_| !call.tools.is_empty()),
        )
        .with_some(
            "max_output_tokens",
            limit.map(|limit| limit.max(MIN_OUTPUT)),
        )
        .with_some("temperature", call.temperature)
        .with_some("top_p", call.top_p)
        .with_some("user", call.user.as_ref())
        .with_some("service_tier", call.service_tier.as_ref());
    if let Some(thinking) = call.thinking {
        body.set("reasoning", reasoning(thinking));
    }
    let text = text(call);
    if !text.is_empty() {
        body.set("text", text);
    }
    // `seed` and `top_k` only steer chance; these would change the answer.
    refuse_if(!call.stop.is_empty(), "stop", target)?;
    refuse_if(is_set(call.frequency_penalty), "frequency_penalty", target)?;
    refuse_if(is_set(call.presence_penalty), "presence_penalty", target)?;
    extra(call, WIRE, SHARED, target, &mut body)?;
    // Nothing is kept upstream, so the reasoning must travel with the answer.
    body.set("store", false);
    let include = Json::Array(vec!["reasoning.encrypted_content".into()]);
    body.set("include", include);
    if call.stream {
        body.set("stream", true);
    }
    Ok(Encoded {
        headers: Vec::new(),
        body: body.to_vec(),
    })
}

fn reasoning(thinking: Thinking) -> Object {
    let level = thinking.level().map(Effort::name);
    let summary = (!thinking.is_off()).then_some("auto");
    Object::new()
        .with_some("effort", level)
        .with_some("summary", summary)
}

fn text(call: &Call) -> Object {
    let format = match &call.response_format {
        None | Some(ResponseFormat::Text) => None,
        Some(ResponseFormat::JsonObject) => Some(Object::typed("json_object")),
        Some(ResponseFormat::JsonSchema {
            name,
            description,
            schema,
            strict,
        }) => Some(
            Object::typed("json_schema")
                .with("name", name)
                .with_some("description", description.as_ref())
                .with("schema", schema)
                .with_some("strict", *strict),
        ),
    };
    Object::new()
        .with_some("format", format)
        .with_some("verbosity", call.verbosity.as_ref())
}

fn tools(call: &Call, body: &mut Object) -> Result<(), TranslateError> {
    if call.tools.is_empty() {
        return Ok(());
    }
    // Absent means strict here and lax everywhere else.
    let default = (call.surface != Surface::Responses).then_some(false);
    let mut tools = Vec::new();
    for tool in &call.tools {
        match tool {
            Tool::Native(unknown) => tools.push(own(unknown, WIRE)?.into()),
            Tool::Function(tool) => tools.push(Json::Object(
                Object::typed("function")
                    .with("name", &tool.name)
                    .with_some("description", tool.description.as_ref())
                    .with(
                        "parameters",
                        tool.schema.as_ref().map_or(Json::Null, Json::from),
                    )
                    .with_some("strict", tool.strict.or(default)),
            )),
        }
    }
    body.set("tools", tools);
    if let Some(choice) = &call.tool_choice {
        body.set("tool_choice", tool_choice(choice));
    }
    Ok(())
}

fn tool_choice(choice: &ToolChoice) -> Json {
    let named = |name: &String| Json::Object(Object::typed("function").with("name", name));
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => named(name),
        ToolChoice::Allowed { required, names } => Json::Object(
            Object::typed("allowed_tools")
                .with("mode", if *required { "required" } else { "auto" })
                .with("tools", names.iter().map(named).collect::<Json>()),
        ),
    }
}
