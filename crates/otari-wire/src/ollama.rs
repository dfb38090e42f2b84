//! Ollama's native chat answers; every line of a stream is one of these with the new part.
//! <https://docs.ollama.com/api/chat>

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::count::count;

/// It has no id.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Response<'a> {
    pub model: Option<String>,
    #[serde(borrow)]
    pub message: Option<Message<'a>>,
    pub done: bool,
    pub done_reason: Option<String>,
    /// Left out when the whole prompt was cached.
    #[serde(deserialize_with = "count")]
    pub prompt_eval_count: i64,
    /// Thinking included.
    #[serde(deserialize_with = "count")]
    pub eval_count: i64,
    /// A text, under any status.
    pub error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Message<'a> {
    pub content: Option<String>,
    pub thinking: Option<String>,
    #[serde(borrow)]
    pub tool_calls: Option<Vec<ToolCall<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ToolCall<'a> {
    pub id: Option<String>,
    #[serde(borrow)]
    pub function: Option<Function<'a>>,
}

/// `arguments` is an object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Function<'a> {
    pub name: Option<String>,
    #[serde(borrow)]
    pub arguments: Option<&'a RawValue>,
}
