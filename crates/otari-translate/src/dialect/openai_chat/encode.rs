//! The top level of a Chat request.

use crate::call::{Call, ResponseFormat, Thinking, Tool, ToolChoice};
use crate::effort::Effort;
use crate::error::TranslateError;
use crate::json::{Json, Object};
use crate::route::Wire;

use super::super::carry::{extra, is_native, own};
use super::super::{Encoded, Target};
use super::content;

const WIRE: Wire = Wire::OpenAiChat;

/// What Chat calls as Responses or Completions do, and what several servers of open models take.
const SHARED: &[&str] = &[
    "logit_bias",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "store",
];

pub(in crate::dialect) fn encode(
    call: &Call,
    target: &Target<'_>,
) -> Result<Encoded, TranslateError> {
    let mut body = body(call, target)?;
    extra(call, WIRE, SHARED, target, &mut body)?;
    // Responses' clients say so because keeping is the default there; here it is not, and hosts that are strict
    // about members they do not know refuse it.
    if !is_native(call, WIRE)
        && call
            .extra
            .iter()
            .any(|(name, raw)| name == "store" && raw.get() == "false")
    {
        body.remove("store");
    }
    Ok(Encoded {
        headers: Vec::new(),
        body: body.to_vec(),
    })
}

/// Everything but the members without a neutral form.
pub(in crate::dialect) fn body(call: &Call, target: &Target<'_>) -> Result<Object, TranslateError> {
    let mut body = Object::new()
        .with("model", target.model)
        .with("messages", content::messages(call, target)?);
    tools(call, target, &mut body)?;
    body = body
        .with_some(
            "parallel_tool_calls",
            call.parallel_tools.filter(|_| !call.tools.is_empty()),
        )
        .with_some(
            "max_completion_tokens",
            call.max_output.or(target.max_output),
        )
        .with_some("temperature", call.temperature)
        .with_some("top_p", call.top_p)
        .with_some("frequency_penalty", call.frequency_penalty)
        .with_some("presence_penalty", call.presence_penalty)
        .with_some("seed", call.seed)
        .with_some(
            "reasoning_effort",
            call.thinking.and_then(Thinking::level).map(Effort::name),
        )
        .with_some("verbosity", call.verbosity.as_ref())
        .with_some("user", call.user.as_ref())
        .with_some("service_tier", service_tier(call))
        .with_some("n", call.choices)
        .with_some("logprobs", call.logprobs.map(|_| true))
        .with_some("top_logprobs", call.logprobs.filter(|top| *top > 0));
    // Servers of open models take it from their own clients; OpenAI does not know it.
    if is_native(call, WIRE) {
        body = body.with_some("top_k", call.top_k);
    }
    if !call.stop.is_empty() {
        body.set("stop", call.stop.iter().map(Json::from).collect::<Json>());
    }
    if let Some(format) = &call.response_format {
        body.set("response_format", response_format(format));
    }
    if call.stream {
        body.set("stream", true);
        // Always asked for: the gateway bills by it, whether or not the client wants to see it.
        body.set("stream_options", Object::new().with("include_usage", true));
    }
    Ok(body)
}

fn service_tier(call: &Call) -> Option<&str> {
    match call.service_tier.as_deref() {
        Some("standard_only") => Some("default"),
        tier => tier,
    }
}

fn tools(call: &Call, target: &Target<'_>, body: &mut Object) -> Result<(), TranslateError> {
    if call.tools.is_empty() {
        return Ok(());
    }
    let mut tools = Vec::new();
    for tool in &call.tools {
        match tool {
            Tool::Native(unknown) => tools.push(own(unknown, WIRE)?.into()),
            Tool::Function(tool) => {
                let function = Object::new()
                    .with("name", &tool.name)
                    .with_some("description", tool.description.as_ref())
                    .with_some("parameters", tool.schema.as_ref())
                    .with_some("strict", tool.strict);
                let object = Object::typed("function").with("function", function);
                tools.push(Json::Object(content::marked(
                    object,
                    tool.cache.as_ref(),
                    target,
                )));
            }
        }
    }
    body.set("tools", tools);
    if let Some(choice) = &call.tool_choice {
        body.set("tool_choice", tool_choice(choice));
    }
    Ok(())
}

fn tool_choice(choice: &ToolChoice) -> Json {
    let named = |name: &String| {
        Json::Object(Object::typed("function").with("function", Object::new().with("name", name)))
    };
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => named(name),
        ToolChoice::Allowed { required, names } => {
            let allowed = Object::new()
                .with("mode", if *required { "required" } else { "auto" })
                .with("tools", names.iter().map(named).collect::<Json>());
            Json::Object(Object::typed("allowed_tools").with("allowed_tools", allowed))
        }
    }
}

pub(in crate::dialect) fn response_format(format: &ResponseFormat) -> Object {
    match format {
        ResponseFormat::Text => Object::typed("text"),
        ResponseFormat::JsonObject => Object::typed("json_object"),
        ResponseFormat::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            let inner = Object::new()
                .with("name", name)
                .with_some("description", description.as_ref())
                .with("schema", schema)
                .with_some("strict", *strict);
            Object::typed("json_schema").with("json_schema", inner)
        }
    }
}
