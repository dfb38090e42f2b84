//! Transcripts that say when something was said, and who else hears in a way of its own.

use otari_testkit::{Response, Script, TestApp};
use serde_json::{Value, json};

use super::{field, file, start, upload};

const WAV: &str = "RIFF\0\0\0\0WAVEfmt ";
const PATH: &str = "/v1/audio/transcriptions";
const TRANSCRIBER: &str = "gemini:gemini-3.5-transcribe";
const QWEN: &str = "dashscope:qwen3-asr-flash";

async fn ask(app: &TestApp, key: &str, model: &str, fields: &[(&str, &str)]) -> Response {
    let more = fields.iter().map(|(name, value)| field(name, value));
    let form = field("model", model) + &more.collect::<String>() + &file(WAV);
    upload(app, PATH, key, form).await
}

fn answer(part: &Value) -> Script {
    let candidate = json!({"content": {"parts": [part]}, "finishReason": "STOP"});
    Script::json(200, &json!({"candidates": [candidate]}))
}

/// A chat model's answer.
fn segments(segments: &Value) -> Script {
    let told = json!({"language": "english", "segments": segments});
    answer(&json!({"text": told.to_string()}))
}

#[tokio::test]
async fn a_chat_model_says_when_it_was_said() {
    let (app, upstream, key) = start().await;
    upstream.always(segments(&json!([
        {"start": "00:00.100", "end": "00:01.500", "text": "Good day."},
        {"start": "01:02.000", "end": "01:03.250", "text": "Goodbye."},
    ])));
    let asked = async |format| {
        let fields = [("response_format", format)];
        whole_text(&ask(&app, &key, "gemini:ear", &fields).await)
    };
    let answer = asked("srt").await;
    assert_eq!(
        answer,
        "1\n00:00:00,100 --> 00:00:01,500\nGood day.\n\n2\n00:01:02,000 --> 00:01:03,250\nGoodbye.\n\n"
    );
    let config = &upstream.last().json()["generationConfig"];
    assert_eq!(config["responseMimeType"], "application/json");
    let answer = asked("vtt").await;
    assert!(answer.starts_with("WEBVTT\n\n00:00:00.100 --> 00:00:01.500\nGood day.\n\n"));
    let segmented = [
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "segment"),
    ];
    let answer = ask(&app, &key, "gemini:ear", &segmented).await;
    assert_eq!(
        answer.expect(200),
        json!({
            "task": "transcribe", "language": "english", "duration": 63.25, "text": "Good day. Goodbye.",
            "segments": [
                {"id": 0, "start": 0.1, "end": 1.5, "text": "Good day."},
                {"id": 1, "start": 62.0, "end": 63.25, "text": "Goodbye."},
            ],
        })
    );
    let form =
        field("model", "gemini:ear") + &field("response_format", "verbose_json") + &file(WAV);
    let answer = upload(&app, "/v1/audio/translations", &key, form).await;
    assert_eq!(answer.expect(200)["task"], "translate");
    assert_eq!(app.user("alice").await["spend"], 0.024);
}

fn whole_text(answer: &Response) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    answer.text()
}

