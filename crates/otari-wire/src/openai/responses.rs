//! Responses API answers: the response object, and the events of its stream.
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::count::count;

/// One `data` object of a stream. Items are told apart by `output_index`: some servers change ids between events.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StreamEvent<'a> {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(borrow)]
    pub response: Option<Response<'a>>,
    pub output_index: i64,
    pub summary_index: i64,
    #[serde(borrow)]
    pub item: Option<&'a RawValue>,
    pub delta: Option<String>,
    pub text: Option<String>,
    pub refusal: Option<String>,
    pub arguments: Option<String>,
    pub annotation: Option<Annotation>,
    /// The error of an `error` event, nested on the wire; flat in the published types.
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    pub code: Option<String>,
    pub message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Response<'a> {
    pub id: Option<String>,
    pub model: Option<String>,
    pub status: Option<String>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    pub incomplete_details: Option<Incomplete>,
    #[serde(borrow)]
    pub output: Option<Vec<&'a RawValue>>,
    pub usage: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Incomplete {
    pub reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Item {
    #[serde(rename = "type")]
    pub kind: String,
    pub call_id: Option<String>,
    pub id: Option<String>,
    pub name: Option<String>,
    pub arguments: Option<String>,
    pub encrypted_content: Option<String>,
    pub summary: Option<Vec<Part>>,
    pub content: Option<Vec<Part>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Part {
    #[serde(rename = "type")]
    pub kind: String,
    pub text: Option<String>,
    pub refusal: Option<String>,
    pub annotations: Option<Vec<Annotation>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Annotation {
    #[serde(rename = "type")]
    pub kind: String,
    pub url: Option<String>,
    pub title: Option<String>,
    pub start_index: Option<i64>,
    pub end_index: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Usage {
    #[serde(deserialize_with = "count")]
    pub input_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub output_tokens: i64,
    pub input_tokens_details: Option<InputDetails>,
    pub output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct InputDetails {
    #[serde(deserialize_with = "count")]
    pub cached_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub cache_write_tokens: i64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OutputDetails {
    #[serde(deserialize_with = "count")]
    pub reasoning_tokens: i64,
}
