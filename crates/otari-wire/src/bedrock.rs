//! Bedrock Converse answers; the payloads of a stream are named by their frame's `:event-type`.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::count::count;

/// A whole answer. It has neither id nor model.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Response<'a> {
    #[serde(borrow)]
    pub output: Option<Output<'a>>,
    pub stop_reason: Option<String>,
    pub usage: Option<Usage>,
    pub additional_model_response_fields: Option<StopFields>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Output<'a> {
    #[serde(borrow)]
    pub message: Option<Message<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Message<'a> {
    #[serde(borrow)]
    pub content: Vec<Block<'a>>,
}

/// A union: one member is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Block<'a> {
    pub text: Option<String>,
    #[serde(borrow)]
    pub tool_use: Option<ToolUse<'a>>,
    pub reasoning_content: Option<ReasoningContent>,
    pub citations_content: Option<CitationsContent>,
    pub image: Option<Image>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ToolUse<'a> {
    pub tool_use_id: Option<String>,
    pub name: Option<String>,
    /// An object in a whole answer, a fragment of its text in a stream.
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
}

/// Nested in a whole answer, flat in a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReasoningContent {
    pub reasoning_text: Option<ReasoningText>,
    /// Base64.
    pub redacted_content: Option<String>,
    pub text: Option<String>,
    pub signature: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReasoningText {
    pub text: Option<String>,
    pub signature: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CitationsContent {
    pub content: Vec<CitedText>,
    pub citations: Vec<Citation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CitedText {
    pub text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Citation {
    pub title: Option<String>,
    pub source_content: Vec<CitedText>,
    pub location: Option<Location>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Location {
    pub web: Option<Web>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Web {
    pub url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Image {
    pub format: String,
    pub source: ImageSource,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ImageSource {
    /// Base64.
    pub bytes: Option<String>,
}

/// The payload of `contentBlockStart`, `contentBlockDelta` and `contentBlockStop`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlockEvent<'a> {
    pub content_block_index: i64,
    #[serde(borrow)]
    pub start: Option<Block<'a>>,
    #[serde(borrow)]
    pub delta: Option<Delta<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Delta<'a> {
    pub text: Option<String>,
    #[serde(borrow)]
    pub tool_use: Option<ToolUse<'a>>,
    pub reasoning_content: Option<ReasoningContent>,
    pub citation: Option<Citation>,
    pub image: Option<Image>,
}

/// The payload of `messageStop`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MessageStop {
    pub stop_reason: Option<String>,
    pub additional_model_response_fields: Option<StopFields>,
}

/// Claude's stop sequence, which comes only if asked for, in one place or the other.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StopFields {
    pub stop_sequence: Option<String>,
    pub delta: Option<Box<StopFields>>,
}

impl StopFields {
    pub fn sequence(self) -> Option<String> {
        let inner = self.delta.and_then(|delta| delta.stop_sequence);
        self.stop_sequence.or(inner)
    }
}

/// The payload of `metadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Metadata {
    pub usage: Option<Usage>,
}

/// Cached tokens come beside `inputTokens`, not inside.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct Usage {
    #[serde(deserialize_with = "count")]
    pub input_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub output_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub cache_read_input_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub cache_write_input_tokens: i64,
    pub cache_details: Option<Vec<CacheDetail>>,
}

/// How much was written to the cache with which lifetime.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct CacheDetail {
    pub ttl: String,
    #[serde(deserialize_with = "count")]
    pub input_tokens: i64,
}

/// The payload of an exception frame, and the body of an HTTP error.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Exception {
    #[serde(alias = "Message")]
    pub message: Option<String>,
    #[serde(alias = "OriginalStatusCode")]
    pub original_status_code: Option<u16>,
    #[serde(alias = "OriginalMessage")]
    pub original_message: Option<String>,
}
