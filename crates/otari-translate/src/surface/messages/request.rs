//! The top level of a Messages request.

use crate::call::{Call, ResponseFormat, Role, Thinking, ToolChoice, Turn};
use crate::effort::Effort;
use crate::error::TranslateError;
use crate::read::{Fields, Node, root, strings};
use crate::route::{Surface, Wire};
use crate::surface::tools;

use super::blocks;

pub(in crate::surface) fn parse(body: &[u8]) -> Result<Call, TranslateError> {
    let call = parse_prompt(body)?;
    if call.max_output.is_none() {
        return Err(TranslateError::Invalid {
            loc: "max_tokens".to_owned(),
            problem: "required".to_owned(),
        });
    }
    Ok(call)
}

/// A request of which only the tokens are to be counted needs no limit.
pub(crate) fn parse_prompt(body: &[u8]) -> Result<Call, TranslateError> {
    let mut fields = root(body)?;
    let mut call = Call::new(Surface::Messages, fields.require_string("model")?);
    if let Some(system) = fields.take("system") {
        call.system = blocks::content(&system)?;
    }
    let messages = fields.require("messages")?;
    read_turns(&messages, &mut call)?;
    call.max_output = fields.int("max_tokens")?;
    if let Some(list) = fields.take("tools") {
        for node in list.array()? {
            call.tools.push(tools::tool(&node, Wire::Anthropic)?);
        }
    }
    if let Some(choice) = fields.take("tool_choice") {
        read_tool_choice(&choice, &mut call)?;
    }
    call.temperature = fields.float("temperature")?;
    call.top_p = fields.float("top_p")?;
    call.top_k = fields.int("top_k")?;
    if let Some(stop) = fields.take("stop_sequences") {
        call.stop = strings(&stop)?;
    }
    if let Some(thinking) = fields.take("thinking") {
        call.thinking = Some(read_thinking(&thinking)?);
    }
    read_output(&mut fields, &mut call)?;
    if let Some(metadata) = fields.take("metadata") {
        call.user = metadata.object()?.string("user_id")?;
    }
    call.service_tier = fields.string("service_tier")?;
    call.stream = fields.bool("stream")?.unwrap_or(false);
    call.extra = fields.rest();
    Ok(call)
}

fn read_turns(messages: &Node<'_>, call: &mut Call) -> Result<(), TranslateError> {
    for node in messages.array()? {
        let mut fields = node.object()?;
        let role = fields.require("role")?;
        let role = match role.string()?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => return Err(role.invalid("expected user or assistant")),
        };
        let parts = blocks::content(&fields.require("content")?)?;
        call.turns.push(Turn::new(role, parts));
    }
    if call.turns.is_empty() {
        return Err(messages.invalid("at least one message is required"));
    }
    Ok(())
}

fn read_tool_choice(node: &Node<'_>, call: &mut Call) -> Result<(), TranslateError> {
    if node.is_object()
        && let Some(disabled) = node.object()?.bool("disable_parallel_tool_use")?
    {
        call.parallel_tools = Some(!disabled);
    }
    let mut fields = node.object()?;
    call.tool_choice = Some(match fields.kind()?.as_str() {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" => ToolChoice::Required,
        "tool" => ToolChoice::Named(fields.require_string("name")?),
        _ => return Err(node.unsupported()),
    });
    Ok(())
}

fn read_thinking(node: &Node<'_>) -> Result<Thinking, TranslateError> {
    let mut fields = node.object()?;
    match fields.kind()?.as_str() {
        "enabled" => Ok(Thinking {
            effort: None,
            budget: Some(fields.require("budget_tokens")?.int()?),
        }),
        "adaptive" => Ok(Thinking::default()),
        "disabled" => Ok(Thinking {
            effort: Some(Effort::None),
            budget: None,
        }),
        _ => Err(node.unsupported()),
    }
}

/// `output_config{effort,format}`, and `output_format`, the older place of the second.
fn read_output(fields: &mut Fields<'_>, call: &mut Call) -> Result<(), TranslateError> {
    let mut format = fields.take("output_format");
    if let Some(config) = fields.take("output_config") {
        let mut config = config.object()?;
        if let Some(node) = config.take("effort") {
            let effort = Effort::parse(&node.string()?);
            let effort =
                effort.ok_or_else(|| node.invalid("expected low, medium, high, xhigh or max"))?;
            let thinking = call.thinking.get_or_insert_default();
            thinking.effort = thinking.effort.or(Some(effort));
        }
        format = config.take("format").or(format);
    }
    if let Some(node) = format {
        let mut format = node.object()?;
        if format.kind()? != "json_schema" {
            return Err(node.unsupported());
        }
        let schema = format.require("schema")?;
        let title = schema.object()?.string("title").unwrap_or_default();
        call.response_format = Some(ResponseFormat::JsonSchema {
            name: schema_name(title),
            description: None,
            schema: schema.raw(),
            strict: Some(true),
        });
    }
    Ok(())
}

/// OpenAI wants a name of letters, digits, `_` and `-`; Messages has none, so the schema's title serves.
fn schema_name(title: Option<String>) -> String {
    let name: String = title
        .unwrap_or_default()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .take(64)
        .collect();
    if name.is_empty() {
        "structured_output".to_owned()
    } else {
        name
    }
}
