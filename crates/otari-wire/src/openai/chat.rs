//! Chat Completions answers and stream chunks, as far as metering needs them.
//! <https://platform.openai.com/docs/api-reference/chat>

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::Usage;

/// A `chat.completion`, or one `chat.completion.chunk` of a stream: the shapes share what is read here.
#[derive(Debug, Deserialize)]
pub struct Answer<'a> {
    #[serde(borrow, default)]
    pub model: Option<Cow<'a, str>>,
    #[serde(default)]
    pub usage: Option<Usage>,
    /// Groq reports stream usage here when not asked through `stream_options`.
    #[serde(default)]
    pub x_groq: Option<GroqExtra>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub choices: Option<Vec<Choice<'a>>>,
}

#[derive(Debug, Deserialize)]
pub struct GroqExtra {
    #[serde(default)]
    pub usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
pub struct Choice<'a> {
    #[serde(borrow, default)]
    pub finish_reason: Option<Cow<'a, str>>,
    /// The new part, in a stream. Kept raw: only its length is needed, and only sometimes.
    #[serde(borrow, default)]
    pub delta: Option<&'a RawValue>,
    /// The whole message, outside a stream. Some servers send an empty one beside `delta`.
    #[serde(borrow, default)]
    pub message: Option<&'a RawValue>,
}

impl Answer<'_> {
    /// The usage this answer carries, wherever the vendor put it.
    pub fn reported_usage(&self) -> Option<Usage> {
        self.usage
            .or_else(|| self.x_groq.as_ref().and_then(|extra| extra.usage))
    }

    /// Some choice says why it ended: the answer is complete.
    pub fn is_finished(&self) -> bool {
        self.choices
            .as_deref()
            .unwrap_or_default()
            .iter()
            .any(|choice| {
                choice
                    .finish_reason
                    .as_deref()
                    .is_some_and(|reason| !reason.is_empty())
            })
    }

    /// Roughly how many bytes of generated text and tool arguments the choices carry.
    pub fn generated_bytes(&self) -> usize {
        let choices = self.choices.as_deref().unwrap_or_default();
        choices
            .iter()
            .filter_map(|choice| choice.delta.or(choice.message))
            .map(|part| generated_text_len(part.get()))
            .sum()
    }
}

/// The text an answer's message or delta holds: content, reasoning, refusal and tool arguments.
fn generated_text_len(message: &str) -> usize {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Message<'a> {
        #[serde(borrow)]
        content: Option<&'a RawValue>,
        #[serde(borrow)]
        reasoning_content: Option<&'a RawValue>,
        #[serde(borrow)]
        reasoning: Option<&'a RawValue>,
        #[serde(borrow)]
        refusal: Option<&'a RawValue>,
        #[serde(borrow)]
        tool_calls: Option<&'a RawValue>,
    }
    const JSON_QUOTES: usize = 2;
    let message: Message<'_> = serde_json::from_str(message).unwrap_or_default();
    [
        message.content,
        message.reasoning_content,
        message.reasoning,
        message.refusal,
        message.tool_calls,
    ]
    .into_iter()
    .flatten()
    .map(|part| part.get().len().saturating_sub(JSON_QUOTES))
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_in_every_spelling() {
        for (json, expected) in [
            (
                r#"{"usage":{"prompt_tokens":11,"completion_tokens":29,"prompt_tokens_details":{"cached_tokens":4}}}"#,
                (11, 29, 4),
            ),
            (
                r#"{"usage":{"prompt_tokens":11.0,"completion_tokens":null,"prompt_cache_hit_tokens":3}}"#,
                (11, 0, 3),
            ),
            (
                r#"{"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":-2}},"choices":null}"#,
                (1, 0, 0),
            ),
        ] {
            let answer: Answer<'_> = serde_json::from_str(json).unwrap();
            let usage = answer.reported_usage().unwrap();
            assert_eq!(
                (
                    usage.prompt_tokens,
                    usage.completion_tokens,
                    usage.cache_read()
                ),
                expected,
                "{json}"
            );
        }
        let none: Answer<'_> = serde_json::from_str(r#"{"usage":null}"#).unwrap();
        assert_eq!(none.reported_usage(), None);
    }

    #[test]
    fn generated_text_counts_content_reasoning_and_arguments() {
        let chunk = r#"{"choices":[{"delta":{"role":"assistant","content":"hello","reasoning_content":"hm"},"finish_reason":null}]}"#;
        let answer: Answer<'_> = serde_json::from_str(chunk).unwrap();
        assert_eq!(answer.generated_bytes(), 7);
        assert!(!answer.is_finished());
        let last: Answer<'_> =
            serde_json::from_str(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#).unwrap();
        assert!(last.is_finished());
    }
}
