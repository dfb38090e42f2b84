//! What stands between the upstream's bytes and the client's, for one attempt.

use std::sync::Arc;

use bytes::Bytes;
use otari_providers::quirk::reasoning_outside_completion;
use otari_providers::{Instance, UpstreamError};
use otari_translate::surface::{Envelope, keep_alive};
use otari_translate::{Call, Surface, Wire};

use crate::error::GatewayError;
use crate::reasoning::Watch;
use crate::relay::tap::Tap;
use crate::relay::translated::Translated;
use crate::relay::verbatim::Verbatim;
use crate::settle::Produced;

/// Fixed text: the provider's own goes to the usage row only.
pub(crate) const STREAM_ERROR: &str = "An error occurred during streaming";

/// Why a stream ends early, as each family of surfaces says it.
#[derive(Clone, Copy, Debug)]
pub(super) struct BrokenOff {
    /// OpenAI's error type.
    pub(super) openai: &'static str,
    pub(super) anthropic: &'static str,
    pub(super) code: Option<&'static str>,
    /// Google's code and its name.
    pub(super) google: (u16, &'static str),
    pub(super) message: &'static str,
}

impl BrokenOff {
    /// The type of error as the surface has it.
    pub(super) fn kind(&self, surface: Surface) -> &'static str {
        match surface {
            Surface::Messages => self.anthropic,
            Surface::Chat | Surface::Responses | Surface::Completions | Surface::Gemini => {
                self.openai
            }
        }
    }

    pub(super) fn of(error: &GatewayError) -> Self {
        match error {
            GatewayError::GuardrailBlocked(blocked) => Self {
                openai: "permission_error",
                anthropic: "permission_error",
                code: Some("guardrail_violation"),
                google: (403, "PERMISSION_DENIED"),
                message: blocked.message(),
            },
            _ => Self {
                openai: "server_error",
                anthropic: "api_error",
                code: None,
                google: (500, "INTERNAL"),
                message: STREAM_ERROR,
            },
        }
    }
}

/// Reads an answer and writes it as the surface wants it.
#[derive(Debug)]
pub(crate) enum Passage {
    /// Bytes pass as they are.
    Verbatim(Verbatim),
    Translated(Box<Translated>),
}

/// What one chunk of the upstream makes.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// For the client; complete events.
    pub(super) bytes: Bytes,
    /// `bytes` ends the answer.
    pub(super) done: bool,
    /// The answer is broken after `bytes`.
    pub(super) broken: Option<UpstreamError>,
}

impl Passage {
    pub(crate) fn verbatim(
        surface: Surface,
        wire: Wire,
        instance: &Instance,
        label: Option<&str>,
    ) -> Self {
        let tap = match wire {
            Wire::OpenAiChat | Wire::Mistral => {
                Tap::chat(reasoning_outside_completion(instance.provider.quirks))
            }
            _ => Tap::decoding(wire),
        };
        Self::Verbatim(Verbatim::new(surface, tap, label))
    }

    pub(crate) fn translated(
        call: Arc<Call>,
        envelope: Envelope,
        wire: Wire,
        instance: &Instance,
        watch: Option<Watch>,
    ) -> Self {
        Self::Translated(Box::new(Translated::new(
            call,
            envelope,
            wire,
            instance.provider.quirks,
            watch,
        )))
    }

    pub(super) fn push(&mut self, chunk: Bytes) -> Step {
        match self {
            Self::Verbatim(verbatim) => verbatim.push(chunk),
            Self::Translated(translated) => translated.push(chunk),
        }
    }

    /// The upstream closed: the last bytes, unless the answer was cut.
    pub(super) fn end(&mut self) -> Result<Bytes, UpstreamError> {
        match self {
            Self::Verbatim(verbatim) => verbatim.end(),
            Self::Translated(translated) => translated.end(),
        }
    }

    /// A whole answer.
    pub(crate) fn whole(&mut self, body: Bytes) -> Result<Bytes, UpstreamError> {
        match self {
            Self::Verbatim(verbatim) => verbatim.whole(body),
            Self::Translated(translated) => translated.whole(&body),
        }
    }

    /// The surface's error event and what must follow it.
    pub(super) fn fail(&mut self, why: BrokenOff) -> Bytes {
        match self {
            Self::Verbatim(verbatim) => verbatim.fail(why),
            Self::Translated(translated) => translated.fail(why),
        }
    }

    pub(super) fn keepalive(&self) -> &'static [u8] {
        let surface = match self {
            Self::Verbatim(verbatim) => verbatim.surface(),
            Self::Translated(translated) => translated.surface(),
        };
        keep_alive(surface)
    }

    pub(crate) fn report(&self, produced: &mut Produced) {
        match self {
            Self::Verbatim(verbatim) => verbatim.report(produced),
            Self::Translated(translated) => translated.report(produced),
        }
    }
}
