use serde_json::{Value, json};

use super::super::{SpeechWire, encode, is_streamed, media_type, parse, reader};
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
    let encoded = |model: &str| -> Value {
        serde_json::from_slice(&encode(SpeechWire::Gemini, &asked, model).unwrap()).unwrap()
    };
    assert_eq!(
        encoded("gemini-2.5-pro-preview-tts"),
        json!({
            "contents": [{"role": "user", "parts": [{"text": "Say cheerfully: hi"}]}],
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            },
        })
    );
    let apart = json!([{"text": "hi", "speechMetadata": {"style": "Say cheerfully:"}}]);
    let before = json!([{"text": "Say cheerfully: hi"}]);
    for (model, parts) in [
        ("gemini-3.8-flash-lite-tts", &apart),
        ("publishers/google/models/gemini-4-tts", &apart),
        ("gemini-3.1-flash-tts-preview", &before),
        ("a-voice-of-mine", &before),
    ] {
        assert_eq!(encoded(model)["contents"][0]["parts"], *parts, "{model}");
    }
}

#[test]
fn what_cannot_be_made_is_refused_by_name() {
    for (more, says) in [
        (json!({"response_format": "mp3"}), "makes wav, pcm only"),
        (json!({"speed": 1.5}), "speed"),
        (json!({"loudness": 1.5}), "loudness"),
    ] {
        let refused = encode(SpeechWire::Gemini, &request(&more), "m").unwrap_err();
        assert!(refused.to_string().contains(says), "{refused}");
    }
    assert!(parse(json!({"stream_format": "x"}).as_object().unwrap()).is_err());
}

#[test]
fn newer_models_make_more() {
    let asked = request(&json!({"response_format": "mp3"}));
    let body = encode(SpeechWire::Gemini, &asked, "gemini-3.8-flash-tts").unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap()["generationConfig"],
        json!({
            "responseModalities": ["AUDIO"],
            "speechConfig": {"voiceConfig": {"voice": "Kore"}},
            "responseFormat": {"audio": {"mimeType": "AUDIO_MP3"}},
        })
    );
    assert!(!is_streamed(SpeechWire::Gemini, &asked));
    assert_eq!(media_type(SpeechWire::Gemini, &asked), "audio/mpeg");
    let read = |mime: &str| {
        let candidate = json!({"content": {"parts": [samples(mime)]}, "finishReason": "STOP"});
        let body = json!({"candidates": [candidate]}).to_string();
        let mut reader = reader(SpeechWire::Gemini, &asked);
        let mut out = Vec::new();
        let (first, second) = body.split_at(9);
        reader.push(first.to_owned().into(), &mut out)?;
        reader.push(second.to_owned().into(), &mut out)?;
        reader.finish(&mut out).map(|()| out)
    };
    assert_eq!(read("audio/mpeg").unwrap(), [1, 0, 2, 0]);
    assert!(read("audio/L16;rate=24000").is_err());
    let flac = request(&json!({"response_format": "flac"}));
    let refused = encode(SpeechWire::Gemini, &flac, "gemini-3.8-flash-tts").unwrap_err();
    assert!(
        refused.to_string().contains("wav, pcm, mp3, opus only"),
        "{refused}"
    );
}

fn frame(part: &Value, finish: Option<&str>) -> String {
    let candidate = json!({"content": {"parts": [part]}, "finishReason": finish});
    format!("data: {}\r\n\r\n", json!({"candidates": [candidate]}))
}

fn samples(mime: &str) -> Value {
    json!({"inlineData": {"mimeType": mime, "data": "AQACAA=="}})
}

#[test]
fn samples_come_as_they_are_made() {
    let l16 = samples("audio/l16; rate=16000; channels=1");
    let asked = request(&json!({"response_format": "pcm"}));
    assert_eq!(media_type(SpeechWire::Gemini, &asked), "audio/L16");
    let mut reader = reader(SpeechWire::Gemini, &asked);
    let mut out = Vec::new();
    reader.push(frame(&l16, None).into(), &mut out).unwrap();
    assert_eq!(out, [1, 0, 2, 0]);
    let last = frame(&l16, Some("STOP"));
    let (first, second) = last.split_at(20);
    reader.push(first.to_owned().into(), &mut out).unwrap();
    assert_eq!(out.len(), 4);
    reader.push(second.to_owned().into(), &mut out).unwrap();
    reader.finish(&mut out).unwrap();
    assert_eq!(out, [1, 0, 2, 0, 1, 0, 2, 0]);
}

#[test]
fn what_is_no_speech_is_an_error() {
    let l16 = samples("audio/L16;codec=pcm;rate=24000");
    for text in [
        frame(&samples("audio/ogg"), Some("STOP")),
        frame(&json!({"text": "no"}), Some("STOP")),
        frame(&l16, None),
        frame(&l16, Some("SAFETY")),
        "data: {\"promptFeedback\": {\"blockReason\": \"SAFETY\"}}\n\n".to_owned(),
        "<html>".to_owned(),
        String::new(),
    ] {
        let mut reader = reader(SpeechWire::Gemini, &request(&json!({})));
        let mut out = Vec::new();
        let read = reader
            .push(text.clone().into(), &mut out)
            .and_then(|()| reader.finish(&mut out));
        assert!(read.is_err(), "{text}");
    }
}
