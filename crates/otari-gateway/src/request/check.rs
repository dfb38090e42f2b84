//! The outer shape of a conversation; what is inside is the provider's to judge, or the translation's.

use otari_translate::Surface;
use otari_wire::members::Members;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::FieldProblem;
use crate::request::fields::problem;

/// The conversation is there and has its outer shape.
pub(super) fn check(
    surface: Surface,
    input: &'static str,
    members: &Members<'_>,
    problems: &mut Vec<FieldProblem>,
) {
    let value = members.get(input);
    match surface {
        Surface::Chat | Surface::Messages => check_messages(value, problems),
        Surface::Responses | Surface::Completions => check_text_or_list(input, value, problems),
        Surface::Gemini => check_list(input, value, problems),
    }
    if surface == Surface::Messages && members.get("max_tokens").is_none() {
        problems.push(problem(&["max_tokens"], "missing", "Field required"));
    }
}

/// A text or a list, of items or of prompts.
fn check_text_or_list(name: &str, input: Option<&RawValue>, problems: &mut Vec<FieldProblem>) {
    match input.map(|raw| raw.get().as_bytes().first()) {
        None => problems.push(problem(&[name], "missing", "Field required")),
        Some(Some(b'"' | b'[')) => {}
        Some(_) => problems.push(problem(
            &[name],
            "string_or_list_type",
            "Input should be a valid string or list",
        )),
    }
}

fn check_list(name: &str, input: Option<&RawValue>, problems: &mut Vec<FieldProblem>) {
    match input {
        None => problems.push(problem(&[name], "missing", "Field required")),
        Some(raw) if raw.get().starts_with('[') => {}
        Some(_) => problems.push(problem(
            &[name],
            "list_type",
            "Input should be a valid list",
        )),
    }
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
