//! Transcripts of providers with formats of their own: OpenAI's form in, the recording shown to who hears, the words
//! back, with their times where somebody knows them.

mod chat;
mod dashscope;
mod sound;
mod stream;
mod times;
mod transcriber;
mod written;

use crate::error::{DecodeError, TranslateError};
use crate::event::FinishReason;

pub use stream::Reader;
pub use written::Granularity;

/// Who hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ear {
    /// Gemini's chat models. They are told what to do, and guess times. <https://ai.google.dev/gemini-api/docs/audio>
    Chat,
    /// Gemini's models that do nothing else. They know when each word was said.
    /// <https://ai.google.dev/gemini-api/docs/generate-content/transcribe>
    Transcriber,
    /// Qwen3-ASR-Flash and its like, by DashScope's call without a task.
    /// <https://www.alibabacloud.com/help/en/model-studio/qwen-asr-api-reference>
    DashScope,
}

/// One recording to write down.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<'a> {
    pub sound: &'a [u8],
    /// In English, whatever is spoken.
    pub translate: bool,
    /// ISO 639-1.
    pub language: Option<&'a str>,
    /// Names and words to expect.
    pub prompt: Option<&'a str>,
    pub temperature: Option<f64>,
    /// With the times at which it is said.
    pub times: bool,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    pub text: String,
    /// As the provider calls it.
    pub language: Option<String>,
    pub segments: Vec<Said>,
    /// Where times of words are known.
    pub words: Vec<Said>,
}

/// Something that was said, and when: seconds from the beginning of the recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub text: String,
    pub start: f64,
    pub end: f64,
}

impl Ear {
    /// By the name of a model of Google's.
    pub fn of_google(model: &str) -> Self {
        if model.contains("transcribe") {
            Self::Transcriber
        } else {
            Self::Chat
        }
    }

    /// By the name of a model of Alibaba's; `None` for one that takes links to files only.
    /// <https://www.alibabacloud.com/help/en/model-studio/paraformer-recorded-speech-recognition-restful-api>
    pub fn of_dashscope(model: &str) -> Option<Self> {
        let by_link = ["paraformer", "filetrans", "sensevoice"];
        (!by_link.iter().any(|name| model.contains(name))).then_some(Self::DashScope)
    }

    /// Whether it can say when something was said.
    pub fn knows_times(self) -> bool {
        self != Self::DashScope
    }

    /// Whether it can for each word.
    pub fn knows_times_of_words(self) -> bool {
        self == Self::Transcriber
    }

    /// Whether it says in English what was said in another language.
    pub fn translates(self) -> bool {
        self == Self::Chat
    }

    /// Whether its words are read as they are heard, with [`Reader`].
    pub fn streams(self) -> bool {
        self == Self::Chat
    }
}

/// Writes the call. What the bytes do not show to be sound is refused, and what this ear has no place for.
pub fn encode(ear: Ear, request: &Request<'_>, model: &str) -> Result<Vec<u8>, TranslateError> {
    let mime = sound::media_type(request.sound).ok_or_else(|| TranslateError::Invalid {
        loc: "file".to_owned(),
        problem: "should be wav, mp3, m4a, mp4, aac, ogg, flac, aiff or webm".to_owned(),
    })?;
    let body = match ear {
        Ear::Chat => chat::encode(request, mime),
        Ear::Transcriber => transcriber::encode(request, mime)?,
        Ear::DashScope => dashscope::encode(request, mime, model)?,
    };
    Ok(body.to_vec())
}

/// Reads an answer. Nothing is heard in silence; an answer cut short is an error, as nobody would see it. `times`:
/// that they were asked for.
pub fn decode(ear: Ear, body: &[u8], times: bool) -> Result<Heard, DecodeError> {
    match ear {
        Ear::Chat if times => chat::decode_times(body),
        Ear::Chat => chat::decode(body),
        Ear::Transcriber => transcriber::decode(body),
        Ear::DashScope => dashscope::decode(body),
    }
}

/// That the words are all of them.
fn check(finish: Option<&FinishReason>) -> Result<(), DecodeError> {
    let failed = |code: &str, message: &str| DecodeError::Upstream {
        code: code.to_owned(),
        status: None,
        message: message.to_owned(),
    };
    match finish {
        Some(FinishReason::ContentFilter) => {
            Err(failed("content_filter", "the transcript was kept back"))
        }
        Some(FinishReason::Length) => Err(failed("length", "the transcript is too long")),
        Some(_) => Ok(()),
        None => Err(DecodeError::Truncated),
    }
}

fn unsupported(member: &str) -> TranslateError {
    TranslateError::Unsupported {
        member: member.to_owned(),
    }
}

#[cfg(test)]
mod tests;
