//! The top level of a Messages request.

use crate::call::{Call, FunctionTool, ResponseFormat, Tool, ToolChoice};
use crate::error::TranslateError;
use crate::json::{Json, Object, Raw};
use crate::route::Wire;

use super::super::carry::{extra, is_set, own, refuse, refuse_if};
use super::super::{Encoded, Target};
use super::model::{Model, of};
use super::thinking::{Mode, max_tokens, thinking};
use super::{content, schema};

type Result<T> = std::result::Result<T, TranslateError>;

const WIRE: Wire = Wire::Anthropic;

pub(in crate::dialect) fn encode(call: &Call, target: &Target<'_>) -> Result<Encoded> {
    let model = of(target.model);
    let mut body = Object::new().with("model", target.model);
    let thinking = thinking(call, &model);
    let wanted = call.max_output.or(target.max_output);
    body.set("max_tokens", max_tokens(wanted, &model, &thinking));
    let system = content::system(call)?;
    if !system.is_empty() {
        body.set("system", system);
    }
    body.set("messages", content::messages(call)?);
    tools(call, &mut body)?;
    if let Some(choice) = tool_choice(call) {
        body.set("tool_choice", choice);
    }
    sampling(call, &model, thinking.is_on(), &mut body);
    if !call.stop.is_empty() {
        let stop = call.stop.iter().filter(|text| !text.trim().is_empty());
        body.set("stop_sequences", stop.map(Json::from).collect::<Json>());
    }
    if let Some(object) = thinking.object() {
        body.set("thinking", object);
    }
    let config = output_config(call, &model, &thinking, target)?;
    if !config.is_empty() {
        body.set("output_config", config);
    }
    refuse_if(is_set(call.frequency_penalty), "frequency_penalty", target)?;
    refuse_if(is_set(call.presence_penalty), "presence_penalty", target)?;
    if let Some(user) = &call.user {
        body.set("metadata", Object::new().with("user_id", user));
    }
    match call.service_tier.as_deref() {
        Some("auto") => body.set("service_tier", "auto"),
        Some("default" | "standard_only") => body.set("service_tier", "standard_only"),
        _ => {}
    }
    if call.stream {
        body.set("stream", true);
    }
    extra(call, WIRE, &[], target, &mut body)?;
    Ok(Encoded {
        headers: betas(&mut body),
        body: body.to_vec(),
    })
}

/// Clients put betas into the body, where only their libraries look; the API wants a header.
fn betas(body: &mut Object) -> Vec<(&'static str, String)> {
    let Some(Json::Raw(raw)) = body.remove("betas") else {
        return Vec::new();
    };
    let names: Vec<String> = serde_json::from_str(raw.get()).unwrap_or_default();
    if names.is_empty() {
        return Vec::new();
    }
    vec![("anthropic-beta", names.join(","))]
}

fn sampling(call: &Call, model: &Model, thinks: bool, body: &mut Object) {
    if !model.sampling || thinks {
        return;
    }
    if let Some(temperature) = call.temperature {
        // Chat's scale goes to 2; both together are refused.
        body.set("temperature", temperature.clamp(0.0, 1.0));
    } else if let Some(top_p) = call.top_p {
        body.set("top_p", top_p);
    }
    if let Some(top_k) = call.top_k {
        body.set("top_k", top_k);
    }
}

fn tools(call: &Call, body: &mut Object) -> Result<()> {
    let mut tools = Vec::new();
    for tool in &call.tools {
        match tool {
            Tool::Native(unknown) => tools.push(own(unknown, WIRE)?.into()),
            Tool::Function(tool) if call.allows(&tool.name) => {
                tools.push(Json::Object(function(tool)));
            }
            Tool::Function(_) => {}
        }
    }
    if !tools.is_empty() {
        body.set("tools", tools);
    }
    Ok(())
}

fn function(tool: &FunctionTool) -> Object {
    let object = Object::new()
        .with("name", &tool.name)
        .with_some("description", tool.description.as_ref())
        .with("input_schema", input_schema(tool.schema.as_ref()))
        .with_some("strict", tool.strict);
    content::marked(object, tool.cache.as_ref())
}

/// A schema must say that it is an object's.
fn input_schema(schema: Option<&Raw>) -> Json {
    let empty = || Object::typed("object").with("properties", Object::new());
    let Some(schema) = schema else {
        return Json::Object(empty());
    };
    let serde_json::Value::Object(mut members) = schema.value() else {
        return Json::Object(empty());
    };
    if members.contains_key("type") {
        return Json::from(schema);
    }
    members.insert("type".to_owned(), "object".into());
    Json::Raw(Raw::from(&serde_json::Value::Object(members)))
}

fn tool_choice(call: &Call) -> Option<Object> {
    if call.tools.is_empty() {
        return None;
    }
    let serial = call.parallel_tools == Some(false);
    let choice = match &call.tool_choice {
        Some(ToolChoice::None) => return Some(Object::typed("none")),
        None if serial => Object::typed("auto"),
        None => return None,
        Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            },
        ) => Object::typed("auto"),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => {
            Object::typed("any")
        }
        Some(ToolChoice::Named(name)) => Object::typed("tool").with("name", name),
    };
    Some(if serial {
        choice.with("disable_parallel_tool_use", true)
    } else {
        choice
    })
}

fn output_config(
    call: &Call,
    model: &Model,
    thinking: &Mode,
    target: &Target<'_>,
) -> Result<Object> {
    let mut config = Object::new();
    if let Mode::Adaptive(Some(effort)) = thinking {
        config.set("effort", effort.anthropic(model.xhigh));
    }
    match &call.response_format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonSchema { schema: wanted, .. }) if model.structured => {
            let format = Object::typed("json_schema").with("schema", schema::restrict(wanted));
            config.set("format", format);
        }
        Some(_) => refuse("response_format", target)?,
    }
    Ok(config)
}
