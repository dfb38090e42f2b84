//! Every provider of the catalogue through the whole gateway: each row is an instance at a scripted upstream of its
//! own, which answers in the row's dialect. A new row is covered by being there.
//!
//! What is expected comes from the row's data (dialect, auth, paths, quirks, capabilities), never from its id: the
//! address and the credential that arrive upstream, the members of the body, the answer on each surface, the bill.
//!
//! Not covered: the built-in provider ([`Dialect::Echo`]) has no upstream, so only its answers are checked, and no
//! failures or cuts. Credentials that need a cloud's metadata server or files on disk have tests where they are
//! implemented; here AWS has static keys, Google a ready token, and IBM's token service is scripted too.

#![expect(
    clippy::indexing_slicing,
    reason = "members of scripted JSON are set by name"
)]

mod answer;
mod ask;
mod cuts;
mod embeddings;
mod failures;
mod fleet;
mod generation;
mod heard;
mod models;
mod sent;

use std::fmt::Write as _;

use otari_providers::{Dialect, Provider};

/// What clients call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surface {
    Chat,
    Messages,
    Responses,
    /// Chat's predecessor, which knows no functions.
    Completions,
    Gemini,
}

impl Surface {
    const ALL: [Self; 5] = [
        Self::Chat,
        Self::Messages,
        Self::Responses,
        Self::Completions,
        Self::Gemini,
    ];

    /// The rounds that the surface has words for.
    fn rounds(self) -> &'static [Round] {
        match self {
            Self::Completions => &[Round::Plain],
            _ => &[Round::Plain, Round::Offer, Round::Result],
        }
    }

    fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Gemini if stream => {
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
            Self::Gemini => format!("/v1beta/models/{model}:generateContent"),
            _ => self.endpoint().to_owned(),
        }
    }

    /// What the usage rows of its calls begin with.
    fn endpoint(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
            Self::Responses => "/v1/responses",
            Self::Completions => "/v1/completions",
            Self::Gemini => "/v1beta/models/",
        }
    }
}

/// What a provider is called in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Chat,
    Responses,
    Anthropic,
    Gemini,
    Bedrock,
    Sagemaker,
    Cohere,
    Mistral,
    Ollama,
    Watsonx,
    BuiltIn,
}

/// The turn of a conversation that a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// A word, answered by a word.
    Plain,
    /// A function is offered, and called.
    Offer,
    /// The function's result, answered by a word.
    Result,
}

/// The model of every row.
const MODEL: &str = "m-1";
/// What every upstream bills.
const INPUT_TOKENS: i64 = 11;
const OUTPUT_TOKENS: i64 = 7;
const OUTPUT_LIMIT: i64 = 64;

fn chat_wire(provider: &Provider) -> Wire {
    match provider.dialect {
        Dialect::OpenAiChat
        | Dialect::HuggingFace
        | Dialect::AzureOpenAi
        | Dialect::AzureInference => Wire::Chat,
        Dialect::AnthropicMessages | Dialect::AzureAnthropic | Dialect::VertexAnthropic => {
            Wire::Anthropic
        }
        Dialect::Gemini | Dialect::Vertex => Wire::Gemini,
        Dialect::BedrockConverse => Wire::Bedrock,
        Dialect::Sagemaker => Wire::Sagemaker,
        Dialect::CohereV2 => Wire::Cohere,
        Dialect::Mistral => Wire::Mistral,
        Dialect::Ollama => Wire::Ollama,
        Dialect::Watsonx => Wire::Watsonx,
        Dialect::Echo => Wire::BuiltIn,
        Dialect::Voyage => panic!("{}: declares chat without a chat dialect", provider.id),
    }
}

/// `Ok`, or what is wrong.
type Checked = Result<(), String>;

/// Ends a check with a message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
use ensure;

/// Everything that went wrong, so that one run shows all of it.
#[derive(Debug, Default)]
struct Problems(String);

impl Problems {
    fn note(&mut self, case: &str, checked: Checked) {
        if let Err(problem) = checked {
            let _ = writeln!(self.0, "{case}: {problem}");
        }
    }

    fn none(&self) {
        assert!(self.0.is_empty(), "\n{}", self.0);
    }
}
