//! The top level of a Converse request.

use crate::call::{Call, FunctionTool, ResponseFormat, Tool, ToolChoice};
use crate::error::TranslateError;
use crate::json::{Json, Object, Raw};
use crate::route::Wire;

use super::super::anthropic::schema::restrict;
use super::super::carry::{extra, is_set, refuse, refuse_if, unsupported};
use super::super::{Encoded, Target};
use super::config::{Claude, inference, model_fields};
use super::content::Writer;
use super::family::Family;
use super::media::Documents;

type Result<T> = std::result::Result<T, TranslateError>;

const WIRE: Wire = Wire::Bedrock;

/// Converse's own, which clients may send along.
const SHARED: &[&str] = &["guardrailConfig", "performanceConfig", "requestMetadata"];

/// A header at Anthropic, a field of the model here.
const BETAS: &str = "betas";

pub(in crate::dialect) fn encode(call: &Call, target: &Target<'_>) -> Result<Encoded> {
    let family = Family::of(target.model);
    let claude = Claude::of(call, target, family);
    let mut body = prompt(call, target)?;
    let config = inference(call, target, claude.as_ref());
    if !config.is_empty() {
        body.set("inferenceConfig", config);
    }
    let mut fields = model_fields(call, family, claude.as_ref());
    let betas = call.extra.iter().find(|(name, _)| name == BETAS);
    let betas = betas.filter(|_| family == Family::Claude);
    if let Some((_, names)) = betas {
        fields.set("anthropic_beta", names);
    }
    if !fields.is_empty() {
        body.set("additionalModelRequestFields", fields);
    }
    if family == Family::Claude && !call.stop.is_empty() {
        // Which of them was met is told on request only.
        let path = if call.stream {
            "/delta/stop_sequence"
        } else {
            "/stop_sequence"
        };
        let paths: Json = [Json::from(path)].into_iter().collect();
        body.set("additionalModelResponseFieldPaths", paths);
    }
    if let Some(config) = output_config(call, claude.as_ref(), target)? {
        body.set("outputConfig", config);
    }
    if let Some(tier @ ("priority" | "default" | "flex" | "reserved")) =
        call.service_tier.as_deref()
    {
        body.set("serviceTier", Object::new().with("type", tier));
    }
    refuse_if(is_set(call.frequency_penalty), "frequency_penalty", target)?;
    refuse_if(is_set(call.presence_penalty), "presence_penalty", target)?;
    // One call at a time cannot be asked for.
    let serial = call.parallel_tools == Some(false) && !call.tools.is_empty();
    refuse_if(serial, "parallel_tool_calls", target)?;
    if betas.is_some() {
        extra(call, WIRE, &[SHARED, &[BETAS]].concat(), target, &mut body)?;
        body.remove(BETAS);
    } else {
        extra(call, WIRE, SHARED, target, &mut body)?;
    }
    Ok(Encoded {
        headers: Vec::new(),
        body: body.to_vec(),
    })
}

/// What the model reads: `messages`, `system` and `toolConfig`.
pub(crate) fn prompt(call: &Call, target: &Target<'_>) -> Result<Object> {
    let family = Family::of(target.model);
    let forbidden = call.tool_choice == Some(ToolChoice::None);
    let mut writer = Writer {
        call,
        family,
        tools_as_text: forbidden || call.tools.is_empty(),
        documents: Documents::default(),
    };
    let mut body = Object::new().with("messages", writer.messages()?);
    let system = writer.system()?;
    if !system.is_empty() {
        body.set("system", system);
    }
    if !forbidden && let Some(config) = tool_config(&writer, target)? {
        body.set("toolConfig", config);
    }
    Ok(body)
}

fn tool_config(writer: &Writer<'_>, target: &Target<'_>) -> Result<Option<Object>> {
    let call = writer.call;
    let mut tools = Vec::new();
    for tool in &call.tools {
        match tool {
            Tool::Native(unknown) => return Err(unsupported(&unknown.loc)),
            Tool::Function(tool) if call.allows(&tool.name) => {
                tools.push(Json::Object(Object::new().with("toolSpec", spec(tool))));
                tools.extend(
                    tool.cache
                        .as_ref()
                        .and_then(|mark| writer.cache_point(mark)),
                );
            }
            Tool::Function(_) => {}
        }
    }
    if tools.is_empty() {
        return Ok(None);
    }
    let mut config = Object::new().with("tools", tools);
    let choice = match &call.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => {
            Object::new().with("any", Object::new())
        }
        Some(ToolChoice::Named(name)) => {
            Object::new().with("tool", Object::new().with("name", name))
        }
        _ => return Ok(Some(config)),
    };
    if writer.family.can_force_tools() {
        config.set("toolChoice", choice);
    } else {
        refuse("tool_choice", target)?;
    }
    Ok(Some(config))
}

fn spec(tool: &FunctionTool) -> Object {
    let description = tool.description.as_ref();
    let empty = || Json::Object(Object::typed("object").with("properties", Object::new()));
    let schema = tool.schema.as_ref().map_or_else(empty, Json::from);
    Object::new()
        .with("name", &tool.name)
        .with_some("description", description.filter(|text| !text.is_empty()))
        .with("inputSchema", Object::new().with("json", schema))
        .with_some("strict", tool.strict.filter(|strict| *strict))
}

/// The schema travels as text.
fn output_config(
    call: &Call,
    claude: Option<&Claude>,
    target: &Target<'_>,
) -> Result<Option<Object>> {
    let (name, description, schema) = match &call.response_format {
        None | Some(ResponseFormat::Text) => return Ok(None),
        Some(ResponseFormat::JsonSchema {
            name,
            description,
            schema,
            ..
        }) if claude.is_none_or(|claude| claude.model.structured) => (name, description, schema),
        Some(_) => {
            refuse("response_format", target)?;
            return Ok(None);
        }
    };
    let schema: Raw = match claude {
        Some(_) => restrict(schema),
        None => schema.clone(),
    };
    let inner = Object::new()
        .with("schema", schema.get())
        .with("name", name)
        .with_some("description", description.as_ref());
    let format =
        Object::typed("json_schema").with("structure", Object::new().with("jsonSchema", inner));
    Ok(Some(Object::new().with("textFormat", format)))
}
