//! The `guardrails` member of a request.

use otari_config::section::guardrails::PROFILE_CHARS_MAX;
use otari_config::{Direction, GuardrailMode, Map, OnUnavailable};
use otari_wire::members::Members;
use serde_json::Value;

use crate::error::FieldProblem;

/// Entries of one request.
const ENTRIES_MAX: usize = 8;

/// A check that is asked for or demanded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) profile: String,
    pub(crate) mode: GuardrailMode,
    pub(crate) on_unavailable: OnUnavailable,
    pub(crate) on: Vec<Direction>,
    pub(crate) url: Option<String>,
    pub(crate) url_is_operators: bool,
    pub(crate) kwargs: Option<Map>,
}

/// What the request asks for. What is wrong with it goes to `problems`.
pub(crate) fn entries(members: &Members<'_>, problems: &mut Vec<FieldProblem>) -> Vec<Entry> {
    let written = members
        .get("guardrails")
        .map(|raw| serde_json::from_str(raw.get()));
    let list = match written {
        None | Some(Ok(Value::Null)) => return Vec::new(),
        Some(Ok(Value::Array(list))) => list,
        Some(_) => {
            let at = Place(vec!["guardrails".to_owned()]);
            problems.push(at.problem("list_type", "Input should be a valid list"));
            return Vec::new();
        }
    };
    if list.len() > ENTRIES_MAX {
        let message = format!(
            "List should have at most {ENTRIES_MAX} items after validation, not {}",
            list.len()
        );
        let at = Place(vec!["guardrails".to_owned()]);
        problems.push(at.problem("too_long", &message));
        return Vec::new();
    }
    let read = list.into_iter().enumerate().filter_map(|(index, item)| {
        let at = Place(vec!["guardrails".to_owned(), index.to_string()]);
        entry(item, &at, problems)
    });
    read.collect()
}

/// Where in the body a value stands.
struct Place(Vec<String>);

impl Place {
    fn below(&self, name: &str) -> Self {
        let mut path = self.0.clone();
        path.push(name.to_owned());
        Self(path)
    }

    fn problem(&self, kind: &'static str, message: &str) -> FieldProblem {
        FieldProblem {
            loc: self.0.clone(),
            kind,
            message: message.to_owned(),
        }
    }
}

fn entry(item: Value, at: &Place, problems: &mut Vec<FieldProblem>) -> Option<Entry> {
    let Value::Object(mut item) = item else {
        problems.push(at.problem("dict_type", "Input should be a valid dictionary"));
        return None;
    };
    let before = problems.len();
    let profile = profile(item.get("profile"), &at.below("profile"), problems);
    let words = [
        ("monitor", GuardrailMode::Monitor),
        ("block", GuardrailMode::Block),
    ];
    let mode = word(item.get("mode"), &words, &at.below("mode"), problems);
    let words = [
        ("block", OnUnavailable::Block),
        ("monitor", OnUnavailable::Monitor),
    ];
    let on_unavailable = word(
        item.get("on_unavailable"),
        &words,
        &at.below("on_unavailable"),
        problems,
    );
    let on = directions(item.get("on"), &at.below("on"), problems);
    let url = url(item.get("url"), &at.below("url"), problems);
    let kwargs = match item.remove("validate_kwargs") {
        None | Some(Value::Null) => None,
        Some(Value::Object(kwargs)) => Some(kwargs),
        Some(_) => {
            let at = at.below("validate_kwargs");
            problems.push(at.problem("dict_type", "Input should be a valid dictionary"));
            None
        }
    };
    if problems.len() > before {
        return None;
    }
    Some(Entry {
        profile: profile?,
        mode: mode.unwrap_or_default(),
        on_unavailable: on_unavailable.unwrap_or(OnUnavailable::Block),
        on,
        url,
        url_is_operators: false,
        kwargs,
    })
}

fn profile(value: Option<&Value>, at: &Place, problems: &mut Vec<FieldProblem>) -> Option<String> {
    let (kind, message) = match value {
        None => ("missing", "Field required".to_owned()),
        Some(Value::String(name)) => match name.chars().count() {
            0 => (
                "string_too_short",
                "String should have at least 1 character".to_owned(),
            ),
            1..=PROFILE_CHARS_MAX => return Some(name.clone()),
            _ => (
                "string_too_long",
                format!("String should have at most {PROFILE_CHARS_MAX} characters"),
            ),
        },
        Some(_) => ("string_type", "Input should be a valid string".to_owned()),
    };
    problems.push(at.problem(kind, &message));
    None
}

/// One of two words.
fn word<T: Copy>(
    value: Option<&Value>,
    words: &[(&str, T); 2],
    at: &Place,
    problems: &mut Vec<FieldProblem>,
) -> Option<T> {
    let value = value?;
    let known = value
        .as_str()
        .and_then(|given| words.iter().find(|(word, _)| *word == given));
    if known.is_none() {
        let [(first, _), (second, _)] = words;
        let message = format!("Input should be '{first}' or '{second}'");
        problems.push(at.problem("literal_error", &message));
    }
    known.map(|(_, meaning)| *meaning)
}

fn directions(
    value: Option<&Value>,
    at: &Place,
    problems: &mut Vec<FieldProblem>,
) -> Vec<Direction> {
    let words = [("input", Direction::Input), ("output", Direction::Output)];
    match value {
        None => vec![Direction::Input],
        Some(Value::Array(list)) => {
            let each = list.iter().enumerate();
            let read = each.filter_map(|(index, item)| {
                word(Some(item), &words, &at.below(&index.to_string()), problems)
            });
            read.collect()
        }
        Some(_) => {
            problems.push(at.problem("list_type", "Input should be a valid list"));
            Vec::new()
        }
    }
}

fn url(value: Option<&Value>, at: &Place, problems: &mut Vec<FieldProblem>) -> Option<String> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::String(url)) => Some(url.clone()),
        Some(_) => {
            problems.push(at.problem("string_type", "Input should be a valid string"));
            None
        }
    }
}
