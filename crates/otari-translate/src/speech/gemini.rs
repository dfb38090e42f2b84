//! Gemini's speech models: a prompt, a voice by name, samples back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::call::Source;
use crate::dialect::decode_reply;
use crate::error::DecodeError;
use crate::event::{Event, FinishReason};
use crate::json::{Json, Object};
use crate::route::Wire;

use super::{Request, Result, Sound, SoundFormat, unsupported};

/// Nothing else is made of samples here.
pub(super) const FORMATS: [SoundFormat; 2] = [SoundFormat::Wav, SoundFormat::Pcm];
/// Several speakers, a language.
pub(super) const OWN: [&str; 1] = ["speechConfig"];
/// Per second.
const USUAL_RATE: u32 = 24_000;

pub(super) fn encode(request: &Request) -> Result<Vec<u8>> {
    if request.speed.is_some() {
        return Err(unsupported("speed"));
    }
    // The style is part of what is said to it, as in "Say cheerfully: Have a nice day".
    let text = match &request.instructions {
        Some(style) => format!("{}: {}", style.trim_end_matches([':', ' ']), request.input),
        None => request.input.clone(),
    };
    let part = Json::Object(Object::new().with("text", text));
    let content = Object::new().with("role", "user").with("parts", vec![part]);
    let voice = Object::new().with("voiceName", &request.voice);
    let voice = Object::new().with("prebuiltVoiceConfig", voice);
    let mut config = Object::new()
        .with("responseModalities", vec![Json::from("AUDIO")])
        .with("speechConfig", Object::new().with("voiceConfig", voice));
    for (name, raw) in &request.extra {
        config.set(name.clone(), raw);
    }
    Ok(Object::new()
        .with("contents", vec![Json::Object(content)])
        .with("generationConfig", config)
        .to_vec())
}

pub(super) fn decode(request: &Request, body: &[u8]) -> std::result::Result<Sound, DecodeError> {
    let malformed = || DecodeError::Malformed {
        what: "speech answer",
    };
    let mut samples = Vec::new();
    let mut rate = USUAL_RATE;
    for event in decode_reply(Wire::Gemini, body, "speech")? {
        match event {
            Event::Media(media) => {
                let mime = media.mime.unwrap_or_default();
                let Source::Data(data) = media.source else {
                    return Err(malformed());
                };
                rate = sampled(&mime).ok_or_else(malformed)?;
                samples.extend(STANDARD.decode(data).map_err(|_| malformed())?);
            }
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
    if samples.is_empty() {
        return Err(malformed());
    }
    Ok(match request.format {
        Some(SoundFormat::Pcm) => Sound {
            format: SoundFormat::Pcm,
            bytes: samples,
        },
        _ => Sound {
            format: SoundFormat::Wav,
            bytes: wav(&samples, rate),
        },
    })
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

/// One channel of 16 bits, with the header that says so. <http://soundfile.sapp.org/doc/WaveFormat/>
fn wav(samples: &[u8], rate: u32) -> Vec<u8> {
    const HEADER: u32 = 36;
    let size = u32::try_from(samples.len()).unwrap_or(u32::MAX - HEADER);
    let mut wav = Vec::with_capacity(samples.len() + 44);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&size.saturating_add(HEADER).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    // Uncompressed; one channel.
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&rate.to_le_bytes());
    wav.extend_from_slice(&rate.saturating_mul(2).to_le_bytes());
    wav.extend_from_slice(&2_u16.to_le_bytes());
    wav.extend_from_slice(&16_u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&size.to_le_bytes());
    wav.extend_from_slice(samples);
    wav
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{SpeechWire, decode, encode, parse};
    use super::*;

    fn request(more: &Value) -> Request {
        let mut asked = json!({"model": "x", "input": "hi", "voice": "Kore"});
        for (name, value) in more.as_object().unwrap() {
            asked[name] = value.clone();
        }
        parse(asked.as_object().unwrap()).unwrap()
    }

    #[test]
    fn style_is_said_with_the_text() {
        let asked = request(
            &json!({"instructions": "Say cheerfully:", "speed": 1.0, "response_format": "wav"}),
        );
        let body: Value =
            serde_json::from_slice(&encode(SpeechWire::Gemini, &asked, "m").unwrap()).unwrap();
        assert_eq!(
            body,
            json!({
                "contents": [{"role": "user", "parts": [{"text": "Say cheerfully: hi"}]}],
                "generationConfig": {
                    "responseModalities": ["AUDIO"],
                    "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
                },
            })
        );
    }

    #[test]
    fn what_cannot_be_made_is_refused_by_name() {
        for (more, says) in [
            (json!({"response_format": "mp3"}), "makes wav, pcm only"),
            (json!({"speed": 1.5}), "speed"),
            (json!({"stream_format": "sse"}), "stream_format"),
        ] {
            let refused = encode(SpeechWire::Gemini, &request(&more), "m").unwrap_err();
            assert!(refused.to_string().contains(says), "{refused}");
        }
    }

    #[test]
    fn samples_become_a_file() {
        let answer = |mime: &str| {
            let part = json!({"inlineData": {"mimeType": mime, "data": "AQACAA=="}});
            json!({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]})
                .to_string()
        };
        let body = answer("audio/L16;codec=pcm;rate=16000");
        let read =
            |more: Value, body: &str| decode(SpeechWire::Gemini, &request(&more), body.as_bytes());
        let sound = read(json!({}), &body).unwrap();
        assert_eq!(sound.format, SoundFormat::Wav);
        assert_eq!(
            sound.bytes,
            b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\x04\0\0\0\x01\0\x02\0"
        );
        let sound = read(json!({"response_format": "pcm"}), &body).unwrap();
        assert_eq!(
            (sound.format, &*sound.bytes),
            (SoundFormat::Pcm, &[1, 0, 2, 0][..])
        );
        assert!(read(json!({}), &answer("audio/ogg")).is_err());
        let silent = json!({"candidates": [{"content": {"parts": [{"text": "no"}]}, "finishReason": "STOP"}]});
        assert!(read(json!({}), &silent.to_string()).is_err());
    }
}
