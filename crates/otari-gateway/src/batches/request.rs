//! The body that asks for a batch: OpenAI's, with a file of lines, or the one with the lines in it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use otari_wire::members::Members;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{FieldProblem, GatewayError};
use crate::request::{parse_members, present, problem, required_string, string_member};

use super::endpoint::Endpoint;
use super::with_model;

/// What `metadata` may hold, as OpenAI limits it.
const METADATA_PAIRS_MAX: usize = 16;
const METADATA_VALUE_MAX: usize = 512;
pub(super) const CUSTOM_ID_MAX: usize = 512;
const WINDOW_SECS: std::ops::RangeInclusive<i64> = 60..=30 * 86_400;
/// OpenAI's bounds of `output_expires_after.seconds`.
const LIFE_SECS: std::ops::RangeInclusive<u64> = 3_600..=2_592_000;

#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) user: Option<Cow<'a, str>>,
    pub(super) endpoint: Endpoint,
    pub(super) input: Input<'a>,
    /// As it was given, and in seconds.
    pub(super) window: (Cow<'a, str>, i64),
    /// A JSON object.
    pub(super) metadata: Option<&'a str>,
    pub(super) output_life: Option<Duration>,
}

#[derive(Debug)]
pub(super) enum Input<'a> {
    File(Cow<'a, str>),
    /// Custom ids, and bodies that name the model.
    Lines {
        model: Cow<'a, str>,
        lines: Vec<(String, String)>,
    },
}

impl<'a> Asked<'a> {
    pub(super) fn parse(body: &'a [u8], max_lines: usize) -> Result<Self, GatewayError> {
        let members = parse_members(body)?;
        let problems = &mut Vec::new();
        let asked = Self {
            user: string_member(&members, "user", problems),
            window: window(&members, problems),
            metadata: metadata(&members, problems),
            output_life: output_life(&members, problems),
            endpoint: endpoint(&members, problems),
            input: input(&members, max_lines, problems),
        };
        if problems.is_empty() {
            Ok(asked)
        } else {
            Err(GatewayError::InvalidBody(std::mem::take(problems)))
        }
    }
}

fn endpoint(members: &Members<'_>, problems: &mut Vec<FieldProblem>) -> Endpoint {
    const CHAT: Endpoint = Endpoint::ALL[0];
    let Some(path) = string_member(members, "endpoint", problems) else {
        if members.get("input_file_id").is_some() && members.get("endpoint").is_none() {
            problems.push(problem(&["endpoint"], "missing", "Field required"));
        }
        return CHAT;
    };
    Endpoint::parse(&path).unwrap_or_else(|| {
        let paths = Endpoint::ALL.map(Endpoint::path).join(", ");
        let message = format!("Input should be one of: {paths}");
        problems.push(problem(&["endpoint"], "literal_error", &message));
        CHAT
    })
}

fn input<'a>(
    members: &Members<'a>,
    max_lines: usize,
    problems: &mut Vec<FieldProblem>,
) -> Input<'a> {
    if let Some(file) = string_member(members, "input_file_id", problems) {
        if members.get("requests").is_some() {
            let message = "Give either input_file_id or requests";
            problems.push(problem(&["requests"], "extra_forbidden", message));
        }
        return Input::File(file);
    }
    if members.get("requests").is_none() && members.get("model").is_none() {
        let message = "Field required: the file with the lines, or else `model` and `requests`";
        problems.push(problem(&["input_file_id"], "missing", message));
        return Input::File(Cow::Borrowed(""));
    }
    let model = required_string(members, "model", problems);
    let lines = lines(members, &model, max_lines, problems);
    Input::Lines { model, lines }
}

