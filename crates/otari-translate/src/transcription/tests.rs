use serde_json::{Value, json};

use super::*;

const WAV: &[u8] = b"RIFF\0\0\0\0WAVEfmt ";
const ASKED: Request<'_> = Request {
    sound: WAV,
    translate: false,
    language: Some("de"),
    prompt: Some("Otari"),
    temperature: None,
    times: false,
};

fn body(ear: Ear, request: &Request<'_>) -> Value {
    serde_json::from_slice(&encode(ear, request, "m").unwrap()).unwrap()
}

fn candidate(parts: &Value, finish: &str) -> Vec<u8> {
    let candidate = json!({"content": {"parts": parts}, "finishReason": finish});
    json!({"candidates": [candidate]}).to_string().into_bytes()
}

#[test]
fn a_chat_model_is_told_what_is_wanted() {
    let sent = body(Ear::Chat, &ASKED);
    let parts = &sent["contents"][0]["parts"];
    let asked = parts[0]["text"].as_str().unwrap();
    assert!(asked.starts_with("Write down word for word"), "{asked}");
    assert!(asked.contains("words alone"), "{asked}");
    assert!(asked.ends_with("The language spoken is de. Names and words to expect: Otari"));
    assert_eq!(parts[1]["inlineData"]["mimeType"], "audio/wav");
    assert_eq!(sent["generationConfig"], json!({"temperature": 0.0}));
    let english = Request {
        translate: true,
        temperature: Some(0.5),
        times: true,
        ..ASKED
    };
    let sent = body(Ear::Chat, &english);
    let asked = sent["contents"][0]["parts"][0]["text"].as_str().unwrap();
    assert!(asked.contains("Write down in English") && asked.contains("MM:SS.mmm"));
    assert!(!asked.contains("words alone"), "{asked}");
    let config = &sent["generationConfig"];
    assert_eq!(
        (&config["temperature"], &config["responseMimeType"]),
        (&json!(0.5), &json!("application/json"))
    );
    let segment = &config["responseSchema"]["properties"]["segments"]["items"];
    assert_eq!(segment["required"], json!(["start", "end", "text"]));
    let text = Request {
        sound: b"hello there",
        ..ASKED
    };
    assert_eq!(encode(Ear::Chat, &text, "m").unwrap_err().member(), "file");
}

#[test]
fn words_silence_and_failures() {
    let read = |body: &[u8]| decode(Ear::Chat, body, false).map(|heard| heard.text).ok();
    let said = json!([{"text": "hm", "thought": true}, {"text": " Good day. "}]);
    assert_eq!(
        read(&candidate(&said, "STOP")).as_deref(),
        Some("Good day.")
    );
    assert_eq!(read(&candidate(&json!([]), "STOP")).as_deref(), Some(""));
    for body in [
        candidate(&json!([{"text": "Good"}]), "MAX_TOKENS"),
        br#"{"promptFeedback":{"blockReason":"SAFETY"}}"#.to_vec(),
        br#"{"candidates":[]}"#.to_vec(),
        b"<html>".to_vec(),
    ] {
        assert_eq!(read(&body), None);
        assert!(decode(Ear::Chat, &body, true).is_err());
        assert!(decode(Ear::Transcriber, &body, true).is_err());
    }
}

/// What a chat model heard, by the segments it answered.
fn timed(segments: &Value) -> Result<Heard, DecodeError> {
    let told = json!({"language": "german", "segments": segments}).to_string();
    decode(
        Ear::Chat,
        &candidate(&json!([{"text": told}]), "STOP"),
        true,
    )
}

#[test]
fn a_chat_models_times_are_read() {
    let heard = timed(&json!([
        {"start": "00:00.000", "end": "00:02.500", "text": " Good\n day. "},
        {"start": "00:02.500", "end": "01:01:05.040", "text": "See --> there"},
    ]))
    .unwrap();
    assert_eq!(heard.text, "Good day. See --> there");
    assert_eq!(
        heard.srt(),
        "1\n00:00:00,000 --> 00:00:02,500\nGood day.\n\n2\n00:00:02,500 --> 01:01:05,040\nSee -> there\n\n"
    );
    assert_eq!(
        heard.vtt(),
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nGood day.\n\n00:00:02.500 --> 01:01:05.040\nSee -> there\n\n"
    );
    let of = Granularity {
        segments: true,
        words: false,
    };
    let verbose: Value = serde_json::from_slice(&heard.verbose("transcribe", of)).unwrap();
    assert_eq!(
        verbose,
        json!({
            "task": "transcribe", "language": "german", "duration": 3665.04, "text": "Good day. See --> there",
            "segments": [
                {"id": 0, "start": 0.0, "end": 2.5, "text": "Good day."},
                {"id": 1, "start": 2.5, "end": 3665.04, "text": "See --> there"},
            ],
        })
    );
    let silent = timed(&json!([])).unwrap();
    assert_eq!(
        (silent.text.as_str(), silent.vtt().as_str()),
        ("", "WEBVTT\n\n")
    );
}

