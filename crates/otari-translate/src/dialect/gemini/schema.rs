//! Where a JSON Schema goes: Gemini takes an OpenAPI subset in one member and full JSON Schema in another.

use serde_json::Value;

use crate::json::Raw;

/// Members of JSON Schema that the OpenAPI subset lacks.
const FULL_ONLY: [&str; 12] = [
    "$ref",
    "$defs",
    "$schema",
    "definitions",
    "const",
    "oneOf",
    "allOf",
    "not",
    "if",
    "additionalProperties",
    "patternProperties",
    "prefixItems",
];

/// Whether the subset cannot hold the schema.
pub(super) fn needs_full(schema: &Raw) -> bool {
    beyond_subset(&schema.value())
}

/// An object without properties, which must be left out.
pub(super) fn is_empty_object(schema: &Raw) -> bool {
    let value = schema.value();
    let members = value.get("properties").and_then(Value::as_object);
    value.as_object().is_some_and(|object| {
        object.is_empty()
            || (object.get("type").and_then(Value::as_str) == Some("object")
                && members.is_none_or(serde_json::Map::is_empty))
    })
}

fn beyond_subset(schema: &Value) -> bool {
    let Value::Object(members) = schema else {
        return false;
    };
    members.iter().any(|(name, value)| match name.as_str() {
        "type" => value.is_array(),
        // Numbers in an enumeration would have to become texts.
        "enum" => value
            .as_array()
            .is_some_and(|items| items.iter().any(|item| !item.is_string())),
        "properties" => value
            .as_object()
            .is_some_and(|inner| inner.values().any(beyond_subset)),
        "items" => value.is_boolean() || beyond_subset(value),
        "anyOf" => value
            .as_array()
            .is_some_and(|items| items.iter().any(beyond_subset)),
        other => FULL_ONLY.contains(&other),
    })
}
