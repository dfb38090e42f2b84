//! Why an answer ended: every wire's word for it, both ways, on one page.

use crate::event::{Finish, FinishReason};
use crate::route::Wire;

use FinishReason::{ContentFilter, Length, Pause, Stop, ToolCalls};

/// What a provider's reason means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Reason(FinishReason),
    /// Not an answer, though the status was success.
    Failure,
}

/// Reasons beyond those of the format itself come from servers that speak it their own way.
const OPENAI_CHAT: &[(&str, Ending)] = &[
    ("stop", Ending::Reason(Stop)),
    ("eos", Ending::Reason(Stop)),
    ("eos_token", Ending::Reason(Stop)),
    ("stop_sequence", Ending::Reason(Stop)),
    ("length", Ending::Reason(Length)),
    ("model_length", Ending::Reason(Length)),
    ("time_limit", Ending::Reason(Length)),
    ("model_context_window_exceeded", Ending::Reason(Length)),
    ("tool_calls", Ending::Reason(ToolCalls)),
    ("function_call", Ending::Reason(ToolCalls)),
    ("content_filter", Ending::Reason(ContentFilter)),
    ("sensitive", Ending::Reason(ContentFilter)),
    ("error", Ending::Failure),
    ("cancelled", Ending::Failure),
    ("network_error", Ending::Failure),
    ("insufficient_system_resource", Ending::Failure),
];

const ANTHROPIC: &[(&str, Ending)] = &[
    ("end_turn", Ending::Reason(Stop)),
    ("stop_sequence", Ending::Reason(Stop)),
    ("compaction", Ending::Reason(Stop)),
    ("pause_turn", Ending::Reason(Pause)),
    ("max_tokens", Ending::Reason(Length)),
    ("model_context_window_exceeded", Ending::Reason(Length)),
    ("tool_use", Ending::Reason(ToolCalls)),
    ("refusal", Ending::Reason(ContentFilter)),
];

const GEMINI: &[(&str, Ending)] = &[
    ("STOP", Ending::Reason(Stop)),
    ("MAX_TOKENS", Ending::Reason(Length)),
    ("SAFETY", Ending::Reason(ContentFilter)),
    ("RECITATION", Ending::Reason(ContentFilter)),
    ("BLOCKLIST", Ending::Reason(ContentFilter)),
    ("PROHIBITED_CONTENT", Ending::Reason(ContentFilter)),
    ("SPII", Ending::Reason(ContentFilter)),
    ("LANGUAGE", Ending::Reason(ContentFilter)),
    ("IMAGE_SAFETY", Ending::Reason(ContentFilter)),
    ("IMAGE_PROHIBITED_CONTENT", Ending::Reason(ContentFilter)),
    ("IMAGE_RECITATION", Ending::Reason(ContentFilter)),
    ("MALFORMED_FUNCTION_CALL", Ending::Failure),
    ("UNEXPECTED_TOOL_CALL", Ending::Failure),
    ("TOO_MANY_TOOL_CALLS", Ending::Failure),
    ("MISSING_THOUGHT_SIGNATURE", Ending::Failure),
    ("MALFORMED_RESPONSE", Ending::Failure),
    ("NO_IMAGE", Ending::Failure),
    ("IMAGE_OTHER", Ending::Failure),
    ("OTHER", Ending::Failure),
];

const COHERE: &[(&str, Ending)] = &[
    ("COMPLETE", Ending::Reason(Stop)),
    ("STOP_SEQUENCE", Ending::Reason(Stop)),
    ("MAX_TOKENS", Ending::Reason(Length)),
    ("TOOL_CALL", Ending::Reason(ToolCalls)),
    ("ERROR", Ending::Failure),
    ("ERROR_TOXIC", Ending::Failure),
    ("TIMEOUT", Ending::Failure),
];

const BEDROCK: &[(&str, Ending)] = &[
    ("end_turn", Ending::Reason(Stop)),
    ("stop_sequence", Ending::Reason(Stop)),
    ("max_tokens", Ending::Reason(Length)),
    ("model_context_window_exceeded", Ending::Reason(Length)),
    ("tool_use", Ending::Reason(ToolCalls)),
    ("guardrail_intervened", Ending::Reason(ContentFilter)),
    ("content_filtered", Ending::Reason(ContentFilter)),
    ("malformed_model_output", Ending::Failure),
    ("malformed_tool_use", Ending::Failure),
];

/// `incomplete_details.reason`; a completed response has none.
const OPENAI_RESPONSES: &[(&str, Ending)] = &[
    ("completed", Ending::Reason(Stop)),
    ("max_output_tokens", Ending::Reason(Length)),
    ("content_filter", Ending::Reason(ContentFilter)),
];

/// Reads a provider's reason. One nobody knows is a plain stop, and where tools were called a stop means that,
/// because several providers say "stop" for both.
pub(crate) fn ending(wire: Wire, native: &str, saw_tool_call: bool) -> Ending {
    let table = match wire {
        Wire::OpenAiChat | Wire::Sagemaker | Wire::Mistral | Wire::Ollama | Wire::Watsonx => {
            OPENAI_CHAT
        }
        Wire::OpenAiResponses => OPENAI_RESPONSES,
        Wire::Anthropic => ANTHROPIC,
        Wire::Gemini => GEMINI,
        Wire::Cohere => COHERE,
        Wire::Bedrock => BEDROCK,
    };
    let found = table.iter().find(|(name, _)| *name == native);
    match found.map_or(Ending::Reason(Stop), |(_, ending)| *ending) {
        Ending::Reason(Stop) if saw_tool_call => Ending::Reason(ToolCalls),
        ending => ending,
    }
}

impl Finish {
    /// Chat's `finish_reason`.
    pub fn chat(&self) -> &'static str {
        match self.reason {
            Stop | Pause => "stop",
            Length => "length",
            ToolCalls => "tool_calls",
            ContentFilter => "content_filter",
        }
    }

    /// Messages' `stop_reason`.
    pub fn messages(&self) -> &'static str {
        match self.reason {
            Stop if self.stop_sequence.is_some() => "stop_sequence",
            Stop => "end_turn",
            Pause => "pause_turn",
            Length => "max_tokens",
            ToolCalls => "tool_use",
            ContentFilter => "refusal",
        }
    }

    /// Responses' `incomplete_details.reason`, `None` when the response is complete.
    pub fn responses(&self) -> Option<&'static str> {
        match self.reason {
            Stop | Pause | ToolCalls => None,
            Length => Some("max_output_tokens"),
            ContentFilter => Some("content_filter"),
        }
    }
}