#[tokio::test]
async fn times_that_cannot_be_cost_nothing() {
    let (app, upstream, key) = start().await;
    upstream.enqueue(segments(
        &json!([{"start": "00:05", "end": "00:01", "text": "a"}]),
    ));
    upstream.enqueue(answer(&json!({"text": "I heard nothing of the kind."})));
    for _ in 0..2 {
        let answer = ask(&app, &key, "gemini:ear", &[("response_format", "srt")]).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
    let asked = upstream.captured().len();
    for (model, fields, says) in [
        (
            "gemini:ear",
            vec![
                ("response_format", "verbose_json"),
                ("timestamp_granularities[]", "word"),
            ],
            "no times of words",
        ),
        (
            "gemini:ear",
            vec![("timestamp_granularities[]", "segment")],
            "verbose_json",
        ),
        (
            "gemini:ear",
            vec![("response_format", "srt"), ("stream", "true")],
            "come whole",
        ),
        (
            TRANSCRIBER,
            vec![("response_format", "srt"), ("prompt", "Otari")],
            "prompt",
        ),
        (QWEN, vec![("response_format", "vtt")], "json and text only"),
    ] {
        let answer = ask(&app, &key, model, &fields).await;
        assert_eq!(answer.status, 422, "{model}: {}", answer.text());
        assert!(answer.text().contains(says), "{model}: {}", answer.text());
    }
    assert_eq!(upstream.captured().len(), asked);
    assert_eq!(app.user("alice").await["spend"], 0.0);
}

#[tokio::test]
async fn a_transcriber_knows_the_times_of_words() {
    let (app, upstream, key) = start().await;
    let word = |word: &str, start: &str, end: &str| json!({"word": word, "startOffset": start, "endOffset": end});
    let words = json!([word("Good", "0.100s", "0.450s"), word("day.", "0.5s", "1s")]);
    upstream.always(answer(
        &json!({"audioTranscription": {"text": "Good day.", "words": words}}),
    ));
    let fields = [
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("language", "en"),
    ];
    let answer = ask(&app, &key, TRANSCRIBER, &fields).await;
    assert_eq!(
        answer.expect(200),
        json!({
            "task": "transcribe", "duration": 1.0, "text": "Good day.",
            "words": [{"word": "Good", "start": 0.1, "end": 0.45}, {"word": "day.", "start": 0.5, "end": 1.0}],
            "segments": [{"id": 0, "start": 0.1, "end": 1.0, "text": "Good day."}],
        })
    );
    let sent = upstream.last();
    assert!(
        sent.path
            .ends_with("/models/gemini-3.5-transcribe:generateContent")
    );
    let sent = sent.json();
    let how = json!({"languageCodes": ["en"], "wordTimestamp": true});
    assert_eq!(
        sent["generationConfig"],
        json!({"audioTranscriptionConfig": how})
    );
    assert_eq!(sent["contents"][0]["parts"].as_array().unwrap().len(), 1);
    // It does not stream.
    let answer = ask(&app, &key, TRANSCRIBER, &[("stream", "true")]).await;
    assert_eq!(answer.expect(200), json!({"text": "Good day."}));
    let form = field("model", TRANSCRIBER) + &file(WAV);
    let answer = upload(&app, "/v1/audio/translations", &key, form).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("/v1/audio/transcriptions"));
}

#[tokio::test]
async fn qwen_writes_down_what_it_hears() {
    let (app, upstream, key) = start().await;
    let message = json!({"role": "assistant", "content": [{"text": "Good day."}]});
    let choice = json!({"finish_reason": "stop", "message": message});
    upstream.enqueue(Script::json(
        200,
        &json!({"output": {"choices": [choice]}, "usage": {"seconds": 2}}),
    ));
    let fields = [("language", "en"), ("prompt", "Otari"), ("user", "alice")];
    let answer = ask(&app, &key, QWEN, &fields).await;
    assert_eq!(answer.expect(200), json!({"text": "Good day."}));
    let sent = upstream.last();
    let path = "/api/v1/services/aigc/multimodal-generation/generation";
    assert_eq!(sent.path, path);
    assert_eq!(
        sent.json(),
        json!({
            "model": "qwen3-asr-flash",
            "input": {"messages": [
                {"role": "system", "content": [{"text": "Otari"}]},
                {"role": "user", "content": [{"audio": "data:audio/wav;base64,UklGRgAAAABXQVZFZm10IA=="}]},
            ]},
            "parameters": {"asr_options": {"language": "en"}},
        })
    );
    assert_eq!(app.usage().await[0]["cost"], 0.006);
    for (status, answered, told, says) in [
        (
            400,
            json!({"code": "InvalidParameter", "message": "the audio is too long"}),
            400,
            "too long",
        ),
        (
            429,
            json!({"code": "Throttling.RateQuota", "message": "slow"}),
            429,
            "rate",
        ),
        (
            200,
            json!({"code": "DataInspectionFailed", "message": "no"}),
            400,
            "content_filter",
        ),
        (200, json!({"output": {"choices": []}}), 502, "provider"),
    ] {
        upstream.enqueue(Script::json(status, &answered));
        let answer = ask(&app, &key, QWEN, &[]).await;
        assert_eq!(answer.status, told, "{}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    let answer = ask(&app, &key, "dashscope:paraformer-v2", &[]).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("qwen3-asr-flash"),
        "{}",
        answer.text()
    );
    let form = field("model", QWEN) + &file(WAV);
    let answer = upload(&app, "/v1/audio/translations", &key, form).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(app.user("alice").await["spend"], 0.006);
}
