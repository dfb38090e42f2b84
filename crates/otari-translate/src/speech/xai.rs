//! xAI's `/tts`: the sound itself comes back. <https://docs.x.ai/developers/model-capabilities/audio/text-to-speech>

use bytes::Bytes;

use crate::error::DecodeError;
use crate::json::Object;
use crate::reshape::Reshape;

use super::sound::Sound;
use super::{Request, Result, SoundFormat, unsupported};

pub(super) const FORMATS: [SoundFormat; 3] = [SoundFormat::Mp3, SoundFormat::Wav, SoundFormat::Pcm];
pub(super) const OWN: [&str; 1] = ["language"];
/// Per second: what OpenAI's samples have.
const RATE: i64 = 24_000;

/// It has no models to choose from.
pub(super) fn encode(request: &Request) -> Result<Vec<u8>> {
    if request.instructions.is_some() {
        return Err(unsupported("instructions"));
    }
    let format = request.format.unwrap_or(SoundFormat::Mp3);
    let mut output = Object::new().with("codec", format.name());
    if format != SoundFormat::Mp3 {
        output.set("sample_rate", RATE);
    }
    let mut body = Object::new()
        .with("text", &request.input)
        .with("voice_id", &request.voice)
        .with("language", "auto")
        .with("output_format", output)
        .with_some("speed", request.speed);
    for (name, raw) in &request.extra {
        body.set(name.clone(), raw);
    }
    Ok(body.to_vec())
}

#[derive(Debug)]
pub(super) struct Reader {
    sound: Sound,
}

impl Reader {
    pub(super) fn new(sound: Sound) -> Self {
        Self { sound }
    }
}

impl Reshape for Reader {
    fn push(&mut self, chunk: Bytes, out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        self.sound.bytes(&chunk, out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        if !self.sound.has_begun {
            return Err(DecodeError::Malformed {
                what: "speech answer",
            });
        }
        self.sound.end(None, out);
        Ok(())
    }
}
