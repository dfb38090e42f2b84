//! The top level of a `generateContent` request.

use crate::call::{Call, FunctionTool, ResponseFormat, Thinking, Tool, ToolChoice};
use crate::error::TranslateError;
use crate::json::{Json, Object};
use crate::route::Wire;

use super::super::carry::{extra, is_native, own, refuse_if};
use super::super::{Encoded, Target};
use super::{content, schema};

type Result<T> = std::result::Result<T, TranslateError>;

const WIRE: Wire = Wire::Gemini;

/// Chat's word for the kinds of output that are wanted.
const MODALITIES: &str = "modalities";

pub(in crate::dialect) fn encode(call: &Call, target: &Target<'_>) -> Result<Encoded> {
    let mut body = Object::new();
    let system = content::system(call)?;
    if !system.is_empty() {
        body.set("systemInstruction", Object::new().with("parts", system));
    }
    body.set("contents", content::contents(call, target)?);
    tools(call, &mut body)?;
    let config = generation_config(call, target);
    if !config.is_empty() {
        body.set("generationConfig", config);
    }
    if let Some(tier @ ("flex" | "standard" | "priority")) = call.service_tier.as_deref() {
        body.set("serviceTier", tier);
    }
    // One call at a time cannot be asked for.
    let serial = call.parallel_tools == Some(false) && !call.tools.is_empty();
    refuse_if(serial, "parallel_tool_calls", target)?;
    extra(call, WIRE, &[MODALITIES], target, &mut body)?;
    body.remove(MODALITIES);
    for (name, _) in call.extra.iter().filter(|(name, _)| inner(name).is_some()) {
        body.remove(name);
    }
    Ok(Encoded {
        headers: Vec::new(),
        body: body.to_vec(),
    })
}

fn generation_config(call: &Call, target: &Target<'_>) -> Object {
    let mut config = Object::new()
        .with_some("maxOutputTokens", call.max_output.or(target.max_output))
        .with_some("temperature", call.temperature)
        .with_some("topP", call.top_p)
        .with_some("topK", call.top_k)
        .with_some("seed", call.seed)
        .with_some("presencePenalty", call.presence_penalty)
        .with_some("frequencyPenalty", call.frequency_penalty);
    if !call.stop.is_empty() {
        config.set(
            "stopSequences",
            call.stop.iter().map(Json::from).collect::<Json>(),
        );
    }
    match &call.response_format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => config.set("responseMimeType", "application/json"),
        Some(ResponseFormat::JsonSchema { schema: wanted, .. }) => {
            config.set("responseMimeType", "application/json");
            let member = if schema::needs_full(wanted) {
                "responseJsonSchema"
            } else {
                "responseSchema"
            };
            config.set(member, wanted);
        }
    }
    if let Some((_, raw)) = call.extra.iter().find(|(name, _)| name == MODALITIES) {
        // The same words, in capitals.
        let names: Vec<String> = serde_json::from_str(raw.get()).unwrap_or_default();
        let names = names
            .iter()
            .map(|name| Json::from(name.to_ascii_uppercase()));
        config.set("responseModalities", names.collect::<Json>());
    }
    if is_native(call, WIRE) {
        for (name, raw) in &call.extra {
            if let Some(name) = inner(name) {
                config.set(name.to_owned(), raw);
            }
        }
    }
    if let Some(thinking) = call.thinking {
        config.set("thinkingConfig", thinking_config(thinking, target.model));
    }
    config
}

/// The name within `generationConfig` of a member that its own clients put there.
fn inner(name: &str) -> Option<&str> {
    name.strip_prefix("generationConfig.")
}

/// Gemini 2 takes a budget, Gemini 3 a level. Thoughts are shown only on request.
fn thinking_config(thinking: Thinking, model: &str) -> Object {
    let shown = Object::new().with("includeThoughts", !thinking.is_off());
    let Some(level) = thinking.level() else {
        return shown;
    };
    if content::is_older(model) {
        let budget = thinking.budget.unwrap_or_else(|| level.gemini_budget());
        shown.with("thinkingBudget", budget)
    } else {
        shown.with("thinkingLevel", level.gemini_level())
    }
}

fn tools(call: &Call, body: &mut Object) -> Result<()> {
    let mut functions = Vec::new();
    let mut tools = Vec::new();
    for tool in &call.tools {
        match tool {
            Tool::Function(tool) if call.allows(&tool.name) => {
                functions.push(Json::Object(function(tool)));
            }
            Tool::Function(_) => {}
            Tool::Native(unknown) => tools.push(own(unknown, WIRE)?.into()),
        }
    }
    let declares = !functions.is_empty();
    if declares {
        let declarations = Object::new().with("functionDeclarations", functions);
        tools.insert(0, Json::Object(declarations));
    }
    if !tools.is_empty() {
        body.set("tools", tools);
    }
    if !declares {
        return Ok(());
    }
    let strict = call
        .tools
        .iter()
        .any(|tool| matches!(tool, Tool::Function(tool) if tool.strict == Some(true)));
    if let Some(config) = calling_config(call.tool_choice.as_ref(), strict) {
        body.set(
            "toolConfig",
            Object::new().with("functionCallingConfig", config),
        );
    }
    Ok(())
}

/// A list of names goes with ANY only; for an allowed list only the allowed are declared.
fn calling_config(choice: Option<&ToolChoice>, strict: bool) -> Option<Object> {
    let mode = |mode: &'static str| Object::new().with("mode", mode);
    Some(match choice {
        None
        | Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            },
        ) if strict => mode("VALIDATED"),
        None => return None,
        Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            },
        ) => mode("AUTO"),
        Some(ToolChoice::None) => mode("NONE"),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => mode("ANY"),
        Some(ToolChoice::Named(name)) => {
            mode("ANY").with("allowedFunctionNames", vec![Json::from(name)])
        }
    })
}

fn function(tool: &FunctionTool) -> Object {
    let object = Object::new()
        .with("name", &tool.name)
        .with_some("description", tool.description.as_ref());
    match &tool.schema {
        Some(schema) if schema::is_empty_object(schema) => object,
        Some(schema) if schema::needs_full(schema) => object.with("parametersJsonSchema", schema),
        Some(schema) => object.with("parameters", schema),
        None => object,
    }
}
