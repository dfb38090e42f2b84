//! Speech: OpenAI's request in, calls of providers with formats of their own out, sound back.

mod gemini;
mod minimax;

use serde_json::{Map, Value};

use crate::error::{DecodeError, TranslateError};
use crate::json::Raw;

type Result<T> = std::result::Result<T, TranslateError>;

/// A format providers are asked for speech in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeechWire {
    /// `generateContent` of Gemini's speech models. <https://ai.google.dev/gemini-api/docs/speech-generation>
    Gemini,
    /// <https://platform.minimax.io/docs/api-reference/speech-t2a-http>
    MiniMax,
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
    /// Members that only some provider knows.
    extra: Vec<(String, Raw)>,
}

/// Sound that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    pub format: SoundFormat,
    pub bytes: Vec<u8>,
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
            "stream_format" if value == "audio" => {}
            _ => request.extra.push((name.clone(), Raw::from(value))),
        }
    }
    Ok(request)
}

/// Writes the call. `model` as the provider knows it.
pub fn encode(wire: SpeechWire, request: &Request, model: &str) -> Result<Vec<u8>> {
    let (formats, own): (&[SoundFormat], &[&str]) = match wire {
        SpeechWire::Gemini => (&gemini::FORMATS, &gemini::OWN),
        SpeechWire::MiniMax => (&minimax::FORMATS, &minimax::OWN),
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
        SpeechWire::Gemini => gemini::encode(request),
        SpeechWire::MiniMax => minimax::encode(request, model),
    }
}

/// Reads the sound from the answer to `request`.
pub fn decode(
    wire: SpeechWire,
    request: &Request,
    body: &[u8],
) -> std::result::Result<Sound, DecodeError> {
    match wire {
        SpeechWire::Gemini => gemini::decode(request, body),
        SpeechWire::MiniMax => minimax::decode(request, body),
    }
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
