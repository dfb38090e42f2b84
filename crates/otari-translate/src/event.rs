//! The neutral answer, as a sequence.

use otari_types::TokenUsage;

use crate::call::Unknown;
use crate::origin::Signature;

/// One step of an answer.
///
/// Order: `Start` once; then blocks, strictly one after another (`Open`, fragments, `Close`); `Finish` once and last.
/// `Usage` may stand anywhere before `Finish`, several times; reports of one call are merged field by field. A stream
/// that fails has no `Finish`.
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
