//! `${NAME}` and `${NAME:-default}` inside text, after parsing: a variable can never change the structure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::problem::{Problem, ProblemKind, Report};
use crate::source::Environment;

/// Replaces references in every text of another document than the gateway's own.
pub fn expand_variables(
    document: &mut Value,
    variables: &BTreeMap<String, String>,
) -> Result<(), Box<Report>> {
    let mut report = Report::default();
    let environment = Environment::new(variables.clone());
    interpolate(document, "", &environment, &mut report);
    if report.problems.is_empty() {
        Ok(())
    } else {
        Err(Box::new(report))
    }
}

/// Replaces references in every text below `value`. Keys are left alone.
pub(crate) fn interpolate(value: &mut Value, path: &str, env: &Environment, report: &mut Report) {
    match value {
        Value::String(text) if text.contains("${") => *text = expand(text, path, env, report),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate(item, &format!("{path}[{index}]"), env, report);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                interpolate(item, &path, env, report);
            }
        }
        _ => {}
    }
}

fn expand(text: &str, path: &str, env: &Environment, report: &mut Report) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let reference = after
            .split_once('}')
            .filter(|(inside, _)| is_reference(inside));
        let Some((inside, tail)) = reference else {
            out.push_str("${");
            rest = after;
            continue;
        };
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        // A default also stands in for a blank variable, as in a shell; without one, blank is a value.
        let value = env
            .get(name)
            .or(default)
            .or_else(|| env.contains(name).then_some(""));
        match value {
            Some(value) => out.push_str(value),
            None => report.problem(
                Problem::new(
                    path,
                    ProblemKind::MissingVariable,
                    format!("`${{{name}}}` refers to an environment variable that is not set"),
                )
                .hint(format!("set {name}, or give a default: `${{{name}:-…}}`")),
            ),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn is_reference(inside: &str) -> bool {
    let name = inside.split_once(":-").map_or(inside, |(name, _)| name);
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
