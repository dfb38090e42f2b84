//! Speech: OpenAI's request in, calls of providers with formats of their own out, sound back.

mod dashscope;
mod gemini;
mod minimax;
mod mistral;
mod sound;
mod xai;

use serde_json::{Map, Value};

use crate::dialect::stream::Sse;
use crate::error::TranslateError;
use crate::json::Raw;
use crate::reshape::Reshape;

type Result<T> = std::result::Result<T, TranslateError>;

/// A format providers are asked for speech in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeechWire {
    /// `streamGenerateContent` of Gemini's speech models. <https://ai.google.dev/gemini-api/docs/speech-generation>
    Gemini,
    /// Qwen-TTS. <https://www.alibabacloud.com/help/en/model-studio/qwen-tts-api>
    DashScope,
    /// <https://platform.minimax.io/docs/api-reference/speech-t2a-http>
    MiniMax,
    /// <https://docs.mistral.ai/studio/audio/text-to-speech/overview>
    Mistral,
    /// <https://docs.x.ai/developers/model-capabilities/audio/text-to-speech>
    Xai,
}

/// How sound is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundFormat {
    Mp3,
    Opus,
    Aac,
    Flac,
    Wav,
    /// Samples alone: 16 bits, little-endian, 24 kHz unless the provider says otherwise.
    Pcm,
}

/// One request for speech.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    input: String,
    voice: String,
    instructions: Option<String>,
    speed: Option<f64>,
    format: Option<SoundFormat>,
    /// The sound is wanted as events.
    as_events: bool,
    /// Members that only some provider knows.
    extra: Vec<(String, Raw)>,
}

impl SoundFormat {
    /// OpenAI's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Aac => "aac",
            Self::Flac => "flac",
            Self::Wav => "wav",
            Self::Pcm => "pcm",
        }
    }

    pub fn mime(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::Opus => "audio/opus",
            Self::Aac => "audio/aac",
            Self::Flac => "audio/flac",
            Self::Wav => "audio/wav",
            Self::Pcm => "audio/L16",
        }
    }

    /// By OpenAI's word.
    pub fn named(name: &str) -> Option<Self> {
        use SoundFormat as F;
        let all = [F::Mp3, F::Opus, F::Aac, F::Flac, F::Wav, F::Pcm];
        all.into_iter().find(|format| format.name() == name)
    }
}

/// Reads the members of a request.
pub fn parse(members: &Map<String, Value>) -> Result<Request> {
    let mut request = Request::default();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "model" => {}
            "input" => text(name, value)?.clone_into(&mut request.input),
            "voice" => text(name, value)?.clone_into(&mut request.voice),
            "instructions" => request.instructions = Some(text(name, value)?.to_owned()),
            "speed" => request.speed = value.as_f64().filter(|speed| is_unusual(*speed)),
            "response_format" => {
                let format = SoundFormat::named(text(name, value)?);
                let format = format
                    .ok_or_else(|| invalid(name, "should be mp3, opus, aac, flac, wav or pcm"))?;
                request.format = Some(format);
            }
            "stream_format" => {
                request.as_events = match text(name, value)? {
                    "audio" => false,
                    "sse" => true,
                    _ => return Err(invalid(name, "should be audio or sse")),
                };
            }
            _ => request.extra.push((name.clone(), Raw::from(value))),
        }
    }
    Ok(request)
}

/// Writes the call. `model` as the provider knows it.
pub fn encode(wire: SpeechWire, request: &Request, model: &str) -> Result<Vec<u8>> {
    let (formats, own): (&[SoundFormat], &[&str]) = match wire {
        SpeechWire::Gemini => (gemini::formats(model), &gemini::OWN),
        SpeechWire::DashScope => (&sound::OF_SAMPLES, &dashscope::OWN),
        SpeechWire::MiniMax => (&minimax::FORMATS, &minimax::OWN),
        SpeechWire::Mistral => (&mistral::FORMATS, &mistral::OWN),
        SpeechWire::Xai => (&xai::FORMATS, &xai::OWN),
    };
    if request
        .format
        .is_some_and(|format| !formats.contains(&format))
    {
        let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
        let problem = format!("the provider of this model makes {} only", names.join(", "));
        return Err(invalid("response_format", &problem));
    }
    let mut unknown = request.extra.iter().map(|(name, _)| name.as_str());
    if let Some(name) = unknown.find(|name| !own.contains(name)) {
        return Err(unsupported(name));
    }
    match wire {
        SpeechWire::Gemini => gemini::encode(request, model),
        SpeechWire::DashScope => dashscope::encode(request, model),
        SpeechWire::MiniMax => minimax::encode(request, model),
        SpeechWire::Mistral => mistral::encode(request, model),
        SpeechWire::Xai => xai::encode(request),
    }
}

/// Whether the provider answers with events.
pub fn is_streamed(wire: SpeechWire, request: &Request) -> bool {
    match wire {
        SpeechWire::Gemini => request.format.and_then(gemini::compressed).is_none(),
        SpeechWire::DashScope | SpeechWire::MiniMax => true,
        SpeechWire::Mistral | SpeechWire::Xai => false,
    }
}

/// Reads the answer to `request` as it comes.
pub fn reader(wire: SpeechWire, request: &Request) -> Box<dyn Reshape> {
    let sound = sound::Sound::new(made(wire, request), request.as_events);
    match wire {
        SpeechWire::Gemini => Box::new(gemini::Reader::new(sound)),
        SpeechWire::DashScope => Box::new(Sse::new(dashscope::Reader::new(sound))),
        SpeechWire::MiniMax => Box::new(Sse::new(minimax::Reader::new(sound))),
        SpeechWire::Mistral => Box::new(mistral::Reader::new(sound)),
        SpeechWire::Xai => Box::new(xai::Reader::new(sound)),
    }
}

/// The IANA media type of the answer to `request`.
pub fn media_type(wire: SpeechWire, request: &Request) -> &'static str {
    if request.as_events {
        "text/event-stream"
    } else {
        made(wire, request).mime()
    }
}

/// What is made where nothing is asked for depends on the provider.
fn made(wire: SpeechWire, request: &Request) -> SoundFormat {
    request.format.unwrap_or(match wire {
        SpeechWire::Gemini | SpeechWire::DashScope => SoundFormat::Wav,
        SpeechWire::MiniMax | SpeechWire::Mistral | SpeechWire::Xai => SoundFormat::Mp3,
    })
}

fn is_unusual(speed: f64) -> bool {
    (speed - 1.0).abs() > f64::EPSILON
}

fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str> {
    value
        .as_str()
        .ok_or_else(|| invalid(name, "should be a string for this provider"))
}

fn invalid(name: &str, problem: &str) -> TranslateError {
    TranslateError::Invalid {
        loc: name.to_owned(),
        problem: problem.to_owned(),
    }
}

fn unsupported(name: &str) -> TranslateError {
    TranslateError::Unsupported {
        member: name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
