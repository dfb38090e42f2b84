//! `POST /v1/chat/completions` with `stream: true`.

use bytes::Bytes;
use otari_testkit::{Script, Step, StreamingResponse, TestApp};
use serde_json::{Value, json};

const STREAM_ERROR: &str = "An error occurred during streaming";

fn streaming(model: &str) -> Value {
    json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "Say hello."}]})
}

async fn open(app: &TestApp, key: &str, body: &Value) -> StreamingResponse {
    let body = body.to_string().into();
    app.client
        .open(
            http::Method::POST,
            "/v1/chat/completions",
            Some(key),
            &[],
            body,
        )
        .await
}

/// The rest of a stream; a break is an error of the connection and fails the test.
async fn rest(stream: &mut StreamingResponse) -> String {
    let mut text = Vec::new();
    while let Some(chunk) = stream.next().await {
        text.extend_from_slice(&chunk.expect("a stream that ends cleanly"));
    }
    String::from_utf8(text).unwrap()
}

fn chunk(content: &str) -> String {
    let choices = json!([{"index": 0, "delta": {"content": content}, "finish_reason": null}]);
    format!(
        "data: {}\n\n",
        json!({"id": "c", "object": "chat.completion.chunk", "choices": choices})
    )
}

fn finish() -> String {
    let choices = json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]);
    format!(
        "data: {}\n\n",
        json!({"id": "c", "object": "chat.completion.chunk", "choices": choices})
    )
}

fn steps(parts: &[&str]) -> Vec<Step> {
    parts
        .iter()
        .map(|part| Step::Send(Bytes::copy_from_slice(part.as_bytes())))
        .collect()
}

#[tokio::test]
async fn a_stream_is_relayed_byte_for_byte_and_metered() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let parts = [
        ": hi\r\n\r\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\u00e9\"}}],\"x\":1.0}\n\n",
    ];
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":29}}\n\ndata: [DONE]\n\n";
    let whole = [parts[0], parts[1], &finish(), usage].concat();
    app.upstream
        .enqueue(Script::stream([parts[0], parts[1], &finish(), usage]));
    let mut stream = open(&app, &key, &streaming("mock:scripted")).await;
    assert_eq!(stream.status, 200);
    assert_eq!(
        stream.headers["content-type"],
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(rest(&mut stream).await, whole);
    assert_eq!(
        app.upstream.last().json()["stream_options"],
        json!({"include_usage": true})
    );
    let rows = app.usage().await;
    assert_eq!(
        (&rows[0]["cost"], &rows[0]["status"]),
        (&json!(0.000_317_5), &json!("success"))
    );
    assert!(rows[0]["first_chunk_ms"].is_i64());
}

#[tokio::test]
async fn each_event_leaves_as_soon_as_it_is_whole() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let first = chunk("one");
    let (head, tail) = first.split_at(9);
    let mut script = steps(&[&chunk("zero"), head]);
    script.push(Step::Pause);
    script.extend(steps(&[tail]));
    script.push(Step::Pause);
    script.extend(steps(&[&finish(), "data: [DONE]\n\n"]));
    app.upstream
        .enqueue(Script::steps(200, "text/event-stream", script));
    let mut stream = open(&app, &key, &streaming("mock:scripted")).await;
    assert_eq!(stream.next().await.unwrap().unwrap(), chunk("zero"));
    app.upstream.go_on();
    assert_eq!(stream.next().await.unwrap().unwrap(), first);
    app.upstream.go_on();
    assert!(rest(&mut stream).await.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn every_event_of_an_aliased_stream_carries_the_alias() {
    let app = TestApp::builder()
        .set("aliases", json!({"house": "mock:scripted"}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(Script::chat_stream(&["a", "b"]));
    let mut stream = open(&app, &key, &streaming("house")).await;
    let text = rest(&mut stream).await;
    assert_eq!(text.matches("\"model\":\"house\"").count(), 5, "{text}");
    assert!(!text.contains("scripted"));
}

#[tokio::test]
async fn a_failure_before_the_first_event_is_an_http_error() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    for (script, status) in [
        (
            Script::json(500, &json!({"error": {"message": "boom"}})),
            502,
        ),
        (Script::refuse(), 502),
        (
            Script::stream(["data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n"]),
            429,
        ),
        (Script::stream([""; 0]), 502),
        (Script::stream(["data: {not json\n\n"]), 502),
        (
            Script::steps(200, "text/event-stream", vec![Step::Cut]),
            502,
        ),
    ] {
        app.upstream.enqueue(script.clone());
        let stream = open(&app, &key, &streaming("mock:scripted")).await;
        assert_eq!(stream.status.as_u16(), status, "{script:?}");
    }
    let rows = app.usage().await;
    assert!(
        rows.iter()
            .all(|row| row["status"] == "error" && row["cost"].is_null())
    );
    assert_eq!(app.user("alice").await["reserved"], json!(0.0));
}

#[tokio::test]
async fn a_failure_in_the_middle_is_an_error_event_and_never_a_silent_cut() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let one = chunk("one");
    for (what, broken) in [
        ("cut connection", vec![Step::Cut]),
        (
            "cut inside an event",
            steps(&["data: {\"choi"])
                .into_iter()
                .chain([Step::Cut])
                .collect(),
        ),
        ("clean end without a finish reason", vec![]),
        ("malformed chunk", steps(&["data: {\"choices\": [\n\n"])),
        (
            "error event",
            steps(&["data: {\"error\":{\"message\":\"secret words\"}}\n\n"]),
        ),
        (
            "bad framing",
            vec![Step::Raw(Bytes::from_static(b"zz\r\n"))],
        ),
    ] {
        let script = steps(&[&one]).into_iter().chain(broken).collect();
        app.upstream
            .enqueue(Script::steps(200, "text/event-stream", script));
        let mut stream = open(&app, &key, &streaming("mock:scripted")).await;
        assert_eq!(stream.status, 200, "{what}");
        let text = rest(&mut stream).await;
        assert!(text.starts_with(&one), "{what}: {text}");
        assert!(
            text.contains(STREAM_ERROR) && text.ends_with("data: [DONE]\n\n"),
            "{what}: {text}"
        );
        assert!(!text.contains("secret words"), "{what}: {text}");
    }
    let rows = app.usage().await;
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row["status"] == "error"));
    assert_eq!(app.user("alice").await["reserved"], json!(0.0));
}

