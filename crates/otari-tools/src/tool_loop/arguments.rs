//! The arguments of a call, as a tool takes them.

use serde_json::{Map, Value};

/// The object a model wrote; nothing written means no arguments. `None` for text that is not a JSON object.
pub(super) fn parse(text: &str) -> Option<Map<String, Value>> {
    if text.trim().is_empty() {
        return Some(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Some(arguments),
        Ok(Value::Null) => Some(Map::new()),
        // Some models write the object as a string.
        Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
            Ok(Value::Object(arguments)) => Some(arguments),
            _ => None,
        },
        _ => None,
    }
}
