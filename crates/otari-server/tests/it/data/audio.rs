//! `POST /v1/audio/speech`, `/v1/audio/transcriptions`, `/v1/audio/translations`

mod native;
mod times;

use bytes::Bytes;
use http::Method;
use otari_testkit::{Response, Script, Step, TestApp, Upstream};
use serde_json::json;

const MIB: usize = 1024 * 1024;

async fn start() -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let base = upstream.base();
    let price = json!({"input_price_per_million": 6000.0, "output_price_per_million": 0.0});
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
                "dashscope": {"api_key": "k", "api_base": base},
                "gemini": {"api_key": "k", "api_base": base},
                "vertexai": {"api_key": "k", "api_base": base},
                "minimax": {"api_key": "k", "api_base": base},
                "mistral": {"api_key": "k", "api_base": base},
                "xai": {"api_key": "k", "api_base": base},
                "claude": {"provider_type": "anthropic-compatible", "api_key": "k", "api_base": base},
            }),
        )
        .set("require_pricing", json!(true))
        .set(
            "pricing",
            json!({
                "mock:voice": price, "mock:ear": price, "gemini:tts": price, "gemini:ear": price,
                "gemini:gemini-3.5-transcribe": price, "dashscope:qwen3-asr-flash": price,
                "dashscope:paraformer-v2": price, "mistral:voxtral-mini-tts-3-0": price, "xai:tts": price,
                "xai:stt": price,
            }),
        )
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn field(name: &str, value: &str) -> String {
    format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(sound: &str) -> String {
    format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n{sound}\r\n--xyz--\r\n"
    )
}

async fn upload(app: &TestApp, path: &str, key: &str, body: String) -> Response {
    let kind = [("content-type", "multipart/form-data; boundary=xyz")];
    app.client
        .send(Method::POST, path, Some(key), &kind, Bytes::from(body))
        .await
}

#[tokio::test]
async fn speech_is_passed_on_before_it_is_whole() {
    let (app, upstream, key) = start().await;
    let sound = |bytes: &'static [u8]| Step::Send(Bytes::from_static(bytes));
    let steps = vec![sound(b"ID3\xff"), Step::Pause, sound(b"\xfe\x00")];
    upstream.enqueue(Script::steps(200, "audio/mpeg", steps));
    let body = json!({"model": "mock:voice", "input": "hi", "voice": "alloy", "speed": 1.5, "user": "alice"});
    let mut answer = app
        .client
        .open(
            Method::POST,
            "/v1/audio/speech",
            Some(&key),
            &[],
            Bytes::from(body.to_string()),
        )
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "audio/mpeg");
    assert_eq!(answer.next().await.unwrap().unwrap(), &b"ID3\xff"[..]);
    upstream.go_on();
    assert_eq!(answer.next().await.unwrap().unwrap(), &b"\xfe\x00"[..]);
    assert!(answer.next().await.is_none());
    assert_eq!(
        upstream.last().json(),
        json!({"model": "voice", "input": "hi", "voice": "alloy", "speed": 1.5})
    );
    let row = &app.usage().await[0];
    assert_eq!(
        (&row["cost"], &row["status"], &row["endpoint"]),
        (&json!(0.006), &json!("success"), &json!("/v1/audio/speech"))
    );
}

#[tokio::test]
async fn sound_without_a_type_has_that_of_its_format() {
    let (app, upstream, key) = start().await;
    for (format, expected) in [
        (json!(null), "audio/mpeg"),
        (json!("opus"), "audio/opus"),
        (json!("aac"), "audio/aac"),
        (json!("flac"), "audio/flac"),
        (json!("wav"), "audio/wav"),
        (json!("pcm"), "audio/L16"),
    ] {
        upstream.enqueue(Script::whole(200, "application/octet-stream", "sound"));
        let body = json!({"model": "mock:voice", "input": "hi", "voice": "alloy", "response_format": format});
        let answer = app.client.post("/v1/audio/speech", &key, &body).await;
        assert_eq!(answer.header("content-type"), Some(expected));
        assert_eq!(answer.text(), "sound");
    }
}

#[tokio::test]
async fn speech_that_fails_says_so_and_costs_nothing() {
    let (app, upstream, key) = start().await;
    let body = json!({"model": "mock:voice", "input": "hi", "voice": "alloy"});
    for (script, status) in [
        (Script::json(429, &json!({})), 429),
        (
            Script::json(400, &json!({"error": {"message": "no such voice"}})),
            400,
        ),
        (
            Script::json(200, &json!({"error": {"message": "boom"}})),
            502,
        ),
        (Script::whole(200, "text/html", "<html>"), 502),
        (Script::whole(200, "audio/mpeg", ""), 502),
    ] {
        upstream.enqueue(script.clone());
        let answer = app.client.post("/v1/audio/speech", &key, &body).await;
        assert_eq!(answer.status, status, "{script:?}: {}", answer.text());
    }
    // Sound that breaks off breaks off here too, instead of seeming whole.
    let steps = vec![
        Step::Send(Bytes::from_static(b"ID3")),
        Step::Pause,
        Step::Cut,
    ];
    upstream.enqueue(Script::steps(200, "audio/mpeg", steps));
    let body = Bytes::from(body.to_string());
    let mut answer = app
        .client
        .open(Method::POST, "/v1/audio/speech", Some(&key), &[], body)
        .await;
    assert_eq!(answer.next().await.unwrap().unwrap(), &b"ID3"[..]);
    upstream.go_on();
    assert!(answer.next().await.unwrap().is_err());
    assert_eq!(app.user("alice").await["spend"], 0.0);
    assert_eq!(app.usage().await[0]["status"], "error");
}

