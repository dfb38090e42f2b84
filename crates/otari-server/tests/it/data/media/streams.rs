//! What comes as it is made reaches the client before it is whole.

use bytes::Bytes;
use http::Method;
use otari_testkit::{Script, Step, TestApp, Upstream};
use serde_json::{Value, json};

use super::Door;

async fn start() -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let base = upstream.base();
    let price = json!({"input_price_per_million": 6000.0, "output_price_per_million": 0.0});
    let instance = json!({"api_key": "k", "api_base": base});
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
                "gemini": instance, "vertexai": instance, "dashscope": instance, "minimax": instance,
            }),
        )
        .set(
            "pricing",
            json!({"mock:m": price, "gemini:m": price, "vertexai:m": price, "dashscope:m": price, "minimax:m": price}),
        )
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn frame(body: &Value) -> String {
    format!("data: {body}\n\n")
}

/// What Gemini sends, a part a frame, with the end apart.
fn gemini(part: &Value) -> [String; 2] {
    let of = |content: &Value, finish: Option<&str>| {
        let candidate = json!({"content": content, "finishReason": finish});
        let usage = json!({"promptTokenCount": 3, "candidatesTokenCount": 4});
        frame(&json!({"candidates": [candidate], "usageMetadata": usage}))
    };
    [
        of(&json!({"parts": [part]}), None),
        of(&json!({}), Some("STOP")),
    ]
}

async fn open(
    app: &TestApp,
    key: &str,
    door: Door,
    model: &str,
) -> otari_testkit::StreamingResponse {
    let (kind, body) = door.body(model);
    let headers = [("content-type", kind)];
    app.client
        .open(Method::POST, door.path(), Some(key), &headers, body)
        .await
}

fn send(text: &str) -> Step {
    Step::Send(Bytes::copy_from_slice(text.as_bytes()))
}

#[tokio::test]
async fn the_first_is_there_before_the_last_is_made() {
    let (app, upstream, key) = start().await;
    let sound =
        json!({"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AQACAA=="}});
    let [speech, end] = gemini(&sound);
    let [heard, _] = gemini(&json!({"text": "Good day."}));
    let qwen = frame(&json!({"output": {"audio": {"data": "AQACAA=="}, "finish_reason": "null"}}));
    let qwen_end = frame(&json!({"output": {"audio": {"data": ""}, "finish_reason": "stop"}}));
    let minimax =
        frame(&json!({"data": {"audio": "494433", "status": 1}, "base_resp": {"status_code": 0}}));
    let minimax_end =
        frame(&json!({"data": {"audio": "", "status": 2}, "base_resp": {"status_code": 0}}));
    let delta = frame(&json!({"type": "transcript.text.delta", "delta": "Good"}));
    let done = frame(&json!({"type": "transcript.text.done", "text": "Good day."}));
    let ours = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Good day.\"}\n\n";
    for (door, model, first, last, kind, shown) in [
        (
            Door::TranscriptionStream,
            "mock:m",
            &delta,
            &done,
            "text/event-stream",
            delta.as_str(),
        ),
        (
            Door::TranscriptionStream,
            "gemini:m",
            &heard,
            &end,
            "text/event-stream",
            ours,
        ),
        (
            Door::TranscriptionStream,
            "vertexai:m",
            &heard,
            &end,
            "text/event-stream",
            ours,
        ),
        (Door::Speech, "gemini:m", &speech, &end, "audio/wav", "RIFF"),
        (
            Door::Speech,
            "vertexai:m",
            &speech,
            &end,
            "audio/wav",
            "RIFF",
        ),
        (
            Door::Speech,
            "dashscope:m",
            &qwen,
            &qwen_end,
            "audio/wav",
            "RIFF",
        ),
        (
            Door::Speech,
            "minimax:m",
            &minimax,
            &minimax_end,
            "audio/mpeg",
            "ID3",
        ),
    ] {
        let place = format!("{door:?} {model}");
        let steps = vec![send(first), Step::Pause, send(last)];
        upstream.enqueue(Script::steps(200, "text/event-stream", steps));
        let mut answer = open(&app, &key, door, model).await;
        assert_eq!(answer.status, 200, "{place}");
        assert_eq!(answer.headers["content-type"], kind, "{place}");
        assert_eq!(answer.headers["x-accel-buffering"], "no", "{place}");
        let begun = answer.next().await.unwrap().unwrap();
        assert!(begun.starts_with(shown.as_bytes()), "{place}: {begun:?}");
        // It is paid for out of a hold until it is whole.
        let held = app.user("alice").await["reserved"].as_f64().unwrap();
        assert!((held - 0.006).abs() < 1e-9, "{place}: {held}");
        let before = app.user("alice").await["spend"].as_f64().unwrap();
        upstream.go_on();
        while let Some(more) = answer.next().await {
            more.unwrap();
        }
        let user = app.user("alice").await;
        let spent = user["spend"].as_f64().unwrap() - before;
        assert!((spent - 0.006).abs() < 1e-9, "{place}: {spent}");
        assert_eq!(user["reserved"], 0.0, "{place}");
        let row = &app.usage().await[0];
        assert_eq!(
            (&row["status"], &row["endpoint"]),
            (&json!("success"), &json!(door.path())),
            "{place}"
        );
    }
}

