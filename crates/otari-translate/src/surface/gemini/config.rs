//! `generationConfig`, `tools` and `toolConfig`.

use crate::call::{Call, FunctionTool, ResponseFormat, Thinking, Tool, ToolChoice, Unknown};
use crate::effort::Effort;
use crate::error::TranslateError;
use crate::json::{Json, Raw};
use crate::read::{Fields, Node, strings};
use crate::route::Wire;

use super::request::take;
use super::schema::json_schema;

type Result<T> = std::result::Result<T, TranslateError>;

/// Before the names of members of `generationConfig` that have no neutral form.
const PREFIX: &str = "generationConfig.";

pub(super) fn generation(node: &Node<'_>, call: &mut Call) -> Result<()> {
    let mut fields = node.object()?;
    let int = |fields: &mut Fields<'_>, name: &str| -> Result<Option<i64>> {
        take(fields, name).map(|node| whole(&node)).transpose()
    };
    let float = |fields: &mut Fields<'_>, name: &str| -> Result<Option<f64>> {
        take(fields, name).map(|node| node.float()).transpose()
    };
    call.max_output = int(&mut fields, "maxOutputTokens")?;
    call.temperature = float(&mut fields, "temperature")?;
    call.top_p = float(&mut fields, "topP")?;
    call.top_k = int(&mut fields, "topK")?;
    call.seed = int(&mut fields, "seed")?;
    call.presence_penalty = float(&mut fields, "presencePenalty")?;
    call.frequency_penalty = float(&mut fields, "frequencyPenalty")?;
    call.choices = int(&mut fields, "candidateCount")?;
    if let Some(stop) = take(&mut fields, "stopSequences") {
        call.stop = strings(&stop)?;
    }
    if let Some(thinking) = take(&mut fields, "thinkingConfig") {
        call.thinking = read_thinking(&thinking)?;
    }
    call.response_format = response_format(&mut fields)?;
    if let Some(list) = take(&mut fields, "responseModalities") {
        modalities(&list, call)?;
    }
    let rest = fields.rest().into_iter();
    call.extra
        .extend(rest.map(|(name, raw)| (format!("{PREFIX}{name}"), raw)));
    Ok(())
}

/// Google's JSON writes whole numbers as floats, too.
fn whole(node: &Node<'_>) -> Result<i64> {
    if let Ok(number) = node.int() {
        return Ok(number);
    }
    let number = node.float()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and a fraction is checked for"
    )]
    let whole = number as i64;
    if number.fract() == 0.0 {
        Ok(whole)
    } else {
        Err(node.invalid("expected an integer"))
    }
}

/// Chat's word for it, which the wires know.
fn modalities(list: &Node<'_>, call: &mut Call) -> Result<()> {
    let names = strings(list)?;
    let names = names
        .iter()
        .map(|name| Json::from(name.to_ascii_lowercase()));
    if let Some(raw) = Raw::parse(&names.collect::<Json>().to_text()) {
        call.extra.push(("modalities".to_owned(), raw));
    }
    Ok(())
}

fn response_format(fields: &mut Fields<'_>) -> Result<Option<ResponseFormat>> {
    let subset = take(fields, "responseSchema").map(|node| json_schema(&node.raw()));
    let full = take(fields, "responseJsonSchema").map(|node| node.raw());
    let Some(mime) = take(fields, "responseMimeType") else {
        return Ok(None);
    };
    match mime.string()?.as_str() {
        "text/plain" => Ok(None),
        "application/json" => Ok(Some(match full.or(subset) {
            None => ResponseFormat::JsonObject,
            Some(schema) => ResponseFormat::JsonSchema {
                name: "response".to_owned(),
                description: None,
                schema,
                strict: None,
            },
        })),
        _ => Err(mime.unsupported()),
    }
}

/// Showing thoughts is no wish to think: they are shown anyway.
fn read_thinking(node: &Node<'_>) -> Result<Option<Thinking>> {
    let mut fields = node.object()?;
    let budget = take(&mut fields, "thinkingBudget");
    if let Some(level) = take(&mut fields, "thinkingLevel") {
        let name = level.string()?.to_ascii_lowercase();
        let effort = Effort::parse(&name);
        let effort =
            effort.ok_or_else(|| level.invalid("expected minimal, low, medium or high"))?;
        return Ok(Some(Thinking {
            effort: Some(effort),
            budget: None,
        }));
    }
    let Some(budget) = budget else {
        return Ok(None);
    };
    Ok(Some(match whole(&budget)? {
        // "As you like".
        -1 => Thinking::default(),
        0 => Thinking {
            effort: Some(Effort::None),
            budget: None,
        },
        tokens => Thinking {
            effort: None,
            budget: Some(tokens),
        },
    }))
}

/// A tool object declares functions, or names something Google runs itself.
pub(super) fn tools(node: &Node<'_>, call: &mut Call) -> Result<()> {
    for node in node.array()? {
        let mut fields = node.object()?;
        let declared = take(&mut fields, "functionDeclarations");
        if let Some(list) = &declared {
            for node in list.array()? {
                call.tools.push(Tool::Function(function(node.object()?)?));
            }
        }
        let others = fields.rest();
        if declared.is_none() && !others.is_empty() {
            call.tools.push(Tool::Native(Unknown {
                wire: Wire::Gemini,
                raw: node.raw(),
                loc: node.at.clone(),
            }));
        } else if let Some((name, _)) = others.first() {
            return Err(TranslateError::Unsupported {
                member: format!("{}.{name}", node.at),
            });
        }
    }
    Ok(())
}

fn function(mut fields: Fields<'_>) -> Result<FunctionTool> {
    let subset = fields
        .take("parameters")
        .map(|node| json_schema(&node.raw()));
    let full = take(&mut fields, "parametersJsonSchema").map(|node| node.raw());
    Ok(FunctionTool {
        name: fields.require_string("name")?,
        description: fields.string("description")?,
        schema: full.or(subset),
        ..FunctionTool::default()
    })
}

pub(super) fn tool_choice(node: &Node<'_>) -> Result<Option<ToolChoice>> {
    let mut fields = node.object()?;
    let Some(config) = take(&mut fields, "functionCallingConfig") else {
        return Ok(None);
    };
    let mut config = config.object()?;
    let names = match take(&mut config, "allowedFunctionNames") {
        Some(list) => strings(&list)?,
        None => Vec::new(),
    };
    let Some(mode) = config.take("mode") else {
        return Ok(None);
    };
    Ok(match mode.string()?.to_ascii_uppercase().as_str() {
        "MODE_UNSPECIFIED" => None,
        "NONE" => Some(ToolChoice::None),
        "AUTO" | "VALIDATED" if names.is_empty() => Some(ToolChoice::Auto),
        "ANY" if names.is_empty() => Some(ToolChoice::Required),
        "ANY" if names.len() == 1 => names.into_iter().next().map(ToolChoice::Named),
        "ANY" => Some(ToolChoice::Allowed {
            required: true,
            names,
        }),
        "AUTO" | "VALIDATED" => Some(ToolChoice::Allowed {
            required: false,
            names,
        }),
        _ => return Err(mode.invalid("expected AUTO, ANY, NONE or VALIDATED")),
    })
}
