//! The top level of a request. Names are written in camel case, and in snake case, too.

use crate::call::Call;
use crate::error::TranslateError;
use crate::read::{Fields, Node, root};
use crate::route::Surface;

use super::config;
use super::contents::Reader;

pub(in crate::surface) fn parse(body: &[u8]) -> Result<Call, TranslateError> {
    let mut fields = root(body)?;
    let model = fields.string("model")?.unwrap_or_default();
    let model = model.strip_prefix("models/").unwrap_or(&model);
    let mut call = Call::new(Surface::Gemini, model.to_owned());
    let mut reader = Reader::default();
    if let Some(system) = take(&mut fields, "systemInstruction") {
        let parts = system.object()?.require("parts")?;
        call.system = reader.parts(&parts)?;
    }
    reader.turns(&fields.require("contents")?, &mut call)?;
    if let Some(list) = fields.take("tools") {
        config::tools(&list, &mut call)?;
    }
    if let Some(choice) = take(&mut fields, "toolConfig") {
        call.tool_choice = config::tool_choice(&choice)?;
    }
    if let Some(generation) = take(&mut fields, "generationConfig") {
        config::generation(&generation, &mut call)?;
    }
    if let Some(tier) = take(&mut fields, "serviceTier") {
        call.service_tier = Some(tier.string()?);
    }
    call.extra.extend(fields.rest());
    Ok(call)
}

/// Takes a member by its name in camel case, or the same in snake case.
pub(super) fn take<'a>(fields: &mut Fields<'a>, camel: &str) -> Option<Node<'a>> {
    fields.take(camel).or_else(|| {
        let mut snake = String::with_capacity(camel.len() + 4);
        for letter in camel.chars() {
            if letter.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        fields.take(&snake)
    })
}
