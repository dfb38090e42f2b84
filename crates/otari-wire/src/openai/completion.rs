//! A whole `chat.completion`, or a chunk of its stream, with the spellings other servers give its parts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::Usage;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Completion<'a> {
    pub id: Option<String>,
    pub model: Option<String>,
    /// watsonx's name for `model`, sometimes beside it.
    pub model_id: Option<String>,
    #[serde(borrow)]
    pub choices: Option<Vec<Choice<'a>>>,
    pub usage: Option<Usage>,
    /// Groq's place for the usage of a stream, and for its errors.
    #[serde(borrow)]
    pub x_groq: Option<GroqExtra<'a>>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    /// watsonx's list of errors.
    #[serde(borrow)]
    pub errors: Option<Vec<&'a RawValue>>,
    /// `error` where the body itself is one (vLLM, Mistral).
    pub object: Option<String>,
    pub message: Option<String>,
    /// MiniMax reports failures here, under success.
    pub base_resp: Option<BaseResp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct GroqExtra<'a> {
    pub usage: Option<Usage>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BaseResp {
    pub status_code: i64,
    pub status_msg: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Choice<'a> {
    pub index: i64,
    pub finish_reason: Option<String>,
    #[serde(borrow)]
    pub delta: Option<Message<'a>>,
    #[serde(borrow)]
    pub message: Option<Message<'a>>,
    #[serde(borrow)]
    pub logprobs: Option<Logprobs<'a>>,
}

/// Probabilities of the tokens of a message or its new part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Logprobs<'a> {
    #[serde(borrow)]
    pub content: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub refusal: Option<Vec<&'a RawValue>>,
}

/// A message or its new part. What has several shapes stays raw.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Message<'a> {
    /// A text, or (Mistral, Databricks) a list of typed parts.
    #[serde(borrow)]
    pub content: Option<&'a RawValue>,
    pub refusal: Option<String>,
    pub reasoning_content: Option<String>,
    /// A text, or an object with `content`.
    #[serde(borrow)]
    pub reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tool_calls: Option<Vec<ToolCall<'a>>>,
    pub annotations: Option<Vec<Annotation>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ToolCall<'a> {
    pub index: Option<i64>,
    pub id: Option<String>,
    #[serde(borrow)]
    pub function: Option<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Function<'a> {
    pub name: Option<String>,
    /// A text by the standard, an object or null from some servers.
    #[serde(borrow)]
    pub arguments: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Annotation {
    pub url_citation: Option<UrlCitation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UrlCitation {
    pub url: String,
    pub title: String,
    pub start_index: Option<i64>,
    pub end_index: Option<i64>,
}

/// An error, in whichever of the shapes in use it came.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ErrorText {
    pub code: String,
    pub status: Option<u16>,
    pub message: String,
}

/// Reads `{"message","type","code"}` with codes as texts or numbers, or a bare text.
pub fn error_text(raw: &str) -> ErrorText {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Word {
        Number(u16),
        Text(String),
        Other(serde::de::IgnoredAny),
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Shape {
        message: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
        code: Option<Word>,
    }
    if let Ok(message) = serde_json::from_str::<String>(raw) {
        return ErrorText {
            message,
            ..ErrorText::default()
        };
    }
    let shape: Shape = serde_json::from_str(raw).unwrap_or_default();
    let (code, status) = match shape.code {
        Some(Word::Number(status)) => (None, Some(status)),
        Some(Word::Text(code)) => (Some(code), None),
        Some(Word::Other(_)) | None => (None, None),
    };
    ErrorText {
        code: code.or(shape.kind).unwrap_or_default(),
        status,
        message: shape.message.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_every_shape() {
        for (raw, code, status, message) in [
            (r#""overloaded""#, "", None, "overloaded"),
            (r#"{"message":"m","type":"t","code":null}"#, "t", None, "m"),
            (r#"{"message":"m","code":502}"#, "", Some(502), "m"),
            (r#"{"message":"m","type":"t","code":"c"}"#, "c", None, "m"),
            ("[1]", "", None, ""),
        ] {
            let read = error_text(raw);
            assert_eq!(
                (read.code.as_str(), read.status, read.message.as_str()),
                (code, status, message),
                "{raw}"
            );
        }
    }
}
