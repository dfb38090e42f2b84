//! The `usage` object of Chat Completions and Embeddings, with the spellings other vendors give it.
//! <https://platform.openai.com/docs/api-reference/chat/object>

use serde::Deserialize;

use crate::count::count;

/// Token counts as reported. A missing object is `None` where this is used; a missing count is zero.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Usage {
    #[serde(deserialize_with = "count")]
    pub prompt_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub completion_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub total_tokens: i64,
    pub prompt_tokens_details: Option<PromptDetails>,
    pub completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's spelling of cached prompt tokens.
    #[serde(deserialize_with = "count")]
    pub prompt_cache_hit_tokens: i64,
    /// Moonshot's spelling of cached prompt tokens.
    #[serde(deserialize_with = "count")]
    pub cached_tokens: i64,
    /// Mistral's spelling of cached prompt tokens.
    #[serde(deserialize_with = "count")]
    pub num_cached_tokens: i64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PromptDetails {
    #[serde(deserialize_with = "count")]
    pub cached_tokens: i64,
    #[serde(deserialize_with = "count")]
    pub cache_write_tokens: i64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct CompletionDetails {
    #[serde(deserialize_with = "count")]
    pub reasoning_tokens: i64,
}

impl Usage {
    /// Cached prompt tokens, in whichever spelling they came.
    pub fn cache_read(&self) -> i64 {
        let details = self.prompt_tokens_details.unwrap_or_default();
        details
            .cached_tokens
            .max(self.prompt_cache_hit_tokens)
            .max(self.cached_tokens)
            .max(self.num_cached_tokens)
    }

    /// All counts zero: how some servers fill chunks before the last.
    pub fn is_empty(&self) -> bool {
        self.prompt_tokens == 0 && self.completion_tokens == 0 && self.total_tokens == 0
    }
}
