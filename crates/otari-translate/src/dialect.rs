//! The formats providers are called in: [`Call`] to requests, answers to [`Event`]s.

mod anthropic;
mod bedrock;
mod blocks;
mod carry;
mod cohere;
mod failed;
mod gemini;
mod mistral;
mod ollama;
mod openai_chat;
mod openai_responses;
mod sagemaker;
pub(crate) mod stream;
mod thoughts;
mod tool_id;
mod watsonx;

use bytes::Bytes;

use crate::call::Call;
use crate::error::{DecodeError, TranslateError};
use crate::event::Event;
use crate::route::Wire;

pub(crate) use bedrock::prompt as bedrock_prompt;

use stream::{Lines, ReadStream, Sse};
pub use thoughts::ThinkTags;
use thoughts::Thoughts;

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
    /// Beyond the content type and what authentication adds.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Writes the request for one attempt.
pub fn encode(wire: Wire, call: &Call, target: &Target<'_>) -> Result<Encoded, TranslateError> {
    carry::refuse_if(
        !wire.has_choices() && call.choices.unwrap_or(1) > 1,
        "n",
        target,
    )?;
    carry::refuse_if(
        !wire.has_logprobs() && call.logprobs.is_some(),
        "logprobs",
        target,
    )?;
    match wire {
        // The containers that serve there take the same.
        Wire::OpenAiChat | Wire::Sagemaker => openai_chat::encode(call, target),
        Wire::OpenAiResponses => openai_responses::encode(call, target),
        Wire::Anthropic => anthropic::encode(call, target),
        Wire::Gemini => gemini::encode(call, target),
        Wire::Cohere => cohere::encode(call, target),
        Wire::Bedrock => bedrock::encode(call, target),
        Wire::Mistral => mistral::encode(call, target),
        Wire::Ollama => ollama::encode(call, target),
        Wire::Watsonx => watsonx::encode(call, target),
    }
}

/// What a decoder must know of the call, beside its wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading<'a> {
    /// Makes the tool call ids that a provider leaves out; it must be unique over a conversation, so the gateway's id
    /// of the call serves. Letters and digits.
    pub seed: &'a str,
    /// How many answers were asked for ([`Call::choices`]); 0 counts as one.
    pub choices: i64,
    /// Whether the model writes its thoughts into its text.
    pub think_tags: ThinkTags,
}

/// Reads a stream as it arrives. Where the bytes are cut makes no difference.
#[derive(Debug)]
pub struct Decoder {
    stream: Box<dyn ReadStream>,
    thoughts: Option<Thoughts>,
    /// What the stream says before thoughts are taken out of it.
    raw: Vec<Event>,
}

impl Decoder {
    /// For one answer of a model that keeps its thoughts out of its text. `seed` as in [`Reading`].
    pub fn new(wire: Wire, seed: &str) -> Self {
        Self::with(
            wire,
            &Reading {
                seed,
                ..Reading::default()
            },
        )
    }

    pub fn with(wire: Wire, reading: &Reading<'_>) -> Self {
        let Reading { seed, choices, .. } = *reading;
        let chat = || openai_chat::Frames::new(seed, choices);
        let stream: Box<dyn ReadStream> = match wire {
            Wire::OpenAiChat | Wire::Mistral | Wire::Watsonx => Box::new(Sse::new(chat())),
            Wire::OpenAiResponses => Box::new(Sse::new(openai_responses::Frames::new(seed))),
            Wire::Anthropic => Box::new(Sse::new(anthropic::Frames::new(seed))),
            Wire::Gemini => Box::new(Sse::new(gemini::Frames::new(seed))),
            Wire::Cohere => Box::new(Sse::new(cohere::Frames::new(seed))),
            Wire::Bedrock => Box::new(bedrock::Stream::new(seed)),
            Wire::Sagemaker => Box::new(sagemaker::Stream::new(seed, choices)),
            Wire::Ollama => Box::new(Lines::new(ollama::Frames::new(seed))),
        };
        Self {
            stream,
            thoughts: Thoughts::new(reading.think_tags),
            raw: Vec::new(),
        }
    }

    /// Appends what `chunk` completes. The events before an error are whole and count.
    pub fn push(&mut self, chunk: Bytes, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let Some(thoughts) = &mut self.thoughts else {
            return self.stream.push(chunk, events);
        };
        let result = self.stream.push(chunk, &mut self.raw);
        thoughts.sort(&mut self.raw, events);
        result
    }

    /// The connection ended. An answer that is not complete by now never will be.
    pub fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let Some(thoughts) = &mut self.thoughts else {
            return self.stream.finish(events);
        };
        let result = self.stream.finish(&mut self.raw);
        thoughts.sort(&mut self.raw, events);
        result
    }
}

/// Reads a whole answer as the events a stream of it would have given. `seed` as in [`Reading`].
pub fn decode_reply(wire: Wire, body: &[u8], seed: &str) -> Result<Vec<Event>, DecodeError> {
    let reading = Reading {
        seed,
        ..Reading::default()
    };
    decode_reply_with(wire, body, &reading)
}

/// As [`decode_reply`], for several answers or for models that write their thoughts into their text.
pub fn decode_reply_with(
    wire: Wire,
    body: &[u8],
    reading: &Reading<'_>,
) -> Result<Vec<Event>, DecodeError> {
    let seed = reading.seed;
    let mut raw = match wire {
        Wire::OpenAiChat | Wire::Sagemaker | Wire::Mistral | Wire::Watsonx => {
            openai_chat::decode_reply(body, seed, reading.choices)
        }
        Wire::OpenAiResponses => openai_responses::decode_reply(body, seed),
        Wire::Anthropic => anthropic::decode_reply(body, seed),
        Wire::Gemini => gemini::decode_reply(body, seed),
        Wire::Cohere => cohere::decode_reply(body, seed),
        Wire::Bedrock => bedrock::decode_reply(body, seed),
        Wire::Ollama => ollama::decode_reply(body, seed),
    }?;
    let Some(mut thoughts) = Thoughts::new(reading.think_tags) else {
        return Ok(raw);
    };
    let mut events = Vec::with_capacity(raw.len());
    thoughts.sort(&mut raw, &mut events);
    Ok(events)
}
