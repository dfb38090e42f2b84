use bytes::Bytes;
use serde_json::{Value, json};

use super::*;

fn request(asked: Value) -> Request {
    let Value::Object(members) = asked else {
        panic!("an object")
    };
    parse(&members).unwrap()
}

fn body(wire: SpeechWire, asked: Value) -> Value {
    serde_json::from_slice(&encode(wire, &request(asked), "m").unwrap()).unwrap()
}

fn read(wire: SpeechWire, asked: Value, chunks: &[&'static [u8]]) -> Option<Vec<u8>> {
    let mut reader = reader(wire, &request(asked));
    let mut out = Vec::new();
    for chunk in chunks {
        reader.push(Bytes::from_static(chunk), &mut out).ok()?;
    }
    reader.finish(&mut out).ok()?;
    Some(out)
}

#[test]
fn xai_is_asked_for_a_codec() {
    let asked = json!({"model": "x", "input": "hi", "voice": "eve", "response_format": "pcm", "speed": 1.2});
    assert_eq!(
        body(SpeechWire::Xai, asked),
        json!({
            "text": "hi", "voice_id": "eve", "language": "auto", "speed": 1.2,
            "output_format": {"codec": "pcm", "sample_rate": 24000},
        })
    );
    let asked = json!({"input": "hi", "voice": "eve", "language": "de"});
    assert_eq!(
        body(SpeechWire::Xai, asked.clone()),
        json!({"text": "hi", "voice_id": "eve", "language": "de", "output_format": {"codec": "mp3"}})
    );
    assert_eq!(
        read(SpeechWire::Xai, asked.clone(), &[b"ID3", b"xyz"]).as_deref(),
        Some(&b"ID3xyz"[..])
    );
    assert_eq!(read(SpeechWire::Xai, asked, &[]), None);
}

#[test]
fn mistral_answers_a_file_in_json() {
    let asked = json!({"input": "hi", "voice": "gb_jane_neutral", "response_format": "wav"});
    assert_eq!(
        body(SpeechWire::Mistral, asked.clone()),
        json!({"model": "m", "input": "hi", "response_format": "wav", "voice_id": "gb_jane_neutral"})
    );
    let alike = json!({"input": "hi", "voice": "none", "ref_audio": "AA=="});
    assert_eq!(
        body(SpeechWire::Mistral, alike),
        json!({"model": "m", "input": "hi", "response_format": "mp3", "ref_audio": "AA=="})
    );
    let answer: [&[u8]; 2] = [br#"{"audio_data":"#, br#""UklGRg=="}"#];
    assert_eq!(
        read(SpeechWire::Mistral, asked.clone(), &answer).as_deref(),
        Some(&b"RIFF"[..])
    );
    for answer in [
        &b"{}"[..],
        br#"{"audio_data":"?"}"#,
        br#"{"audio_data":""}"#,
    ] {
        assert_eq!(read(SpeechWire::Mistral, asked.clone(), &[answer]), None);
    }
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    for (wire, name, value) in [
        (SpeechWire::Xai, "instructions", json!("cheerfully")),
        (SpeechWire::Xai, "response_format", json!("flac")),
        (SpeechWire::Mistral, "response_format", json!("pcm")),
        (SpeechWire::Mistral, "speed", json!(2.0)),
        (SpeechWire::Mistral, "loudness", json!(2)),
    ] {
        let mut asked = json!({"input": "hi", "voice": "eve"});
        asked[name] = value;
        let refused = encode(wire, &request(asked), "m").unwrap_err();
        assert_eq!(refused.member(), name, "{wire:?}");
    }
}
