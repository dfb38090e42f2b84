//! The formats providers are called in: [`Call`] to requests, answers to [`Event`]s.

mod anthropic;
mod bedrock;
mod blocks;
mod carry;
mod cohere;
mod gemini;
mod mistral;
mod ollama;
mod openai_chat;
mod openai_responses;
mod sagemaker;
mod stream;
mod tool_id;
mod watsonx;

use bytes::Bytes;

use crate::call::Call;
use crate::error::{DecodeError, TranslateError};
use crate::event::Event;
use crate::route::Wire;

pub(crate) use bedrock::{model_path as bedrock_path, prompt as bedrock_prompt};

use stream::{Lines, ReadStream, Sse};

/// What the dialect must know of the model that is called, beside the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// The provider's name for the model.
    pub model: &'a str,
    /// Tokens, for dialects that demand a limit when the client gave none; a table of known models otherwise.
    pub max_output: Option<i64>,
    /// Leave out what cannot be carried, instead of refusing it.
    pub drop_unsupported: bool,
    /// Send an assistant's unsigned reasoning back as `reasoning_content`: DeepSeek and Moonshot demand it, OpenAI
    /// refuses it. As a `thinking` chunk at Mistral, whose reasoning models want it. OpenAI chat and Mistral only.
    pub replay_reasoning: bool,
    /// Send cache marks as `prompt_cache_breakpoint`. OpenAI chat and Responses only.
    pub cache_breakpoints: bool,
    /// watsonx: the project that pays, or else the space; a deployment (`deployment/<id>` as model) has its own.
    pub project_id: Option<&'a str>,
    pub space_id: Option<&'a str>,
    /// Ollama: tokens of context to make room for (`num_ctx`), 32000 if absent. What exceeds it is cut in silence.
    pub context: Option<i64>,
}

/// A request, ready but for its address and credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Below the provider's base URL, as in `/messages`; with a query where the dialect needs one.
    pub path: String,
    /// Beyond the content type and what authentication adds.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Writes the request for one attempt.
pub fn encode(wire: Wire, call: &Call, target: &Target<'_>) -> Result<Encoded, TranslateError> {
    match wire {
        Wire::OpenAiChat => openai_chat::encode(call, target),
        Wire::OpenAiResponses => openai_responses::encode(call, target),
        Wire::Anthropic => anthropic::encode(call, target),
        Wire::Gemini => gemini::encode(call, target),
        Wire::Cohere => cohere::encode(call, target),
        Wire::Bedrock => bedrock::encode(call, target),
        Wire::Sagemaker => sagemaker::encode(call, target),
        Wire::Mistral => mistral::encode(call, target),
        Wire::Ollama => ollama::encode(call, target),
        Wire::Watsonx => watsonx::encode(call, target),
    }
}

/// Reads a stream as it arrives. Where the bytes are cut makes no difference.
#[derive(Debug)]
pub struct Decoder(Box<dyn ReadStream>);

impl Decoder {
    /// `seed` makes the tool call ids that a provider leaves out; it must be unique over a conversation, so the
    /// gateway's id of the call serves. Letters and digits.
    pub fn new(wire: Wire, seed: &str) -> Self {
        Self(match wire {
            Wire::OpenAiChat | Wire::Mistral | Wire::Watsonx => {
                Box::new(Sse::new(openai_chat::Frames::new(seed)))
            }
            Wire::OpenAiResponses => Box::new(Sse::new(openai_responses::Frames::new(seed))),
            Wire::Anthropic => Box::new(Sse::new(anthropic::Frames::new(seed))),
            Wire::Gemini => Box::new(Sse::new(gemini::Frames::new(seed))),
            Wire::Cohere => Box::new(Sse::new(cohere::Frames::new(seed))),
            Wire::Bedrock => Box::new(bedrock::Stream::new(seed)),
            Wire::Sagemaker => Box::new(sagemaker::Stream::new(seed)),
            Wire::Ollama => Box::new(Lines::new(ollama::Frames::new(seed))),
        })
    }

    /// Appends what `chunk` completes. The events before an error are whole and count.
    pub fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.0.push(chunk, events)
    }

    /// The connection ended. An answer that is not complete by now never will be.
    pub fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.0.finish(events)
    }
}

/// Reads a whole answer as the events a stream of it would have given. `seed` as in [`Decoder::new`].
pub fn decode_reply(wire: Wire, body: &[u8], seed: &str) -> Result<Vec<Event>, DecodeError> {
    match wire {
        Wire::OpenAiChat | Wire::Sagemaker | Wire::Mistral | Wire::Watsonx => {
            openai_chat::decode_reply(body, seed)
        }
        Wire::OpenAiResponses => openai_responses::decode_reply(body, seed),
        Wire::Anthropic => anthropic::decode_reply(body, seed),
        Wire::Gemini => gemini::decode_reply(body, seed),
        Wire::Cohere => cohere::decode_reply(body, seed),
        Wire::Bedrock => bedrock::decode_reply(body, seed),
        Wire::Ollama => ollama::decode_reply(body, seed),
    }
}
