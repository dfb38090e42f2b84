//! The top level of a Responses request.

use crate::call::{Call, Part};
use crate::error::TranslateError;
use crate::read::{Fields, root};
use crate::route::Surface;
use crate::surface::chat::{effort_of, response_format, tool_choice};

use super::items;
use super::namespace::read_tool;

/// Members that name something kept by a provider. A translated answer is kept nowhere, so there is nothing to name.
const STORED: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

pub(in crate::surface) fn parse(body: &[u8]) -> Result<Call, TranslateError> {
    let mut fields = root(body)?;
    let mut call = Call::new(Surface::Responses, fields.require_string("model")?);
    refuse_state(&mut fields)?;
    if let Some(instructions) = fields.string("instructions")? {
        call.system.push(Part::text(instructions));
    }
    items::read(&fields.require("input")?, &mut call)?;
    if let Some(list) = fields.take("tools") {
        for node in list.array()? {
            read_tool(&node, &mut call)?;
        }
    }
    if let Some(choice) = fields.take("tool_choice") {
        call.tool_choice = Some(tool_choice(&choice)?);
    }
    call.parallel_tools = fields.bool("parallel_tool_calls")?;
    call.max_output = fields.int("max_output_tokens")?;
    call.temperature = fields.float("temperature")?;
    call.top_p = fields.float("top_p")?;
    call.frequency_penalty = fields.float("frequency_penalty")?;
    call.presence_penalty = fields.float("presence_penalty")?;
    read_text(&mut fields, &mut call)?;
    if let Some(reasoning) = fields.take("reasoning")
        && let Some(effort) = reasoning.object()?.take("effort")
    {
        call.thinking = effort_of(&effort)?;
    }
    call.service_tier = fields.string("service_tier")?;
    call.user = fields.string("user")?;
    call.stream = fields.bool("stream")?.unwrap_or(false);
    fields.take("stream_options");
    call.extra = fields.rest();
    Ok(call)
}

fn refuse_state(fields: &mut Fields<'_>) -> Result<(), TranslateError> {
    for name in STORED {
        if let Some(node) = fields.take(name) {
            return Err(node.unsupported());
        }
    }
    match fields.take("background") {
        Some(node) if node.bool()? => Err(node.unsupported()),
        _ => Ok(()),
    }
}

fn read_text(fields: &mut Fields<'_>, call: &mut Call) -> Result<(), TranslateError> {
    let mut format = fields.take("response_format");
    if let Some(text) = fields.take("text") {
        let mut text = text.object()?;
        call.verbosity = text.string("verbosity")?;
        format = text.take("format").or(format);
    }
    if let Some(format) = format {
        call.response_format = Some(response_format(&format)?);
    }
    Ok(())
}
