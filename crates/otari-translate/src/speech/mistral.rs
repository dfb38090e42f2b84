//! Mistral's Voxtral: a file of sound in JSON, whole.
//! <https://docs.mistral.ai/studio/audio/text-to-speech/quickstarts/generate-speech>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::error::DecodeError;
use crate::json::Object;
use crate::reshape::Reshape;

use super::sound::Sound;
use super::{Request, Result, SoundFormat, unsupported};

/// Its samples are not of OpenAI's kind, so that none are promised.
pub(super) const FORMATS: [SoundFormat; 4] = [
    SoundFormat::Mp3,
    SoundFormat::Wav,
    SoundFormat::Flac,
    SoundFormat::Opus,
];
/// Sound to speak alike.
const REFERENCE: &str = "ref_audio";
pub(super) const OWN: [&str; 1] = [REFERENCE];
/// Hours of speech.
const WHOLE_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) fn encode(request: &Request, model: &str) -> Result<Vec<u8>> {
    let refused = [
        (request.instructions.is_some(), "instructions"),
        (request.speed.is_some(), "speed"),
    ];
    if let Some((_, member)) = refused.iter().find(|(is_asked, _)| *is_asked) {
        return Err(unsupported(member));
    }
    let format = request.format.unwrap_or(SoundFormat::Mp3);
    let mut body = Object::new()
        .with("model", model)
        .with("input", &request.input)
        .with("response_format", format.name());
    // It takes one or the other.
    if request.extra.is_empty() {
        body.set("voice_id", &request.voice);
    }
    for (name, raw) in &request.extra {
        body.set(name.clone(), raw);
    }
    Ok(body.to_vec())
}

/// Reads the answer, which is nothing before its end.
#[derive(Debug)]
pub(super) struct Reader {
    sound: Sound,
    answer: Vec<u8>,
}

#[derive(Deserialize)]
struct Answer {
    audio_data: String,
}

impl Reader {
    pub(super) fn new(sound: Sound) -> Self {
        Self {
            sound,
            answer: Vec::new(),
        }
    }
}

impl Reshape for Reader {
    fn push(&mut self, chunk: Bytes, _: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        if self.answer.len() + chunk.len() > WHOLE_BYTES_MAX {
            return Err(DecodeError::TooLarge);
        }
        self.answer.extend_from_slice(&chunk);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        let malformed = || DecodeError::Malformed {
            what: "speech answer",
        };
        let answer: Answer = serde_json::from_slice(&self.answer).map_err(|_| malformed())?;
        let bytes = STANDARD
            .decode(answer.audio_data)
            .map_err(|_| malformed())?;
        self.sound.bytes(&bytes, out);
        if !self.sound.has_begun {
            return Err(malformed());
        }
        self.sound.end(None, out);
        Ok(())
    }
}
