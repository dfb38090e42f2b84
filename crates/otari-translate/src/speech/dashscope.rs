//! Qwen-TTS at Alibaba's DashScope: samples as events, each in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::dialect::stream::ReadFrames;
use crate::error::DecodeError;
use crate::json::Object;

use super::sound::Sound;
use super::{Request, Result, unsupported};

pub(super) const OWN: [&str; 2] = ["language_type", "optimize_instructions"];
/// Per second.
const RATE: u32 = 24_000;

pub(super) fn encode(request: &Request, model: &str) -> Result<Vec<u8>> {
    if request.speed.is_some() {
        return Err(unsupported("speed"));
    }
    let mut input = Object::new()
        .with("text", &request.input)
        .with("voice", &request.voice)
        .with_some("instructions", request.instructions.as_ref());
    for (name, raw) in &request.extra {
        input.set(name.clone(), raw);
    }
    let body = Object::new().with("model", model).with("input", input);
    Ok(body.to_vec())
}

#[derive(Debug)]
pub(super) struct Reader {
    sound: Sound,
    is_complete: bool,
}

#[derive(Deserialize)]
struct Piece {
    output: Option<Output>,
    code: Option<String>,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Output {
    audio: Option<Audio>,
    /// `stop` at the end; the word `null` before.
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Audio {
    data: Option<String>,
}

impl Reader {
    pub(super) fn new(sound: Sound) -> Self {
        Self {
            sound,
            is_complete: false,
        }
    }
}

impl ReadFrames<u8> for Reader {
    fn frame(&mut self, data: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        if data.is_empty() {
            return Ok(());
        }
        let piece: Piece = serde_json::from_slice(data).map_err(|_| malformed())?;
        if let Some(code) = piece.code.filter(|code| !code.is_empty()) {
            return Err(DecodeError::Upstream {
                code,
                status: None,
                message: piece.message,
            });
        }
        let output = piece.output.ok_or_else(malformed)?;
        if let Some(data) = output.audio.and_then(|audio| audio.data) {
            let samples = STANDARD.decode(data).map_err(|_| malformed())?;
            self.sound.samples(&samples, RATE, out);
        }
        self.is_complete |= output.finish_reason.as_deref() == Some("stop");
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        if !self.is_complete {
            return Err(DecodeError::Truncated);
        }
        if !self.sound.has_begun {
            return Err(malformed());
        }
        self.sound.end(None, out);
        Ok(())
    }
}

fn malformed() -> DecodeError {
    DecodeError::Malformed {
        what: "speech answer",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{SpeechWire, encode, parse, reader};
    use super::*;

    fn request(more: &Value) -> Request {
        let mut asked =
            json!({"model": "x", "input": "hi", "voice": "Cherry", "response_format": "pcm"});
        for (name, value) in more.as_object().unwrap() {
            asked[name] = value.clone();
        }
        parse(asked.as_object().unwrap()).unwrap()
    }

    #[test]
    fn it_is_asked_in_its_own_words() {
        let asked = request(&json!({"instructions": "Fast.", "language_type": "English"}));
        let body = encode(SpeechWire::DashScope, &asked, "qwen3-tts-flash").unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&body).unwrap(),
            json!({
                "model": "qwen3-tts-flash",
                "input": {"text": "hi", "voice": "Cherry", "instructions": "Fast.", "language_type": "English"},
            })
        );
        for (more, says) in [
            (json!({"speed": 2}), "speed"),
            (json!({"response_format": "mp3"}), "wav, pcm only"),
            (json!({"pitch": 2}), "pitch"),
        ] {
            let refused = encode(SpeechWire::DashScope, &request(&more), "m").unwrap_err();
            assert!(refused.to_string().contains(says), "{refused}");
        }
    }

    fn read(pieces: &[&str]) -> std::result::Result<Vec<u8>, String> {
        let mut reader = reader(SpeechWire::DashScope, &request(&json!({})));
        let mut out = Vec::new();
        for piece in pieces {
            let event = format!("id:1\nevent:result\n:HTTP_STATUS/200\ndata:{piece}\n\n");
            reader
                .push(event.into(), &mut out)
                .map_err(|error| error.to_string())?;
        }
        reader.finish(&mut out).map_err(|error| error.to_string())?;
        Ok(out)
    }

    #[test]
    fn samples_come_in_events() {
        let first = r#"{"output":{"audio":{"data":"AQA=","expires_at":1,"id":"a"},"finish_reason":"null"},"usage":{"characters":2}}"#;
        let last = r#"{"output":{"audio":{"data":"","url":"http://x/a.wav"},"finish_reason":"stop"},"usage":{"characters":2}}"#;
        assert_eq!(read(&[first, first, last]), Ok(vec![1, 0, 1, 0]));
        let refused = r#"{"code":"InvalidParameter","message":"Invalid voice specified"}"#;
        for pieces in [&[first][..], &[last], &[first, refused], &["{"], &[]] {
            assert!(read(pieces).is_err(), "{pieces:?}");
        }
    }
}
