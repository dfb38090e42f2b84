//! Gemini's speech models: a text, a voice by name, samples back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use otari_types::TokenUsage;

use crate::call::{Media, Source};
use crate::dialect::{Decoder, decode_reply};
use crate::error::DecodeError;
use crate::event::{Event, FinishReason};
use crate::json::{Json, Object};
use crate::reshape::Reshape;
use crate::route::Wire;

use super::sound::{OF_SAMPLES, Sound};
use super::{Request, Result, SoundFormat, unsupported};

/// Several speakers, a language.
pub(super) const OWN: [&str; 1] = ["speechConfig"];
/// Per second.
const USUAL_RATE: u32 = 24_000;
/// Of an answer that is no stream: hours of speech.
const WHOLE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The first that say all of the text and have the style beside it, know other voices than the built-in ones, and make
/// other formats than samples, those but whole.
/// <https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/text-to-speech/migration-guide>
const NEWER: (u32, u32) = (3, 8);
const OF_NEWER: [SoundFormat; 4] = [
    SoundFormat::Wav,
    SoundFormat::Pcm,
    SoundFormat::Mp3,
    SoundFormat::Opus,
];

/// What the model makes.
pub(super) fn formats(model: &str) -> &'static [SoundFormat] {
    if is_newer(model) {
        &OF_NEWER
    } else {
        &OF_SAMPLES
    }
}

/// Google's word for a format that is not made of samples here.
/// <https://ai.google.dev/api/generate-content#AudioResponseFormat>
pub(super) fn compressed(format: SoundFormat) -> Option<&'static str> {
    match format {
        SoundFormat::Mp3 => Some("AUDIO_MP3"),
        SoundFormat::Opus => Some("AUDIO_OGG_OPUS"),
        _ => None,
    }
}

pub(super) fn encode(request: &Request, model: &str) -> Result<Vec<u8>> {
    if request.speed.is_some() {
        return Err(unsupported("speed"));
    }
    let content = Object::new()
        .with("role", "user")
        .with("parts", vec![Json::Object(part(request, model))]);
    let voice = if is_newer(model) {
        Object::new().with("voice", &request.voice)
    } else {
        let voice = Object::new().with("voiceName", &request.voice);
        Object::new().with("prebuiltVoiceConfig", voice)
    };
    let mut config = Object::new()
        .with("responseModalities", vec![Json::from("AUDIO")])
        .with("speechConfig", Object::new().with("voiceConfig", voice));
    if let Some(kind) = request.format.and_then(compressed) {
        let audio = Object::new().with("mimeType", kind);
        config.set("responseFormat", Object::new().with("audio", audio));
    }
    for (name, raw) in &request.extra {
        config.set(name.clone(), raw);
    }
    Ok(Object::new()
        .with("contents", vec![Json::Object(content)])
        .with("generationConfig", config)
        .to_vec())
}

fn part(request: &Request, model: &str) -> Object {
    let part = Object::new();
    let Some(style) = &request.instructions else {
        return part.with("text", &request.input);
    };
    if is_newer(model) {
        let style = Object::new().with("style", style);
        return part
            .with("text", &request.input)
            .with("speechMetadata", style);
    }
    // As in "Say cheerfully: Have a nice day".
    let style = style.trim_end_matches([':', ' ']);
    part.with("text", format!("{style}: {}", request.input))
}

fn is_newer(model: &str) -> bool {
    version(model).is_some_and(|version| version >= NEWER)
}

/// Of `gemini-3.8-flash-tts`, 3 and 8.
fn version(model: &str) -> Option<(u32, u32)> {
    let (_, after) = model.rsplit_once("gemini-")?;
    let number = after.split('-').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[derive(Debug)]
pub(super) struct Reader {
    decoder: Decoder,
    /// An answer that is no stream.
    whole: Option<Vec<u8>>,
    sound: Sound,
    usage: Option<TokenUsage>,
    events: Vec<Event>,
}

impl Reader {
    pub(super) fn new(sound: Sound) -> Self {
        Self {
            decoder: Decoder::new(Wire::Gemini, "speech"),
            whole: compressed(sound.format).map(|_| Vec::new()),
            sound,
            usage: None,
            events: Vec::new(),
        }
    }

    fn write(&mut self, out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        for event in self.events.drain(..) {
            match event {
                Event::Media(media) => said(media, &mut self.sound, out)?,
                Event::Usage(usage) => self.usage = Some(usage),
                Event::Finish(finish) if finish.reason == FinishReason::ContentFilter => {
                    return Err(DecodeError::Upstream {
                        code: "content_filter".to_owned(),
                        status: None,
                        message: "the speech was kept back".to_owned(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Reshape for Reader {
    fn push(&mut self, chunk: Bytes, out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        if let Some(whole) = &mut self.whole {
            if whole.len() + chunk.len() > WHOLE_BYTES_MAX {
                return Err(DecodeError::TooLarge);
            }
            whole.extend_from_slice(&chunk);
            return Ok(());
        }
        let pushed = self.decoder.push(chunk, &mut self.events);
        self.write(out)?;
        pushed
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        match &self.whole {
            Some(whole) => self.events = decode_reply(Wire::Gemini, whole, "speech")?,
            None => self.decoder.finish(&mut self.events)?,
        }
        self.write(out)?;
        if !self.sound.has_begun {
            return Err(malformed());
        }
        self.sound.end(self.usage.as_ref(), out);
        Ok(())
    }
}

fn said(
    media: Media,
    sound: &mut Sound,
    out: &mut Vec<u8>,
) -> std::result::Result<(), DecodeError> {
    let Source::Data(data) = media.source else {
        return Err(malformed());
    };
    let bytes = STANDARD.decode(data).map_err(|_| malformed())?;
    let rate = sampled(&media.mime.unwrap_or_default());
    match (compressed(sound.format), rate) {
        (None, Some(rate)) => sound.samples(&bytes, rate, out),
        (Some(_), None) => sound.bytes(&bytes, out),
        _ => return Err(malformed()),
    }
    Ok(())
}

fn malformed() -> DecodeError {
    DecodeError::Malformed {
        what: "speech answer",
    }
}

/// Samples per second, of `audio/L16;codec=pcm;rate=24000`; `None` for what is no bare samples.
fn sampled(mime: &str) -> Option<u32> {
    let mut parts = mime.split(';').map(str::trim);
    let kind = parts.next()?;
    if !(kind.eq_ignore_ascii_case("audio/L16") || kind.eq_ignore_ascii_case("audio/pcm")) {
        return None;
    }
    let rate = parts.find_map(|part| part.strip_prefix("rate=")?.parse().ok());
    Some(rate.unwrap_or(USUAL_RATE))
}

#[cfg(test)]
mod tests;
