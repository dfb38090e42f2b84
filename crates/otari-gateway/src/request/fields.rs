//! Reading single members of a body, and what is wrong with them.

use std::borrow::Cow;

use otari_wire::members::Members;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{FieldProblem, GatewayError};

/// The top-level members, with the errors in the shape of a body validation.
pub(crate) fn parse_members(body: &[u8]) -> Result<Members<'_>, GatewayError> {
    Members::parse(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let text = error.to_string();
            // serde_json appends the position, which says nothing about a member.
            let message = text
                .split(" at line ")
                .next()
                .unwrap_or_default()
                .to_owned();
            // The member's name stands between backticks.
            let member = message.split('`').nth(1).map(|name| [name]);
            let loc = member.as_ref().map_or(&[][..], |name| &name[..]);
            GatewayError::field(loc, "invalid_body", message.clone())
        }
        _ => GatewayError::InvalidJson {
            offset: offset_of(body, error.line(), error.column()),
        },
    })
}

/// Byte offset of a line and column, as clients are told it.
fn offset_of(body: &[u8], line: usize, column: usize) -> usize {
    let before: usize = body
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    before + column.saturating_sub(1)
}

pub(crate) fn problem(loc: &[&str], kind: &'static str, message: &str) -> FieldProblem {
    FieldProblem {
        loc: loc.iter().map(|part| (*part).to_owned()).collect(),
        kind,
        message: message.to_owned(),
    }
}

pub(crate) fn present<'a>(members: &Members<'a>, name: &str) -> Option<&'a str> {
    members
        .get(name)
        .map(RawValue::get)
        .filter(|text| *text != "null")
}

pub(crate) fn string_member<'a>(
    members: &Members<'a>,
    name: &str,
    problems: &mut Vec<FieldProblem>,
) -> Option<Cow<'a, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let raw = present(members, name)?;
    let text = serde_json::from_str::<Text<'a>>(raw)
        .ok()
        .map(|Text(text)| text);
    if text.is_none() {
        problems.push(problem(
            &[name],
            "string_type",
            "Input should be a valid string",
        ));
    }
    text
}

/// A text that must be there; blank is as good as missing.
pub(crate) fn required_string<'a>(
    members: &Members<'a>,
    name: &str,
    problems: &mut Vec<FieldProblem>,
) -> Cow<'a, str> {
    let before = problems.len();
    let text = string_member(members, name, problems).unwrap_or_default();
    if text.trim().is_empty() && problems.len() == before {
        problems.push(problem(&[name], "missing", "Field required"));
    }
    text
}

pub(crate) fn bool_member(
    members: &Members<'_>,
    name: &str,
    problems: &mut Vec<FieldProblem>,
) -> Option<bool> {
    match present(members, name)? {
        "true" => Some(true),
        "false" => Some(false),
        _ => {
            problems.push(problem(
                &[name],
                "bool_type",
                "Input should be a valid boolean",
            ));
            None
        }
    }
}

pub(crate) fn int_member(
    members: &Members<'_>,
    name: &str,
    problems: &mut Vec<FieldProblem>,
) -> Option<i64> {
    let raw = present(members, name)?;
    let value = serde_json::from_str::<i64>(raw).ok();
    if value.is_none() {
        problems.push(problem(
            &[name],
            "int_type",
            "Input should be a valid integer",
        ));
    }
    value
}
