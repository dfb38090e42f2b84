//! MiniMax's `t2a_v2`: sound as hexadecimal digits in JSON.

use serde::Deserialize;

use crate::error::DecodeError;
use crate::images::BaseResp;
use crate::json::Object;

use super::{Request, Result, Sound, SoundFormat, unsupported};

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
/// What OpenAI's samples have.
const PCM_RATE: i64 = 24_000;

pub(super) fn encode(request: &Request, model: &str) -> Result<Vec<u8>> {
    if request.instructions.is_some() {
        return Err(unsupported("instructions"));
    }
    let voice = Object::new()
        .with("voice_id", &request.voice)
        .with_some("speed", request.speed);
    let format = format(request);
    let rate = (format == SoundFormat::Pcm).then_some(PCM_RATE);
    let sound = Object::new()
        .with("format", format.name())
        .with_some("sample_rate", rate);
    let mut body = Object::new()
        .with("model", model)
        .with("text", &request.input)
        .with("stream", false)
        .with("output_format", "hex")
        .with("voice_setting", voice)
        .with("audio_setting", sound);
    for (name, raw) in &request.extra {
        body.set(name.clone(), raw);
    }
    Ok(body.to_vec())
}

fn format(request: &Request) -> SoundFormat {
    request.format.unwrap_or(SoundFormat::Mp3)
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    base_resp: Option<BaseResp>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    audio: String,
}

pub(super) fn decode(request: &Request, body: &[u8]) -> std::result::Result<Sound, DecodeError> {
    let malformed = || DecodeError::Malformed {
        what: "speech answer",
    };
    let answer: Answer = serde_json::from_slice(body).map_err(|_| malformed())?;
    answer.base_resp.map_or(Ok(()), BaseResp::check)?;
    let audio = answer.data.map(|data| data.audio).unwrap_or_default();
    let bytes = unhex(&audio).filter(|bytes| !bytes.is_empty());
    Ok(Sound {
        format: format(request),
        bytes: bytes.ok_or_else(malformed)?,
    })
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

    use super::super::{SpeechWire, decode, encode, parse};
    use super::*;

    #[test]
    fn sound_comes_as_digits() {
        let asked = json!({"model": "x", "input": "hi", "voice": "English_Graceful_Lady", "speed": 1.5, "response_format": "flac"});
        let request = parse(asked.as_object().unwrap()).unwrap();
        let body: Value =
            serde_json::from_slice(&encode(SpeechWire::MiniMax, &request, "speech-02").unwrap())
                .unwrap();
        assert_eq!(
            body,
            json!({
                "model": "speech-02", "text": "hi", "stream": false, "output_format": "hex",
                "voice_setting": {"voice_id": "English_Graceful_Lady", "speed": 1.5}, "audio_setting": {"format": "flac"},
            })
        );
        let read = |body: &str| decode(SpeechWire::MiniMax, &request, body.as_bytes());
        let sound = read(r#"{"data":{"audio":"00fFa1","status":2},"base_resp":{"status_code":0}}"#);
        assert_eq!(
            sound,
            Ok(Sound {
                format: SoundFormat::Flac,
                bytes: vec![0, 255, 161],
            })
        );
        for body in [
            r#"{"data":{"audio":"0"}}"#,
            r#"{"data":{"audio":"zz"}}"#,
            r#"{"data":{"audio":""}}"#,
            r#"{"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
