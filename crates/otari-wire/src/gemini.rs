//! Gemini `generateContent` answers; each event of a stream is one of these with the new parts.
//! <https://ai.google.dev/api/generate-content>

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::count::count;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Response<'a> {
    #[serde(borrow)]
    pub candidates: Option<Vec<Candidate<'a>>>,
    pub prompt_feedback: Option<PromptFeedback>,
    pub usage_metadata: Option<UsageMetadata>,
    pub model_version: Option<String>,
    pub response_id: Option<String>,
    pub error: Option<Error>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Candidate<'a> {
    #[serde(borrow)]
    pub content: Option<Content<'a>>,
    pub finish_reason: Option<String>,
    pub finish_message: Option<String>,
    pub index: i64,
    pub grounding_metadata: Option<Grounding>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Content<'a> {
    #[serde(borrow)]
    pub parts: Option<Vec<Part<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Part<'a> {
    pub text: Option<String>,
    pub thought: bool,
    pub thought_signature: Option<String>,
    #[serde(borrow)]
    pub function_call: Option<FunctionCall<'a>>,
    pub inline_data: Option<InlineData>,
    #[serde(borrow)]
    pub executable_code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub code_execution_result: Option<&'a RawValue>,
}

/// Base64.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InlineData {
    pub mime_type: String,
    pub data: String,
}

/// `args` is left out by calls without arguments.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FunctionCall<'a> {
    pub id: Option<String>,
    pub name: Option<String>,
    #[serde(borrow)]
    pub args: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PromptFeedback {
    pub block_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Grounding {
    pub grounding_chunks: Vec<GroundingChunk>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct GroundingChunk {
    pub web: Option<Web>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Web {
    pub uri: String,
    pub title: String,
}

/// Cumulative; `candidates_token_count` leaves thoughts out, `cached_content_token_count` is part of the prompt.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct UsageMetadata {
    #[serde(deserialize_with = "count")]
    pub prompt_token_count: i64,
    #[serde(deserialize_with = "count")]
    pub tool_use_prompt_token_count: i64,
    #[serde(deserialize_with = "count")]
    pub candidates_token_count: i64,
    #[serde(deserialize_with = "count")]
    pub thoughts_token_count: i64,
    #[serde(deserialize_with = "count")]
    pub cached_content_token_count: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Error {
    pub code: Option<u16>,
    pub message: Option<String>,
    pub status: Option<String>,
}