fn lines(
    members: &Members<'_>,
    model: &str,
    max_lines: usize,
    problems: &mut Vec<FieldProblem>,
) -> Vec<(String, String)> {
    const REQUESTS: &str = "requests";
    let Some(raw) = present(members, REQUESTS) else {
        problems.push(problem(&[REQUESTS], "missing", "Field required"));
        return Vec::new();
    };
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw) else {
        let message = "Input should be a valid list";
        problems.push(problem(&[REQUESTS], "list_type", message));
        return Vec::new();
    };
    if items.is_empty() || items.len() > max_lines {
        let message = format!("List should have 1 to {max_lines} items");
        problems.push(problem(&[REQUESTS], "length", &message));
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut lines = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match line(item, model, &mut seen) {
            Ok(line) => lines.push(line),
            Err((member, kind, message)) => {
                let index = index.to_string();
                problems.push(problem(&[REQUESTS, &index, member], kind, message));
                // One is as good as ten thousand.
                break;
            }
        }
    }
    lines
}

type LineProblem = (&'static str, &'static str, &'static str);

fn line(
    item: &RawValue,
    model: &str,
    seen: &mut HashSet<String>,
) -> Result<(String, String), LineProblem> {
    #[derive(Deserialize)]
    struct Item<'a> {
        custom_id: String,
        #[serde(borrow)]
        body: &'a RawValue,
    }
    let Item { custom_id, body } = serde_json::from_str(item.get()).map_err(|_| {
        (
            "custom_id",
            "value_error",
            "Each request needs a `custom_id`, a text, and a `body`, an object",
        )
    })?;
    if custom_id.is_empty() || custom_id.len() > CUSTOM_ID_MAX {
        let message = "Text should have 1 to 512 characters";
        return Err(("custom_id", "string_length", message));
    }
    if !seen.insert(custom_id.clone()) {
        return Err((
            "custom_id",
            "value_error",
            "Another request has this custom_id",
        ));
    }
    let body = with_model(body.get(), model);
    let body = body.map_err(|_| ("body", "dict_type", "Input should be a valid object"))?;
    Ok((custom_id, body))
}

/// `24h`, as a text and in seconds.
fn window<'a>(members: &Members<'a>, problems: &mut Vec<FieldProblem>) -> (Cow<'a, str>, i64) {
    let name = "completion_window";
    let text = string_member(members, name, problems).unwrap_or(Cow::Borrowed("24h"));
    let seconds = text.char_indices().next_back().and_then(|(at, unit)| {
        let unit = match unit {
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        let count: i64 = text.get(..at)?.parse().ok()?;
        count.checked_mul(unit)
    });
    let seconds = seconds.filter(|seconds| WINDOW_SECS.contains(seconds));
    if seconds.is_none() {
        let message =
            "Input should be a time as 24h: minutes (m), hours (h) or days (d), at most 30d";
        problems.push(problem(&[name], "value_error", message));
    }
    (text, seconds.unwrap_or_default())
}

fn metadata<'a>(members: &Members<'a>, problems: &mut Vec<FieldProblem>) -> Option<&'a str> {
    let raw = present(members, "metadata")?;
    let pairs = serde_json::from_str::<Map<String, Value>>(raw).ok();
    let fits = pairs.is_some_and(|pairs| {
        let short = |value: &Value| {
            value
                .as_str()
                .is_some_and(|v| v.len() <= METADATA_VALUE_MAX)
        };
        pairs.len() <= METADATA_PAIRS_MAX && pairs.values().all(short)
    });
    if !fits {
        let message =
            "Input should be an object of at most 16 texts, each of at most 512 characters";
        problems.push(problem(&["metadata"], "dict_type", message));
    }
    Some(raw)
}

fn output_life(members: &Members<'_>, problems: &mut Vec<FieldProblem>) -> Option<Duration> {
    #[derive(Deserialize)]
    struct After {
        anchor: String,
        seconds: u64,
    }
    let raw = present(members, "output_expires_after")?;
    let after = serde_json::from_str::<After>(raw).ok();
    let after =
        after.filter(|after| after.anchor == "created_at" && LIFE_SECS.contains(&after.seconds));
    if after.is_none() {
        let message = "Input should be {\"anchor\": \"created_at\", \"seconds\": 3600 to 2592000}";
        problems.push(problem(&["output_expires_after"], "value_error", message));
    }
    Some(Duration::from_secs(after?.seconds))
}
