//! The neutral answer, as a sequence.

use otari_types::TokenUsage;

use crate::call::{Media, Unknown};
use crate::json::Raw;
use crate::origin::Signature;

/// One step of an answer.
///
/// Order: `Start` once; then blocks, strictly one after another (`Open`, fragments, `Close`); `Finish` once and last.
/// `Usage` may stand anywhere before `Finish`, several times; reports of one call are merged field by field. A stream
/// that fails has no `Finish`.
///
/// Where several answers were asked for, their events are interleaved: each `Choice` says whose follow, the first
/// answer's until then, and each answer for itself keeps the order above, with `Start` for the first only.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Start {
        /// The provider's id of the answer, empty when it gives none.
        id: String,
        /// The model as the provider names it, empty when it gives none.
        model: String,
    },
    Open(Opening),
    /// A fragment of the open block: text, reasoning, refusal, or the raw text of tool arguments.
    Delta(String),
    /// Belongs to the open text block.
    Citation(Citation),
    /// Belongs to the open reasoning block, at most once.
    Signature(Signature),
    Close,
    /// What follows belongs to the answer of this number, which is not negative.
    Choice(i64),
    /// Of the fragment that follows.
    Logprobs(Logprobs),
    /// A picture the model made, whole.
    Media(Media),
    /// A block no other dialect knows, whole.
    Unknown(Unknown),
    Usage(TokenUsage),
    Finish(Finish),
}

/// The kind of block that begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    Text,
    /// `redacted`: the signature is all there is, the text is withheld.
    Reasoning {
        redacted: bool,
    },
    ToolCall {
        id: String,
        name: String,
    },
    Refusal,
}

/// A source of the text before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    pub url: String,
    pub title: String,
    pub quote: String,
    /// The characters of the answer it supports, where the provider counts them.
    pub range: Option<(i64, i64)>,
}

/// Probabilities of tokens, each entry as OpenAI writes it: `{token,logprob,bytes,top_logprobs}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logprobs {
    pub content: Vec<Raw>,
    pub refusal: Vec<Raw>,
}

impl Logprobs {
    pub fn is_empty(&self) -> bool {
        self.content.is_empty() && self.refusal.is_empty()
    }

    /// Adds those of the next fragment.
    pub fn append(&mut self, next: &Self) {
        self.content.extend(next.content.iter().cloned());
        self.refusal.extend(next.refusal.iter().cloned());
    }
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    pub reason: FinishReason,
    /// The stop sequence that was met, where the provider says which.
    pub stop_sequence: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    Stop,
    /// The provider paused a long turn; the client sends it back to go on.
    Pause,
    Length,
    ToolCalls,
    ContentFilter,
}

impl From<FinishReason> for Finish {
    fn from(reason: FinishReason) -> Self {
        Self {
            reason,
            stop_sequence: None,
        }
    }
}
