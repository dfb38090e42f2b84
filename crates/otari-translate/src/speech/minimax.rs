//! MiniMax's `t2a_v2`: sound as hexadecimal digits, in events.

use serde::Deserialize;

use crate::dialect::stream::ReadFrames;
use crate::error::DecodeError;
use crate::images::BaseResp;
use crate::json::Object;

use super::sound::Sound;
use super::{Request, Result, SoundFormat, unsupported};

pub(super) const FORMATS: [SoundFormat; 4] = [
    SoundFormat::Mp3,
    SoundFormat::Wav,
    SoundFormat::Flac,
    SoundFormat::Pcm,
];
pub(super) const OWN: [&str; 4] = [
    "language_boost",
    "pronunciation_dict",
    "timbre_weights",
    "voice_modify",
];
/// Per second: what OpenAI's samples have.
const RATE: u32 = 24_000;

pub(super) fn encode(request: &Request, model: &str) -> Result<Vec<u8>> {
    if request.instructions.is_some() {
        return Err(unsupported("instructions"));
    }
    let voice = Object::new()
        .with("voice_id", &request.voice)
        .with_some("speed", request.speed);
    let sound = match request.format.unwrap_or(SoundFormat::Mp3) {
        // It does not stream files of samples, but samples.
        SoundFormat::Wav | SoundFormat::Pcm => Object::new()
            .with("format", SoundFormat::Pcm.name())
            .with("sample_rate", i64::from(RATE)),
        format => Object::new().with("format", format.name()),
    };
    let mut body = Object::new()
        .with("model", model)
        .with("text", &request.input)
        .with("stream", true)
        // The last event would hold all of it once more.
        .with(
            "stream_options",
            Object::new().with("exclude_aggregated_audio", true),
        )
        .with("output_format", "hex")
        .with("voice_setting", voice)
        .with("audio_setting", sound);
    for (name, raw) in &request.extra {
        body.set(name.clone(), raw);
    }
    Ok(body.to_vec())
}

/// Reads events, and the plain JSON in which refusals come.
#[derive(Debug)]
pub(super) struct Reader {
    sound: Sound,
}

#[derive(Deserialize)]
struct Piece {
    data: Option<Data>,
    base_resp: Option<BaseResp>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    audio: String,
    status: Option<i64>,
}

/// Of the piece that ends an answer.
const ENDS: i64 = 2;

impl Reader {
    pub(super) fn new(sound: Sound) -> Self {
        Self { sound }
    }
}

impl ReadFrames<u8> for Reader {
    fn frame(&mut self, data: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
        let piece: Piece = serde_json::from_slice(data).map_err(|_| malformed())?;
        piece.base_resp.map_or(Ok(()), BaseResp::check)?;
        let Some(data) = piece.data else {
            return Ok(());
        };
        if data.status == Some(ENDS) && self.sound.has_begun {
            return Ok(());
        }
        let bytes = unhex(&data.audio).ok_or_else(malformed)?;
        match self.sound.format {
            SoundFormat::Wav | SoundFormat::Pcm => self.sound.samples(&bytes, RATE, out),
            _ => self.sound.bytes(&bytes, out),
        }
        Ok(())
    }

    fn unframed(
        &mut self,
        answer: &[u8],
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), DecodeError> {
        self.frame(answer, out)
    }

    /// Nothing says that it was all, but the connection does where it is not cut.
    fn end(&mut self, out: &mut Vec<u8>) -> std::result::Result<(), DecodeError> {
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

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{SpeechWire, encode, media_type, parse, reader};
    use super::*;

    fn request(more: &Value) -> Request {
        let mut asked =
            json!({"model": "x", "input": "hi", "voice": "English_Graceful_Lady", "speed": 1.5});
        for (name, value) in more.as_object().unwrap() {
            asked[name] = value.clone();
        }
        parse(asked.as_object().unwrap()).unwrap()
    }

    #[test]
    fn it_is_asked_for_a_stream() {
        let asked = request(&json!({"response_format": "flac"}));
        let body: Value =
            serde_json::from_slice(&encode(SpeechWire::MiniMax, &asked, "speech-02").unwrap())
                .unwrap();
        assert_eq!(
            body,
            json!({
                "model": "speech-02", "text": "hi", "stream": true, "stream_options": {"exclude_aggregated_audio": true},
                "output_format": "hex", "voice_setting": {"voice_id": "English_Graceful_Lady", "speed": 1.5},
                "audio_setting": {"format": "flac"},
            })
        );
        let asked = request(&json!({"response_format": "wav"}));
        let body = encode(SpeechWire::MiniMax, &asked, "m").unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body["audio_setting"],
            json!({"format": "pcm", "sample_rate": 24_000})
        );
        assert_eq!(media_type(SpeechWire::MiniMax, &asked), "audio/wav");
    }

    fn read(chunks: &[&str]) -> std::result::Result<Vec<u8>, String> {
        let mut reader = reader(SpeechWire::MiniMax, &request(&json!({})));
        let mut out = Vec::new();
        for chunk in chunks {
            reader
                .push((*chunk).to_owned().into(), &mut out)
                .map_err(|error| error.to_string())?;
        }
        reader.finish(&mut out).map_err(|error| error.to_string())?;
        Ok(out)
    }

    #[test]
    fn sound_comes_as_digits() {
        let first = "data: {\"data\":{\"audio\":\"00fF\",\"status\":1},\"base_resp\":{\"status_code\":0}}\n\n";
        let all = "data: {\"data\":{\"audio\":\"00ff\",\"status\":2},\"base_resp\":{\"status_code\":0}}\n\n";
        let whole = "{\"data\":{\"audio\":\"a1\",\"status\":2},\"base_resp\":{\"status_code\":0}}";
        assert_eq!(read(&[first, first, all]), Ok(vec![0, 255, 0, 255]));
        assert_eq!(read(&[whole]), Ok(vec![161]));
        for chunks in [
            &["data: {\"data\":{\"audio\":\"0\"}}\n\n"][..],
            &["data: {\"data\":{\"audio\":\"zz\"}}\n\n"],
            &["data: {\"data\":{\"audio\":\"\"}}\n\n"],
            &["{\"base_resp\":{\"status_code\":1002,\"status_msg\":\"rate limit\"}}"],
            &[
                first,
                "data: {\"base_resp\":{\"status_code\":1002,\"status_msg\":\"rate limit\"}}\n\n",
            ],
            &[],
        ] {
            assert!(read(chunks).is_err(), "{chunks:?}");
        }
    }
}