#[tokio::test]
async fn bad_speech_requests_name_what_is_wrong() {
    let (app, _, key) = start().await;
    for (body, status, says) in [
        (json!({"model": "mock:voice", "input": "hi"}), 422, "voice"),
        (json!({"model": "mock:voice", "voice": "a"}), 422, "input"),
        (json!({"input": "hi", "voice": "a"}), 422, "model"),
        (
            json!({"model": "mock:voice", "input": "hi", "voice": "a", "speed": "fast"}),
            422,
            "speed",
        ),
        (
            json!({"model": "claude:opus", "input": "hi", "voice": "a"}),
            400,
            "no speech",
        ),
        (
            json!({"model": "dashscope:tts", "input": "hi", "voice": "a", "response_format": "mp3"}),
            422,
            "wav, pcm only",
        ),
    ] {
        let answer = app.client.post("/v1/audio/speech", &key, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(says), "{body}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_recording_is_passed_on_with_the_models_own_name() {
    let (app, upstream, key) = start().await;
    upstream.always(Script::json(
        200,
        &json!({"text": "hello", "duration": 1.5}),
    ));
    let form = |model: &str, own: &str| {
        field("model", model) + own + &field("language", "en") + &file("RIFF\0\r\n--xy")
    };
    for path in ["/v1/audio/transcriptions", "/v1/audio/translations"] {
        let body = form(
            "mock:ear",
            &(field("user", "alice") + &field("api_key", "x")),
        );
        let answer = upload(&app, path, &key, body).await.expect(200);
        assert_eq!(answer, json!({"text": "hello", "duration": 1.5}));
        let sent = upstream.last();
        assert!(sent.path.ends_with(path), "{}", sent.path);
        assert_eq!(
            sent.headers["content-type"],
            "multipart/form-data; boundary=xyz"
        );
        assert_eq!(String::from_utf8_lossy(&sent.body), form("ear", ""));
    }
    let row = &app.usage().await[0];
    assert_eq!(
        (&row["cost"], &row["endpoint"]),
        (&json!(0.006), &json!("/v1/audio/translations"))
    );
}

#[tokio::test]
async fn a_transcript_comes_as_it_was_asked_for() {
    let (app, upstream, key) = start().await;
    let path = "/v1/audio/transcriptions";
    let body = field("model", "mock:ear") + &field("response_format", "srt") + &file("RIFF");
    upstream.enqueue(Script::whole(
        200,
        "text/plain",
        "1\n00:00 --> 00:01\nhello\n",
    ));
    let answer = upload(&app, path, &key, body.clone()).await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(answer.text(), "1\n00:00 --> 00:01\nhello\n");
    upstream.enqueue(Script::whole(200, "text/html", "<html>"));
    assert_eq!(upload(&app, path, &key, body).await.status, 502);

    let events = [
        "data: {\"type\":\"transcript.text.delta\",\"delta\":\"hel\"}\n\n",
        "data: {\"type\":\"transcript.text.done\",\"text\":\"hello\"}\n\n",
    ];
    upstream.enqueue(Script::stream(events));
    let body = field("model", "mock:ear") + &field("stream", "true") + &file("RIFF");
    let answer = upload(&app, path, &key, body.clone()).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.text(), events.concat());

    // Events have a way to say that they broke off.
    upstream.enqueue(Script::stream([events[0]]).then(Step::Cut));
    let answer = upload(&app, path, &key, body).await;
    let rest = answer.text().replace(events[0], "");
    assert!(rest.starts_with("data: {\"error\":"), "{rest}");
}

#[tokio::test]
async fn bad_uploads_name_what_is_wrong() {
    let (app, upstream, key) = start().await;
    let path = "/v1/audio/transcriptions";
    let model = field("model", "mock:ear");
    for (body, status, says) in [
        (file("RIFF"), 422, "model"),
        (model.clone() + "--xyz--\r\n", 422, "file"),
        (
            model.clone() + &field("file", "text") + "--xyz--\r\n",
            422,
            "file",
        ),
        (
            model.clone() + &field("stream", "perhaps") + &file("RIFF"),
            422,
            "stream",
        ),
        (model.clone() + &model + &file("RIFF"), 422, "appears twice"),
        (model.clone(), 422, "ends early"),
        (
            field("model", "claude:opus") + &file("RIFF"),
            400,
            "no transcription",
        ),
        (
            model.clone() + &file(&"x".repeat(25 * MIB + 1)),
            413,
            "26214400",
        ),
    ] {
        let shown: String = body.chars().take(300).collect();
        let answer = upload(&app, path, &key, body).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        assert!(answer.text().contains(says), "{shown}: {}", answer.text());
    }
    let answer = app
        .client
        .post(path, &key, &json!({"model": "mock:ear"}))
        .await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.text().contains("multipart/form-data"),
        "{}",
        answer.text()
    );

    upstream.enqueue(Script::json(200, &json!({"text": "long"})));
    let body = model + &file(&"x".repeat(25 * MIB));
    assert_eq!(upload(&app, path, &key, body).await.status, 200);
    assert_eq!(app.user("alice").await["spend"], 0.006);
}
