//! The top level of a Chat request.

use crate::call::{Call, ResponseFormat, Thinking, ToolChoice};
use crate::effort::Effort;
use crate::error::TranslateError;
use crate::read::{Fields, Node, root, strings};
use crate::route::{Surface, Wire};
use crate::surface::tools;

use super::turns;

pub(in crate::surface) fn parse(body: &[u8]) -> Result<Call, TranslateError> {
    let mut fields = root(body)?;
    let mut call = Call::new(Surface::Chat, fields.require_string("model")?);
    let messages = fields.require("messages")?;
    turns::read(&messages, &mut call)?;
    read_tools(&mut fields, &mut call)?;
    let limit = fields.int("max_completion_tokens")?;
    call.max_output = fields.int("max_tokens")?.or(limit);
    call.temperature = fields.float("temperature")?;
    call.top_p = fields.float("top_p")?;
    call.top_k = fields.int("top_k")?;
    call.frequency_penalty = fields.float("frequency_penalty")?;
    call.presence_penalty = fields.float("presence_penalty")?;
    call.seed = fields.int("seed")?;
    if let Some(stop) = fields.take("stop") {
        call.stop = strings(&stop)?;
    }
    if let Some(format) = fields.take("response_format") {
        call.response_format = Some(response_format(&format)?);
    }
    if let Some(effort) = fields.take("reasoning_effort") {
        call.thinking = effort_of(&effort)?;
    }
    call.verbosity = fields.string("verbosity")?;
    call.service_tier = fields.string("service_tier")?;
    call.user = fields.string("user")?;
    call.stream = fields.bool("stream")?.unwrap_or(false);
    if let Some(options) = fields.take("stream_options") {
        // `{}` says no as much as `false` does: only an absent member leaves it open.
        let asked = options.object()?.bool("include_usage")?;
        call.include_usage = Some(asked.unwrap_or(false));
    }
    read_choices(&mut fields, &mut call)?;
    call.extra = fields.rest();
    Ok(call)
}

/// Several answers, and the probabilities of their tokens.
fn read_choices(fields: &mut Fields<'_>, call: &mut Call) -> Result<(), TranslateError> {
    if let Some(n) = fields.take("n") {
        call.choices = Some(n.int()?);
        if n.int()? < 1 {
            return Err(n.invalid("expected at least 1"));
        }
    }
    let top = fields.int("top_logprobs")?;
    if fields.bool("logprobs")? == Some(true) {
        call.logprobs = Some(top.unwrap_or(0));
    }
    Ok(())
}

pub(in crate::surface) fn effort_of(node: &Node<'_>) -> Result<Option<Thinking>, TranslateError> {
    let name = node.string()?;
    if name == "auto" {
        return Ok(None);
    }
    let effort = Effort::parse(&name).ok_or_else(|| {
        node.invalid("expected none, minimal, low, medium, high, xhigh, max or auto")
    })?;
    Ok(Some(Thinking {
        effort: Some(effort),
        budget: None,
    }))
}

fn read_tools(fields: &mut Fields<'_>, call: &mut Call) -> Result<(), TranslateError> {
    if let Some(list) = fields.take("tools") {
        for node in list.array()? {
            call.tools.push(tools::tool(&node, Wire::OpenAiChat)?);
        }
    }
    if let Some(choice) = fields.take("tool_choice") {
        call.tool_choice = Some(tool_choice(&choice)?);
    }
    call.parallel_tools = fields.bool("parallel_tool_calls")?;
    Ok(())
}

/// Chat nests what Responses has flat: `{type,function:{name}}` and `{type,allowed_tools:{mode,tools}}`.
pub(in crate::surface) fn tool_choice(node: &Node<'_>) -> Result<ToolChoice, TranslateError> {
    if node.is_string() {
        return match node.string()?.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" | "any" => Ok(ToolChoice::Required),
            _ => Err(node.invalid("expected auto, none, required or an object")),
        };
    }
    let mut fields = node.object()?;
    match fields.kind()?.as_str() {
        "function" | "tool" => {
            let mut holder = match fields.take("function") {
                Some(inner) => inner.object()?,
                None => fields,
            };
            Ok(ToolChoice::Named(holder.require_string("name")?))
        }
        "allowed_tools" => {
            let holder = match fields.take("allowed_tools") {
                Some(inner) => inner.object()?,
                None => fields,
            };
            allowed_tools(holder)
        }
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "any" | "required" => Ok(ToolChoice::Required),
        _ => Err(node.unsupported()),
    }
}

fn allowed_tools(mut fields: Fields<'_>) -> Result<ToolChoice, TranslateError> {
    let required = fields.string("mode")?.as_deref() == Some("required");
    let mut names = Vec::new();
    for node in fields.require("tools")?.array()? {
        let mut tool = node.object()?;
        let mut holder = match tool.take("function") {
            Some(inner) => inner.object()?,
            None => tool,
        };
        names.push(holder.require_string("name")?);
    }
    Ok(ToolChoice::Allowed { required, names })
}

/// Chat's form nests under `json_schema`; Responses' `text.format` has the same members flat.
pub(in crate::surface) fn response_format(
    node: &Node<'_>,
) -> Result<ResponseFormat, TranslateError> {
    let mut fields = node.object()?;
    match fields.kind()?.as_str() {
        "text" => Ok(ResponseFormat::Text),
        "json_object" => Ok(ResponseFormat::JsonObject),
        "json_schema" => {
            let mut holder = match fields.take("json_schema") {
                Some(inner) => inner.object()?,
                None => fields,
            };
            Ok(ResponseFormat::JsonSchema {
                name: holder.require_string("name")?,
                description: holder.string("description")?,
                schema: holder.require("schema")?.raw(),
                strict: holder.bool("strict")?,
            })
        }
        _ => Err(node.unsupported()),
    }
}
