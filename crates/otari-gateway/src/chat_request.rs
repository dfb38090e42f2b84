//! The Chat Completions request as far as the gateway reads it: a borrowed view, the rest stays raw.

use std::borrow::Cow;

use otari_wire::members::Members;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{FieldProblem, GatewayError};

/// A parsed body. Members that the gateway does not own are only in `members`.
#[derive(Debug)]
pub(crate) struct ChatRequest<'a> {
    pub(crate) members: Members<'a>,
    pub(crate) model: Cow<'a, str>,
    pub(crate) stream: bool,
    /// The client's `user`: whom the call is billed to, if it may say so.
    pub(crate) user: Option<Cow<'a, str>>,
    pub(crate) max_output_tokens: Option<i64>,
    pub(crate) choices: i64,
    /// Size of the prompt for the estimate, in bytes of JSON text.
    pub(crate) prompt_bytes: usize,
}

impl<'a> ChatRequest<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, GatewayError> {
        let members = parse_members(body)?;
        let mut problems = Vec::new();
        let model = string_member(&members, "model", &mut problems);
        if members.get("model").is_none() {
            problems.push(problem(&["model"], "missing", "Field required"));
        }
        let messages = members.get("messages");
        check_messages(messages, &mut problems);
        let stream = bool_member(&members, "stream", &mut problems).unwrap_or(false);
        let user = string_member(&members, "user", &mut problems);
        let max_tokens = int_member(&members, "max_tokens", &mut problems);
        let max_completion_tokens = int_member(&members, "max_completion_tokens", &mut problems);
        let choices = int_member(&members, "n", &mut problems).unwrap_or(1).max(1);
        if !problems.is_empty() {
            return Err(GatewayError::InvalidBody(problems));
        }
        let model = model.unwrap_or_default();
        if model.trim().is_empty() {
            return Err(GatewayError::InvalidRequest("model is required".to_owned()));
        }
        let prompt_bytes = messages.map_or(0, |raw| raw.get().len())
            + members.get("tools").map_or(0, |raw| raw.get().len());
        Ok(Self {
            model,
            stream,
            user,
            max_output_tokens: max_tokens
                .or(max_completion_tokens)
                .map(|tokens| tokens.max(0)),
            choices,
            prompt_bytes,
            members,
        })
    }
}

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

fn check_messages(messages: Option<&RawValue>, problems: &mut Vec<FieldProblem>) {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow, default)]
        role: Option<&'a RawValue>,
    }
    let Some(messages) = messages else {
        problems.push(problem(&["messages"], "missing", "Field required"));
        return;
    };
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(messages.get()) else {
        problems.push(problem(
            &["messages"],
            "list_type",
            "Input should be a valid list",
        ));
        return;
    };
    if items.is_empty() {
        let message = "List should have at least 1 item after validation, not 0";
        problems.push(problem(&["messages"], "too_short", message));
    }
    for (index, item) in items.iter().enumerate() {
        let index = index.to_string();
        match serde_json::from_str::<Message<'_>>(item.get()) {
            Ok(Message { role: Some(role) }) if role.get().starts_with('"') => {}
            Ok(Message { role: Some(_) }) => {
                problems.push(problem(
                    &["messages", &index, "role"],
                    "string_type",
                    "Input should be a valid string",
                ));
            }
            Ok(Message { role: None }) => {
                problems.push(problem(
                    &["messages", &index, "role"],
                    "missing",
                    "Field required",
                ));
            }
            Err(_) => problems.push(problem(
                &["messages", &index],
                "dict_type",
                "Input should be a valid dictionary",
            )),
        }
    }
}

fn problem(loc: &[&str], kind: &'static str, message: &str) -> FieldProblem {
    FieldProblem {
        loc: loc.iter().map(|part| (*part).to_owned()).collect(),
        kind,
        message: message.to_owned(),
    }
}

fn present<'a>(members: &Members<'a>, name: &str) -> Option<&'a str> {
    members
        .get(name)
        .map(RawValue::get)
        .filter(|text| *text != "null")
}

fn string_member<'a>(
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

fn bool_member(
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

fn int_member(members: &Members<'_>, name: &str, problems: &mut Vec<FieldProblem>) -> Option<i64> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(body: &str) -> Vec<(String, &'static str)> {
        match ChatRequest::parse(body.as_bytes()) {
            Err(GatewayError::InvalidBody(problems)) => problems
                .into_iter()
                .map(|p| (p.loc.join("."), p.kind))
                .collect(),
            other => panic!("expected field problems, got {other:?}"),
        }
    }

    #[test]
    fn a_request_is_read_without_losing_members() {
        let body = br#"{"model":"openai:m","messages":[{"role":"user","content":"hi"}],"stream":true,"max_completion_tokens":7,"top_k":3}"#;
        let request = ChatRequest::parse(body).unwrap();
        assert_eq!(
            (
                request.model.as_ref(),
                request.stream,
                request.max_output_tokens
            ),
            ("openai:m", true, Some(7))
        );
        assert_eq!(request.members.get("top_k").unwrap().get(), "3");
    }

    #[test]
    fn every_bad_member_is_named() {
        assert_eq!(
            problems("{}"),
            [
                ("model".to_owned(), "missing"),
                ("messages".to_owned(), "missing")
            ]
        );
        assert_eq!(
            problems(r#"{"model":1,"messages":{}}"#),
            [
                ("model".to_owned(), "string_type"),
                ("messages".to_owned(), "list_type")
            ]
        );
        assert_eq!(
            problems(r#"{"model":"m","messages":[1,{},{"role":2}],"stream":"yes","n":1.5}"#),
            [
                ("messages.0".to_owned(), "dict_type"),
                ("messages.1.role".to_owned(), "missing"),
                ("messages.2.role".to_owned(), "string_type"),
                ("stream".to_owned(), "bool_type"),
                ("n".to_owned(), "int_type"),
            ]
        );
        assert_eq!(
            problems(r#"{"model":"a","model":"b"}"#),
            [("model".to_owned(), "invalid_body")]
        );
    }

    #[test]
    fn what_is_not_json_says_where() {
        for (body, at) in [("{nope", 1), ("", 0), ("{\"a\":1,\n x}", 9)] {
            match ChatRequest::parse(body.as_bytes()) {
                Err(GatewayError::InvalidJson { offset }) => assert_eq!(offset, at, "{body}"),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            ChatRequest::parse(b"{\"model\":\"\xff\"}"),
            Err(GatewayError::InvalidJson { .. })
        ));
    }

    #[test]
    fn a_blank_model_is_a_request_without_model() {
        let error =
            ChatRequest::parse(br#"{"model":" ","messages":[{"role":"user"}]}"#).unwrap_err();
        assert_eq!(error.to_string(), "Invalid request: model is required");
    }
}
