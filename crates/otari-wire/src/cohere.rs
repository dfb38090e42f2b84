//! Cohere v2 chat answers. A stream sends the same parts under `delta`, one at a time.
//! <https://docs.cohere.com/reference/chat-stream>

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::count::count;

/// One `data` object of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StreamEvent<'a> {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: Option<String>,
    #[serde(borrow)]
    pub delta: Option<Delta<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Delta<'a> {
    #[serde(borrow)]
    pub message: Option<DeltaMessage<'a>>,
    pub finish_reason: Option<String>,
    pub usage: Option<Usage>,
    pub error: Option<String>,
}

/// Lists of a whole message are single objects here, but empty lists in the first event: so they stay raw.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DeltaMessage<'a> {
    #[serde(borrow)]
    pub content: Option<&'a RawValue>,
    pub tool_plan: Option<String>,
    #[serde(borrow)]
    pub tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    pub citations: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Response {
    pub id: Option<String>,
    pub finish_reason: Option<String>,
    pub message: Option<Message>,
    pub usage: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Message {
    pub content: Option<Vec<Content>>,
    pub tool_plan: Option<String>,
    pub tool_calls: Option<Vec<ToolCall>>,
    pub citations: Option<Vec<Citation>>,
}

/// Which characters of which content part rest on which sources.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Citation {
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub text: Option<String>,
    /// Of the content part; text when absent.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub sources: Vec<Source>,
}

/// A document of the request, or what a tool returned: objects with members of the caller's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Source {
    pub document: Option<Address>,
    pub tool_output: Option<Address>,
}

/// The members by which such an object can be found again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Address {
    #[serde(deserialize_with = "text")]
    pub url: Option<String>,
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
}

/// The caller's members can be of any type.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Content {
    pub text: Option<String>,
    pub thinking: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ToolCall {
    pub id: Option<String>,
    pub function: Option<Function>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Function {
    pub name: Option<String>,
    pub arguments: Option<String>,
}

/// `tokens` includes a template that is not billed; `billed_units` is what the invoice says.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Usage {
    pub billed_units: Option<Counts>,
    pub tokens: Option<Counts>,
}

/// Written as floats.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Counts {
    #[serde(deserialize_with = "count")]
    pub input_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub output_tokens: i64,
}
