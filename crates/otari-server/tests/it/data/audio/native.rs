//! Sound of providers with formats of their own.

use otari_testkit::Script;
use serde_json::{Value, json};

use super::{field, file, start, upload};

const WAV: &str = "RIFF\0\0\0\0WAVEfmt ";

fn gemini(part: &Value) -> Value {
    json!({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]})
}

#[tokio::test]
async fn gemini_speaks_in_samples() {
    let (app, upstream, key) = start().await;
    let samples =
        json!({"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AQACAA=="}});
    let event = format!("data: {}\n\n", gemini(&samples));
    upstream.always(Script::stream([event.as_str()]));
    for (format, kind, bytes) in [
        (json!(null), "audio/wav", 48),
        (json!("wav"), "audio/wav", 48),
        (json!("pcm"), "audio/L16", 4),
    ] {
        let body = json!({"model": "gemini:tts", "input": "hi", "voice": "Kore", "response_format": format});
        let answer = app.client.post("/v1/audio/speech", &key, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some(kind));
        assert_eq!(answer.body.len(), bytes, "{format}");
    }
    let sent = upstream.last();
    assert!(
        sent.path
            .ends_with("/models/tts:streamGenerateContent?alt=sse"),
        "{}",
        sent.path
    );
    assert_eq!(sent.json()["contents"][0]["parts"][0]["text"], "hi");
    assert_eq!(app.usage().await[0]["cost"], 0.006);
    for (name, value, status, says) in [
        ("response_format", json!("mp3"), 422, "wav, pcm only"),
        ("speed", json!(2.0), 400, "speed"),
        ("stream_format", json!("wave"), 422, "stream_format"),
        ("loudness", json!(2), 400, "loudness"),
    ] {
        let mut body = json!({"model": "gemini:tts", "input": "hi", "voice": "Kore"});
        body[name] = value;
        let answer = app.client.post("/v1/audio/speech", &key, &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    let body = json!({"model": "vertexai:tts", "input": "hi", "voice": "Kore"});
    app.client.post("/v1/audio/speech", &key, &body).await;
    assert!(
        upstream
            .last()
            .path
            .ends_with("/publishers/google/models/tts:streamGenerateContent?alt=sse")
    );
}

#[tokio::test]
async fn minimax_speaks_in_digits() {
    let (app, upstream, key) = start().await;
    let answered =
        json!({"data": {"audio": "494433ff", "status": 1}, "base_resp": {"status_code": 0}});
    let event = format!("data: {answered}\n\n");
    upstream.enqueue(Script::stream([event.as_str()]));
    let body = json!({"model": "minimax:speech-02-hd", "input": "hi", "voice": "Wise_Woman"});
    let answer = app.client.post("/v1/audio/speech", &key, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("audio/mpeg"));
    assert_eq!(&answer.body[..], b"ID3\xff");
    assert!(upstream.last().path.ends_with("/t2a_v2"));
    let refused = json!({"base_resp": {"status_code": 1004, "status_msg": "no"}});
    upstream.enqueue(Script::json(200, &refused));
    let answer = app.client.post("/v1/audio/speech", &key, &body).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("credentials"), "{}", answer.text());
}