#[tokio::test]
async fn a_stream_without_done_but_with_a_finish_reason_is_complete() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    app.upstream
        .enqueue(Script::stream([chunk("one").as_str(), &finish()]));
    let mut stream = open(&app, &key, &streaming("mock:scripted")).await;
    let text = rest(&mut stream).await;
    assert!(
        text.ends_with("data: [DONE]\n\n") && !text.contains(STREAM_ERROR),
        "{text}"
    );
    assert_eq!(app.usage().await[0]["status"], "success");
}

#[tokio::test]
async fn a_stream_without_usage_is_billed_by_the_policy() {
    for (policy, status, cost) in [
        // 40 bytes of messages are 10 tokens at $2.5; 8 bytes of text are 2 at $10 per million.
        ("estimate", "success", json!(0.000_045)),
        ("fail", "error", json!(0.000_045)),
        ("allow_free", "success", Value::Null),
    ] {
        let app = TestApp::builder()
            .set("stream_missing_usage_policy", json!(policy))
            .start()
            .await;
        let key = app.key("alice", json!({})).await;
        app.upstream.enqueue(Script::stream([
            chunk("12345678").as_str(),
            &finish(),
            "data: [DONE]\n\n",
        ]));
        let mut stream = open(&app, &key, &streaming("mock:scripted")).await;
        rest(&mut stream).await;
        let row = &app.usage().await[0];
        assert_eq!(
            (&row["status"], &row["cost"]),
            (&json!(status), &cost),
            "{policy}"
        );
        assert_eq!(
            row["usage_estimated"],
            json!(policy != "allow_free"),
            "{policy}"
        );
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_charged_what_was_produced_and_the_upstream_is_let_go() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let script = steps(&[&chunk("12345678")])
        .into_iter()
        .chain([Step::Hang])
        .collect();
    app.upstream
        .enqueue(Script::steps(200, "text/event-stream", script));
    let mut stream = open(&app, &key, &streaming("mock:scripted")).await;
    stream.next().await.unwrap().unwrap();
    drop(stream);
    app.upstream.abandoned().await;
    let row = &app.usage().await[0];
    assert_eq!(
        (&row["status"], &row["status_code"], &row["cost"]),
        (&json!("error"), &json!(499), &json!(0.000_045))
    );
    let user = app.user("alice").await;
    assert_eq!(
        (&user["spend"], &user["reserved"]),
        (&json!(0.000_045), &json!(0.0))
    );
}

#[tokio::test]
async fn silence_is_filled_with_keepalives_without_losing_a_byte() {
    let app = TestApp::builder()
        .set("streaming_keepalive_interval_ms", json!(30))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let mut script = vec![Step::Pause];
    script.extend(steps(&[&chunk("one"), &finish(), "data: [DONE]\n\n"]));
    app.upstream
        .enqueue(Script::steps(200, "text/event-stream", script));
    let mut stream = open(&app, &key, &streaming("mock:scripted")).await;
    for _ in 0..2 {
        assert_eq!(stream.next().await.unwrap().unwrap(), ": keepalive\n\n");
    }
    app.upstream.go_on();
    let text = rest(&mut stream).await.replace(": keepalive\n\n", "");
    assert_eq!(
        text,
        [chunk("one"), finish(), "data: [DONE]\n\n".to_owned()].concat()
    );
}

#[tokio::test]
async fn an_upstream_that_falls_silent_is_given_up() {
    let args = json!({"idle_timeout_ms": 150});
    let app = TestApp::start().await;
    let provider = json!({"mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": app.upstream.base(), "client_args": args}});
    let app = TestApp::builder()
        .set("providers", provider)
        .set("streaming_keepalive_interval_ms", json!(40))
        .restart(app)
        .await;
    let key = app.key("alice", json!({})).await;
    let script = steps(&[&chunk("one")])
        .into_iter()
        .chain([Step::Hang])
        .collect();
    app.upstream
        .enqueue(Script::steps(200, "text/event-stream", script));
    let mut stream = open(&app, &key, &streaming("mock:scripted")).await;
    let text = rest(&mut stream).await;
    assert!(
        text.contains(": keepalive") && text.contains(STREAM_ERROR),
        "{text}"
    );
    assert_eq!(app.usage().await[0]["status_code"], json!(504));
}
