//! Which pairs of surface and wire need translation.

/// A format clients call the gateway in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Chat,
    Messages,
    Responses,
    /// The format before Chat, `/v1/completions`.
    Completions,
    /// Gemini's own `generateContent`.
    Gemini,
}

/// A format providers are called in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    OpenAiChat,
    OpenAiResponses,
    Anthropic,
    Gemini,
    Cohere,
    /// Converse and ConverseStream, whatever model is behind them.
    Bedrock,
    /// OpenAI chat bodies in SageMaker's binary frames.
    Sagemaker,
    /// OpenAI chat with exceptions in content, tool ids, message order and names.
    Mistral,
    /// Ollama's native API.
    Ollama,
    Watsonx,
}

impl Wire {
    /// Several answers to one call.
    pub(crate) fn has_choices(self) -> bool {
        self.has_logprobs() || self == Self::Mistral
    }

    /// Probabilities of tokens, as Chat writes them.
    pub(crate) fn has_logprobs(self) -> bool {
        matches!(self, Self::OpenAiChat | Self::Sagemaker | Self::Watsonx)
    }
}

/// How a call travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Bytes pass as they are; only the members that the gateway owns are replaced.
    Verbatim,
    /// Through [`crate::Call`] and [`crate::Event`].
    Neutral,
}

const NATIVE: [(Surface, Wire); 5] = [
    (Surface::Chat, Wire::OpenAiChat),
    (Surface::Chat, Wire::Mistral),
    (Surface::Messages, Wire::Anthropic),
    (Surface::Responses, Wire::OpenAiResponses),
    (Surface::Gemini, Wire::Gemini),
];

/// The path of a call without gateway-run tools; with them it is always [`Path::Neutral`].
pub fn path(surface: Surface, wire: Wire) -> Path {
    if NATIVE.contains(&(surface, wire)) {
        Path::Verbatim
    } else {
        Path::Neutral
    }
}
