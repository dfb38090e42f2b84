//! JSON Schema as Anthropic's structured output takes it: a subset, with the rest said in words.

use serde_json::{Map, Value, json};

use crate::json::Raw;

const FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "uuid",
];

/// Kept as they are; what holds schemas is rewritten inside.
const KEPT: [&str; 9] = [
    "type",
    "title",
    "description",
    "enum",
    "const",
    "default",
    "required",
    "$ref",
    "format",
];

pub(in crate::dialect) fn restrict(schema: &Raw) -> Raw {
    Raw::from(&rewrite(&schema.value()))
}

fn rewrite(schema: &Value) -> Value {
    let Value::Object(members) = schema else {
        return schema.clone();
    };
    let mut out = Map::new();
    let mut words = Vec::new();
    for (name, value) in members {
        match name.as_str() {
            "properties" | "$defs" | "definitions" => {
                out.insert(name.clone(), each_member(value));
            }
            "items" => {
                out.insert(name.clone(), rewrite(value));
            }
            "anyOf" | "allOf" => {
                out.insert(name.clone(), each_item(value));
            }
            "oneOf" => {
                out.insert("anyOf".to_owned(), each_item(value));
            }
            "additionalProperties" | "$schema" => {}
            "minItems" if matches!(value.as_u64(), Some(0 | 1)) => {
                out.insert(name.clone(), value.clone());
            }
            "format" if !value.as_str().is_some_and(|text| FORMATS.contains(&text)) => {
                words.push(format!("{name}: {value}"));
            }
            kept if KEPT.contains(&kept) => {
                out.insert(name.clone(), value.clone());
            }
            _ => words.push(format!("{name}: {value}")),
        }
    }
    let is_object =
        members.get("type") == Some(&json!("object")) || members.contains_key("properties");
    if is_object {
        out.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if !words.is_empty() {
        describe(&mut out, &words);
    }
    Value::Object(out)
}

fn each_member(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, schema)| (name.clone(), rewrite(schema)))
            .collect(),
        other => other.clone(),
    }
}

fn each_item(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(rewrite).collect(),
        other => other.clone(),
    }
}

/// What cannot be enforced is at least said to the model.
fn describe(out: &mut Map<String, Value>, words: &[String]) {
    let words = format!("({})", words.join(", "));
    let description = match out.get("description").and_then(Value::as_str) {
        Some(text) => format!("{text} {words}"),
        None => words,
    };
    out.insert("description".to_owned(), Value::String(description));
}
