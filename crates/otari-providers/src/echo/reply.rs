//! What echo says, its token counts, and the shape of a `chat.completion`.

use serde::Serialize;
use serde_json::{Value, json};

/// Echo's rule for tokens: four characters each, a started one counts.
pub(super) const CHARS_PER_TOKEN: usize = 4;

pub(super) fn tokens_of(chars: usize) -> usize {
    chars.div_ceil(CHARS_PER_TOKEN)
}

#[derive(Clone, Debug)]
pub(super) enum Said {
    Text(String),
    Call { name: String, arguments: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Finish {
    Stop,
    Length,
    ToolCalls,
}

#[expect(clippy::struct_field_names, reason = "the wire's names")]
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Usage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
}

pub(super) struct Reply<'a> {
    pub(super) id: u64,
    pub(super) model: &'a str,
    pub(super) said: Said,
    pub(super) finish: Finish,
    pub(super) usage: Usage,
}

impl Usage {
    pub(super) fn new(prompt_tokens: usize, completion_tokens: usize) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
        }
    }
}

impl Said {
    /// Cuts to an output limit in tokens; also counts the tokens and says why it ended. Calls are not cut: half
    /// of one would be of no use to anybody.
    pub(super) fn within(self, limit: Option<usize>) -> (Self, usize, Finish) {
        match self {
            Self::Call { name, arguments } => {
                let chars = name.chars().count() + arguments.chars().count();
                let tokens = tokens_of(chars);
                (Self::Call { name, arguments }, tokens, Finish::ToolCalls)
            }
            Self::Text(text) => {
                let tokens = tokens_of(text.chars().count());
                match limit {
                    Some(limit) if limit < tokens => {
                        let kept = text.chars().take(limit * CHARS_PER_TOKEN).collect();
                        (Self::Text(kept), limit, Finish::Length)
                    }
                    _ => (Self::Text(text), tokens, Finish::Stop),
                }
            }
        }
    }
}

impl Reply<'_> {
    pub(super) fn id(&self) -> String {
        format!("chatcmpl-echo{:016x}", self.id)
    }

    pub(super) fn call_id(&self) -> String {
        format!("call_echo{:016x}", self.id)
    }

    pub(super) fn document(&self) -> Value {
        let message = match &self.said {
            Said::Text(text) => json!({ "role": "assistant", "content": text, "refusal": null }),
            Said::Call { name, arguments } => json!({
                "role": "assistant",
                "content": null,
                "refusal": null,
                "tool_calls": [{
                    "id": self.call_id(),
                    "type": "function",
                    "function": { "name": name, "arguments": arguments },
                }],
            }),
        };
        json!({
            "id": self.id(),
            "object": "chat.completion",
            // Time is not a part of the rule: the same request gets the same bytes.
            "created": 0,
            "model": self.model,
            "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": self.finish }],
            "usage": self.usage,
        })
    }
}