#[test]
fn times_that_cannot_be_are_no_answer() {
    let segment = |start: &str, end: &str| json!({"start": start, "end": end, "text": "a"});
    for segments in [
        json!([segment("00:02", "00:01")]),
        json!([segment("00:02", "00:03"), segment("00:01", "00:04")]),
        json!([segment("soon", "later")]),
        json!([{"start": "00:00", "text": "a"}]),
        json!("none"),
    ] {
        assert!(
            matches!(timed(&segments), Err(DecodeError::Malformed { .. })),
            "{segments}"
        );
    }
    let prose = candidate(&json!([{"text": "Good day."}]), "STOP");
    assert!(decode(Ear::Chat, &prose, true).is_err());
}

#[test]
fn a_transcriber_is_shown_sound_and_nothing_else() {
    let data = json!({"mimeType": "audio/wav", "data": "UklGRgAAAABXQVZFZm10IA=="});
    let contents = json!([{"role": "user", "parts": [{"inlineData": data}]}]);
    let asked = Request {
        prompt: Some("Otari, budget;\n Ada "),
        ..ASKED
    };
    assert_eq!(
        body(Ear::Transcriber, &asked),
        json!({
            "contents": contents,
            "generationConfig": {"audioTranscriptionConfig": {
                "languageCodes": ["de"], "customVocabulary": ["Otari", "budget", "Ada"],
            }},
        })
    );
    let times = Request {
        prompt: None,
        language: None,
        times: true,
        ..ASKED
    };
    assert_eq!(
        body(Ear::Transcriber, &times)["generationConfig"],
        json!({"audioTranscriptionConfig": {"wordTimestamp": true}})
    );
    let both = Request {
        times: true,
        ..ASKED
    };
    let refused = encode(Ear::Transcriber, &both, "m").unwrap_err();
    assert_eq!(refused.member(), "prompt");
}

#[test]
fn a_transcriber_knows_when_each_word_was_said() {
    let word = |word: &str, start: &str, end: &str| json!({"word": word, "startOffset": start, "endOffset": end});
    let one = json!({
        "text": "Good day.",
        "audioTranscription": {
            "text": "Good day.", "speakerLabel": "spk:0",
            "words": [word("Good", "0.100s", "0.450s"), word("day.", "0.500s", "1s")],
        },
    });
    let two = json!({"audioTranscription": {"words": [word("Hello!", "1.5s", "2s")]}});
    let heard = decode(
        Ear::Transcriber,
        &candidate(&json!([one, two]), "STOP"),
        true,
    )
    .unwrap();
    assert_eq!(heard.text, "Good day. Hello!");
    let of = Granularity {
        segments: false,
        words: true,
    };
    let verbose: Value = serde_json::from_slice(&heard.verbose("transcribe", of)).unwrap();
    assert_eq!(
        verbose,
        json!({
            "task": "transcribe", "duration": 2.0, "text": "Good day. Hello!",
            "words": [
                {"word": "Good", "start": 0.1, "end": 0.45},
                {"word": "day.", "start": 0.5, "end": 1.0},
                {"word": "Hello!", "start": 1.5, "end": 2.0},
            ],
        })
    );
    assert!(
        heard
            .srt()
            .starts_with("1\n00:00:00,100 --> 00:00:01,000\nGood day.\n\n2\n")
    );
    let plain = json!([{"audioTranscription": {"text": "Hello."}}]);
    let heard = decode(Ear::Transcriber, &candidate(&plain, "STOP"), false).unwrap();
    assert_eq!(
        String::from_utf8(heard.json()).unwrap(),
        r#"{"text":"Hello."}"#
    );
    let wrong = json!([{"audioTranscription": {"words": [word("a", "2s", "1s")]}}]);
    assert!(decode(Ear::Transcriber, &candidate(&wrong, "STOP"), true).is_err());
}

#[test]
fn qwen_is_asked_in_a_conversation() {
    assert_eq!(
        body(Ear::DashScope, &ASKED),
        json!({
            "model": "m",
            "input": {"messages": [
                {"role": "system", "content": [{"text": "Otari"}]},
                {"role": "user", "content": [{"audio": "data:audio/wav;base64,UklGRgAAAABXQVZFZm10IA=="}]},
            ]},
            "parameters": {"asr_options": {"language": "de"}},
        })
    );
    for (request, member) in [
        (
            Request {
                times: true,
                ..ASKED
            },
            "response_format",
        ),
        (
            Request {
                temperature: Some(0.1),
                ..ASKED
            },
            "temperature",
        ),
    ] {
        let refused = encode(Ear::DashScope, &request, "m").unwrap_err();
        assert_eq!(refused.member(), member);
    }
    let message = json!({
        "role": "assistant", "content": [{"text": "Guten Tag."}], "annotations": [{"type": "audio_info", "language": "de"}],
    });
    let answered = json!({"output": {"choices": [{"finish_reason": "stop", "message": message}]}});
    let heard = decode(Ear::DashScope, answered.to_string().as_bytes(), false).unwrap();
    assert_eq!(
        (heard.text.as_str(), heard.language.as_deref()),
        ("Guten Tag.", Some("de"))
    );
    let refused = br#"{"code":"InvalidParameter","message":"too long","request_id":"r"}"#;
    let refused = decode(Ear::DashScope, refused, false).unwrap_err();
    assert!(matches!(refused, DecodeError::Upstream { code, .. } if code == "InvalidParameter"));
    assert!(decode(Ear::DashScope, b"{}", false).is_err());
}