#[tokio::test]
async fn each_is_asked_for_a_stream() {
    let (app, upstream, key) = start().await;
    for (door, model, path) in [
        (
            Door::Speech,
            "gemini:m",
            "/models/m:streamGenerateContent?alt=sse",
        ),
        (
            Door::TranscriptionStream,
            "gemini:m",
            "/models/m:streamGenerateContent?alt=sse",
        ),
        (
            Door::Speech,
            "vertexai:m",
            "/publishers/google/models/m:streamGenerateContent?alt=sse",
        ),
        (
            Door::Speech,
            "dashscope:m",
            "/api/v1/services/aigc/multimodal-generation/generation",
        ),
        (Door::Speech, "minimax:m", "/t2a_v2"),
    ] {
        let no = json!({"error": {"message": "no"}});
        upstream.enqueue(Script::json(500, &no));
        assert_eq!(door.ask(&app, &key, model).await.status, 502);
        let sent = upstream.last();
        assert!(sent.path.ends_with(path), "{model}: {}", sent.path);
        assert_eq!(sent.headers["accept"], "text/event-stream", "{model}");
        let asked = sent.headers.get("x-dashscope-sse").map(String::as_str);
        assert_eq!(asked, (model == "dashscope:m").then_some("enable"));
    }
}

#[tokio::test]
async fn what_breaks_off_says_so_and_costs_nothing() {
    let (app, upstream, key) = start().await;
    let sound = json!({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AQACAA=="}});
    let [speech, _] = gemini(&sound);
    let [heard, _] = gemini(&json!({"text": "Good day."}));
    let kept_back = frame(&json!({"candidates": [{"finishReason": "SAFETY"}]}));
    let refused = frame(&json!({"code": "InvalidParameter", "message": "no"}));
    let qwen = frame(&json!({"output": {"audio": {"data": "AQACAA=="}, "finish_reason": "null"}}));
    for (door, model, first, then) in [
        (Door::Speech, "gemini:m", &speech, Step::Cut),
        (Door::Speech, "gemini:m", &speech, send(&kept_back)),
        (Door::Speech, "gemini:m", &speech, send("data: {")),
        (Door::Speech, "dashscope:m", &qwen, send(&refused)),
        (Door::Speech, "dashscope:m", &qwen, send("")),
        (Door::TranscriptionStream, "gemini:m", &heard, Step::Cut),
        (
            Door::TranscriptionStream,
            "gemini:m",
            &heard,
            send(&kept_back),
        ),
    ] {
        let place = format!("{door:?} {model} {then:?}");
        let mut steps = vec![send(first), Step::Pause];
        if !matches!(&then, Step::Send(nothing) if nothing.is_empty()) {
            steps.push(then);
        }
        upstream.enqueue(Script::steps(200, "text/event-stream", steps));
        let mut answer = open(&app, &key, door, model).await;
        assert_eq!(answer.status, 200, "{place}");
        answer.next().await.unwrap().unwrap();
        upstream.go_on();
        let rest = answer.next().await.unwrap();
        match door {
            Door::Speech => assert!(rest.is_err(), "{place}"),
            _ => assert!(rest.unwrap().starts_with(b"data: {\"error\":"), "{place}"),
        }
        assert_eq!(app.usage().await[0]["status"], "error", "{place}");
        let user = app.user("alice").await;
        assert_eq!(
            (&user["spend"], &user["reserved"]),
            (&json!(0.0), &json!(0.0)),
            "{place}"
        );
    }
}

#[tokio::test]
async fn who_leaves_has_begun_to_be_served() {
    let (app, upstream, key) = start().await;
    let [heard, _] = gemini(&json!({"text": "Good day."}));
    upstream.enqueue(Script::steps(
        200,
        "text/event-stream",
        vec![send(&heard), Step::Hang],
    ));
    let mut answer = open(&app, &key, Door::TranscriptionStream, "gemini:m").await;
    answer.next().await.unwrap().unwrap();
    drop(answer);
    upstream.abandoned().await;
    let row = loop {
        if let Some(row) = app.usage().await.into_iter().next() {
            break row;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (&row["cost"], &row["status_code"]),
        (&json!(0.006), &json!(499))
    );
    assert_eq!(app.user("alice").await["reserved"], 0.0);
}

/// As `whisper-1`, which does not know streams.
#[tokio::test]
async fn who_does_not_stream_answers_whole() {
    let (app, upstream, key) = start().await;
    upstream.enqueue(Script::json(200, &json!({"text": "Good day."})));
    let answer = Door::TranscriptionStream.ask(&app, &key, "mock:m").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.expect(200), json!({"text": "Good day."}));
    let images = json!({"created": 1, "data": [{"url": "https://x/1"}, {"url": "https://x/2"}]});
    upstream.enqueue(Script::json(200, &images));
    let answer = Door::ImageStream.ask(&app, &key, "mock:m").await;
    assert_eq!(answer.expect(200), images);
    assert_eq!(app.usage().await[0]["status"], "success");
}

#[tokio::test]
async fn sound_may_come_as_events() {
    let (app, upstream, key) = start().await;
    let sound = json!({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AQACAA=="}});
    let stream = gemini(&sound);
    upstream.enqueue(Script::stream(stream.iter().map(String::as_str)));
    let body = json!({"model": "gemini:m", "input": "hi", "voice": "Kore", "response_format": "pcm", "stream_format": "sse"});
    let answer = app.client.post("/v1/audio/speech", &key, &body).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(
        answer.text(),
        "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AQACAA==\"}\n\n\
         data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4,\"total_tokens\":7}}\n\n"
    );
}
