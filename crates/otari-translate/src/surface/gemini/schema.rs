//! Gemini's schemas, a subset of OpenAPI's with types in capitals, as JSON Schema.

use serde_json::{Map, Value, json};

use crate::json::Raw;

pub(super) fn json_schema(schema: &Raw) -> Raw {
    Raw::from(&convert(schema.value()))
}

fn convert(schema: Value) -> Value {
    let Value::Object(members) = schema else {
        return schema;
    };
    let nullable = members.get("nullable") == Some(&Value::Bool(true));
    let mut out = Map::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("nullable" | "propertyOrdering" | "property_ordering" | "example", _) => {}
            ("type", Value::String(kind)) => {
                let kind = kind.to_ascii_lowercase();
                let kind = if nullable {
                    json!([kind, "null"])
                } else {
                    Value::String(kind)
                };
                out.insert(name, kind);
            }
            ("properties", Value::Object(named)) => {
                let named = named
                    .into_iter()
                    .map(|(name, inner)| (name, convert(inner)));
                out.insert(name, named.collect());
            }
            ("items", inner) => {
                out.insert(name, convert(inner));
            }
            ("anyOf" | "any_of", Value::Array(items)) => {
                let items = items.into_iter().map(convert);
                out.insert("anyOf".to_owned(), items.collect());
            }
            // 64-bit numbers travel as text in Google's JSON.
            (
                "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
                | "maxProperties",
                Value::String(number),
            ) => {
                let number = number
                    .parse::<i64>()
                    .map_or(Value::String(number), Value::from);
                out.insert(name, number);
            }
            (_, value) => {
                out.insert(name, value);
            }
        }
    }
    Value::Object(out)
}
