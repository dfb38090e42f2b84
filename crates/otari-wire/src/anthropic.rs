//! Anthropic Messages answers: the message, and the events of its stream.
//! <https://docs.anthropic.com/en/api/messages-streaming>

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::count::count;

/// One `data` object of a stream. Which members are there depends on `kind`.
#[derive(Debug, Deserialize)]
pub struct StreamEvent<'a> {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(borrow, default)]
    pub message: Option<Message<'a>>,
    /// A new block, raw: its kinds outnumber those that are acted on.
    #[serde(borrow, default)]
    pub content_block: Option<&'a RawValue>,
    #[serde(default)]
    pub delta: Option<Delta>,
    #[serde(default)]
    pub usage: Option<Usage>,
    #[serde(default)]
    pub error: Option<Error>,
}

/// A whole message, or the empty one a stream begins with.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(borrow, default)]
    pub content: Vec<&'a RawValue>,
    #[serde(default)]
    pub stop_reason: Option<String>,
    #[serde(default)]
    pub stop_sequence: Option<String>,
    #[serde(default)]
    pub usage: Option<Usage>,
    /// There when the status was success and the answer an error all the same.
    #[serde(default)]
    pub error: Option<Error>,
}

/// A content block of an answer.
#[derive(Debug, Deserialize)]
pub struct Block<'a> {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub thinking: Option<String>,
    #[serde(default)]
    pub signature: Option<String>,
    #[serde(default)]
    pub data: Option<String>,
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(borrow, default)]
    pub input: Option<&'a RawValue>,
    #[serde(default)]
    pub citations: Option<Vec<Citation>>,
}

/// The new part of a block, or how the message ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Delta {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub text: Option<String>,
    pub thinking: Option<String>,
    pub signature: Option<String>,
    pub partial_json: Option<String>,
    pub citation: Option<Citation>,
    pub stop_reason: Option<String>,
    pub stop_sequence: Option<String>,
}

/// A source. Those inside documents have no URL.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Citation {
    pub url: Option<String>,
    pub title: Option<String>,
    pub document_title: Option<String>,
    pub cited_text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Error {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub message: Option<String>,
}

/// Token counts; cached tokens come beside `input_tokens`, not inside.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Usage {
    #[serde(deserialize_with = "count")]
    pub input_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub output_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub cache_read_input_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub cache_creation_input_tokens: i64,
    pub cache_creation: Option<CacheCreation>,
    pub output_tokens_details: Option<OutputDetails>,
    /// The passes behind one answer, when there were several.
    pub iterations: Option<Vec<Iteration>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct CacheCreation {
    #[serde(deserialize_with = "count")]
    pub ephemeral_5m_input_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub ephemeral_1h_input_tokens: i64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OutputDetails {
    #[serde(deserialize_with = "count")]
    pub thinking_tokens: i64,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Iteration {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(deserialize_with = "count")]
    pub input_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub output_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub cache_read_input_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub cache_creation_input_tokens: i64,
}

impl Usage {
    /// Everything that is billed. The top level leaves compaction passes out, so where there are several passes the
    /// compactions and messages are summed; a fallback pass is counted at the top level only.
    pub fn billed(&self) -> Self {
        let passes = self.iterations.as_deref().unwrap_or_default();
        let counted = |pass: &&Iteration| matches!(pass.kind.as_str(), "compaction" | "message");
        let falls_back = passes.iter().any(|pass| pass.kind == "fallback_message");
        if falls_back || !passes.iter().any(|pass| counted(&pass)) {
            return self.clone();
        }
        let sum = |read: fn(&Iteration) -> i64| {
            passes
                .iter()
                .filter(counted)
                .map(read)
                .fold(0, i64::saturating_add)
        };
        Self {
            input_tokens: sum(|pass| pass.input_tokens),
            output_tokens: sum(|pass| pass.output_tokens),
            cache_read_input_tokens: sum(|pass| pass.cache_read_input_tokens),
            cache_creation_input_tokens: sum(|pass| pass.cache_creation_input_tokens),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compaction_passes_are_summed_and_advice_is_not() {
        let usage: Usage = serde_json::from_str(
            r#"{"input_tokens":9,"output_tokens":5,"iterations":[
                {"type":"compaction","input_tokens":100,"output_tokens":20},
                {"type":"advisor_message","input_tokens":7,"output_tokens":7},
                {"type":"message","input_tokens":9,"output_tokens":5,"cache_read_input_tokens":3}]}"#,
        )
        .unwrap();
        let billed = usage.billed();
        assert_eq!((billed.input_tokens, billed.output_tokens), (109, 25));
        assert_eq!(billed.cache_read_input_tokens, 3);
    }

    #[test]
    fn a_fallback_pass_leaves_the_top_level_alone() {
        let usage: Usage = serde_json::from_str(
            r#"{"input_tokens":9,"output_tokens":null,"iterations":[
                {"type":"message","input_tokens":4},{"type":"fallback_message","input_tokens":5}]}"#,
        )
        .unwrap();
        assert_eq!(usage.billed().input_tokens, 9);
    }
}
