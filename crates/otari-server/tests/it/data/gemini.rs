//! Gemini's own API, and the Completions API from before Chat.

use otari_testkit::{Script, TestApp};
use serde_json::{Value, json};

async fn start() -> (TestApp, TestApp, String) {
    let upstream = TestApp::start().await;
    let base = upstream.upstream.base();
    let price = json!({"input_price_per_million": 1.0, "output_price_per_million": 2.0});
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "gemini": {"api_key": "sk-google", "api_base": base},
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
            }),
        )
        .set("aliases", json!({"house": "gemini:flash"}))
        .set("pricing", json!({"gemini:flash": price, "mock:gpt": price}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn ask() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 20}})
}

fn chunk(text: &str, last: bool) -> Value {
    let content = json!({"role": "model", "parts": [{"text": text}]});
    if last {
        return json!({
            "candidates": [{"index": 0, "content": content, "finishReason": "STOP"}],
            "modelVersion": "flash", "responseId": "r",
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        });
    }
    json!({"candidates": [{"index": 0, "content": content}], "modelVersion": "flash", "responseId": "r"})
}

async fn post(app: &TestApp, path: &str, key: &str, body: &Value) -> otari_testkit::Response {
    let headers = [("x-goog-api-key", key)];
    app.client
        .send(
            http::Method::POST,
            path,
            None,
            &headers,
            body.to_string().into(),
        )
        .await
}

#[tokio::test]
async fn gemini_passes_unchanged_to_gemini() {
    let (app, upstream, key) = start().await;
    upstream
        .upstream
        .enqueue(Script::json(200, &chunk("hello", true)));
    let answer = post(
        &app,
        "/v1beta/models/gemini:flash:generateContent",
        &key,
        &ask(),
    )
    .await;
    assert_eq!(answer.expect(200), chunk("hello", true));
    let sent = upstream.upstream.last();
    assert!(
        sent.path.ends_with("/models/flash:generateContent"),
        "{}",
        sent.path
    );
    assert_eq!(
        (sent.json(), &sent.headers["x-goog-api-key"]),
        (ask(), &"sk-google".to_owned())
    );
    assert_eq!(app.usage().await[0]["cost"], json!(0.000_02));

    let stream = format!(
        "data: {}\n\ndata: {}\n\n",
        chunk("hel", false),
        chunk("lo", true)
    );
    upstream.upstream.enqueue(Script::stream([stream.as_str()]));
    let path = format!("/v1beta/models/house:streamGenerateContent?alt=sse&key={key}");
    let answer = app
        .client
        .send(
            http::Method::POST,
            &path,
            None,
            &[],
            ask().to_string().into(),
        )
        .await;
    assert_eq!(
        answer.text(),
        stream.replace(r#""modelVersion":"flash""#, r#""modelVersion":"house""#)
    );
    assert_eq!(app.usage().await[0]["cost"], json!(0.000_02));
}

#[tokio::test]
async fn gemini_clients_reach_chat_models() {
    let (app, upstream, key) = start().await;
    upstream.upstream.enqueue(Script::chat("hello"));
    let answer = post(
        &app,
        "/v1beta/models/mock:gpt:generateContent",
        &key,
        &ask(),
    )
    .await
    .expect(200);
    assert_eq!(
        answer["candidates"][0]["content"]["parts"][0]["text"],
        "hello"
    );
    assert_eq!(upstream.upstream.last().json()["model"], "gpt");
    upstream
        .upstream
        .enqueue(Script::chat_stream(&["hel", "lo"]));
    let answer = post(
        &app,
        "/v1beta/models/mock:gpt:streamGenerateContent?alt=sse",
        &key,
        &ask(),
    )
    .await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.text().contains(r#""finishReason":"STOP""#),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn gemini_clients_get_googles_errors() {
    let (app, upstream, key) = start().await;
    upstream.upstream.enqueue(Script::json(
        429,
        &json!({"error": {"code": 429, "message": "no", "status": "RESOURCE_EXHAUSTED"}}),
    ));
    let path = "/v1beta/models/gemini:flash:generateContent";
    for (path, key, body, status, word) in [
        (path, key.as_str(), ask(), 429, "RESOURCE_EXHAUSTED"),
        (path, "gw-wrong", ask(), 401, "UNAUTHENTICATED"),
        (path, key.as_str(), json!({}), 422, "INVALID_ARGUMENT"),
        (
            "/v1beta/models/gemini:flash:embedContent",
            key.as_str(),
            ask(),
            404,
            "NOT_FOUND",
        ),
        (
            "/v1beta/models/gemini:flash:streamGenerateContent",
            key.as_str(),
            ask(),
            400,
            "INVALID_ARGUMENT",
        ),
    ] {
        let answer = post(&app, path, key, &body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        let error = answer.json()["error"].clone();
        assert_eq!(
            (&error["code"], &error["status"]),
            (&json!(status), &json!(word))
        );
    }
    // A stream that is cut ends in an error.
    let half = format!("data: {}\n\n", chunk("hel", false));
    upstream.upstream.enqueue(Script::stream([half.as_str()]));
    let answer = post(
        &app,
        "/v1beta/models/gemini:flash:streamGenerateContent?alt=sse",
        &key,
        &ask(),
    )
    .await;
    let tail = answer.text().strip_prefix(&half).unwrap().to_owned();
    assert!(tail.contains(r#""status":"INTERNAL""#), "{tail}");
}

#[tokio::test]
async fn legacy_completions_reach_chat_models() {
    let (app, upstream, key) = start().await;
    let mut body = json!({"model": "mock:gpt", "prompt": "Say hello.", "max_tokens": 5});
    upstream.upstream.enqueue(Script::chat("hello"));
    let answer = app
        .client
        .post("/v1/completions", &key, &body)
        .await
        .expect(200);
    assert_eq!(
        (&answer["object"], &answer["choices"][0]["text"]),
        (&json!("text_completion"), &json!("hello"))
    );
    assert_eq!(
        upstream.upstream.last().json()["messages"],
        json!([{"role": "user", "content": "Say hello."}])
    );
    body["stream"] = json!(true);
    upstream
        .upstream
        .enqueue(Script::chat_stream(&["hel", "lo"]));
    let text = app.client.post("/v1/completions", &key, &body).await.text();
    assert!(
        text.contains(r#""text":"hel""#) && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    let missing = app
        .client
        .post("/v1/completions", &key, &json!({"model": "mock:gpt"}))
        .await;
    assert_eq!(
        (missing.status.as_u16(), &missing.json()["error"]["param"]),
        (422, &json!("prompt"))
    );
}