#[tokio::test]
async fn mistral_speaks_in_json_and_xai_in_sound() {
    let (app, upstream, key) = start().await;
    let speak = |model: &str, format: &str| {
        let body = json!({"model": model, "input": "hi", "voice": "eve", "response_format": format, "user": "alice"});
        let (client, key) = (app.client.clone(), key.clone());
        async move { client.post("/v1/audio/speech", &key, &body).await }
    };
    let file = json!({"audio_data": "SUQz"});
    upstream.enqueue(Script::json(200, &file));
    let answer = speak("mistral:voxtral-mini-tts-3-0", "mp3").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
        (200, &b"ID3"[..])
    );
    assert_eq!(answer.header("content-type"), Some("audio/mpeg"));
    assert_eq!(
        upstream.last().json(),
        json!({"model": "voxtral-mini-tts-3-0", "input": "hi", "response_format": "mp3", "voice_id": "eve"})
    );
    upstream.enqueue(Script::whole(200, "audio/mpeg", "ID3"));
    let answer = speak("xai:tts", "mp3").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
        (200, &b"ID3"[..])
    );
    let sent = upstream.last();
    assert!(sent.path.ends_with("/v1/tts"), "{}", sent.path);
    assert!(sent.headers["accept"].starts_with("audio/"));
    assert_eq!(
        sent.json(),
        json!({"text": "hi", "voice_id": "eve", "language": "auto", "output_format": {"codec": "mp3"}})
    );
    assert_eq!(app.user("alice").await["spend"], 0.012);
    let failures = [
        ("mistral:voxtral-mini-tts-3-0", 200, json!({}), 502),
        (
            "mistral:voxtral-mini-tts-3-0",
            429,
            json!({"message": "slow"}),
            429,
        ),
        ("xai:tts", 400, json!({"error": "no such voice"}), 400),
    ];
    for (model, status, answered, told) in failures {
        upstream.enqueue(Script::json(status, &answered));
        let answer = speak(model, "mp3").await;
        assert_eq!(answer.status, told, "{}", answer.text());
    }
    let asked = upstream.captured().len();
    for (model, format) in [("mistral:voxtral-mini-tts-3-0", "pcm"), ("xai:tts", "opus")] {
        assert_eq!(speak(model, format).await.status, 422);
    }
    assert_eq!(upstream.captured().len(), asked);
    upstream.enqueue(Script::json(
        200,
        &json!({"text": "Good day.", "language": "en", "duration": 1.0, "words": []}),
    ));
    let form = field("model", "xai:stt") + &super::file(WAV);
    let answer = upload(&app, "/v1/audio/transcriptions", &key, form).await;
    assert_eq!(answer.expect(200)["text"], "Good day.");
    assert!(upstream.last().path.ends_with("/v1/stt"));
    assert_eq!(app.user("alice").await["spend"], 0.018);
}

#[tokio::test]
async fn gemini_writes_down_what_it_hears() {
    let (app, upstream, key) = start().await;
    upstream.always(Script::json(200, &gemini(&json!({"text": "Good day.\n"}))));
    let form =
        |more: &str| field("model", "gemini:ear") + more + &field("user", "alice") + &file(WAV);
    let path = "/v1/audio/transcriptions";
    let answer = upload(&app, path, &key, form(&field("language", "en"))).await;
    assert_eq!(answer.expect(200), json!({"text": "Good day."}));
    let sent = upstream.last();
    assert!(
        sent.path.ends_with("/models/ear:generateContent"),
        "{}",
        sent.path
    );
    let parts = &sent.json()["contents"][0]["parts"];
    assert_eq!(parts[1]["inlineData"]["mimeType"], "audio/wav");
    assert!(parts[0]["text"].as_str().unwrap().contains("spoken is en"));
    assert_eq!(app.usage().await[0]["cost"], 0.006);
    let answer = upload(&app, path, &key, form(&field("response_format", "text"))).await;
    assert_eq!(answer.text(), "Good day.");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let path_of_english = "/v1/audio/translations";
    let answer = upload(&app, path_of_english, &key, form(&field("stream", "true"))).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let answer = upload(&app, path_of_english, &key, form("")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(upstream.last().json().to_string().contains("in English"));
    for (more, status, says) in [
        (
            field("response_format", "diarized_json"),
            422,
            "srt and vtt",
        ),
        (field("include[]", "logprobs"), 400, "include[]"),
        (field("temperature", "hot"), 422, "temperature"),
    ] {
        let answer = upload(&app, path, &key, form(&more)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    let text = field("model", "gemini:ear") + &file("hello");
    let answer = upload(&app, path, &key, text).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("flac"), "{}", answer.text());
    upstream.enqueue(Script::json(
        200,
        &json!({"promptFeedback": {"blockReason": "SAFETY"}}),
    ));
    let answer = upload(&app, path, &key, form("")).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    upstream.enqueue(Script::json(429, &json!({"error": {"message": "slow"}})));
    assert_eq!(upload(&app, path, &key, form("")).await.status, 429);
}
