//! `POST /v1/responses`, verbatim and translated.

use otari_testkit::{Script, TestApp};
use serde_json::{Value, json};

async fn start() -> (TestApp, TestApp, String) {
    let upstream = TestApp::start().await;
    let base = upstream.upstream.base();
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "openai": {"api_key": "k", "api_base": base},
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
            }),
        )
        .set(
            "pricing",
            json!({
                "openai:gpt": {"input_price_per_million": 1.0, "output_price_per_million": 2.0},
                "mock:gpt": {"input_price_per_million": 1.0, "output_price_per_million": 2.0},
            }),
        )
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn response(status: &str) -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": status, "model": "gpt", "output": [
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "hello", "annotations": []}]},
        ],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    })
}

#[tokio::test]
async fn a_native_response_passes_unchanged() {
    let (app, upstream, key) = start().await;
    upstream
        .upstream
        .enqueue(Script::json(200, &response("completed")));
    let body = json!({"model": "openai:gpt", "input": "hi", "store": false, "client_metadata": {"a": 1}, "user": "alice"});
    let answer = app.client.post("/v1/responses", &key, &body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, response("completed"))
    );
    let sent = upstream.upstream.last();
    assert_eq!(sent.path, "/v1/responses");
    assert_eq!(
        sent.json(),
        json!({"model": "gpt", "input": "hi", "store": false, "client_metadata": {"a": 1}})
    );
    assert_eq!(app.usage().await[0]["cost"], json!(0.000_02));
}

#[tokio::test]
async fn a_native_stream_passes_byte_for_byte() {
    let (app, upstream, key) = start().await;
    let event = |name: &str, data: Value| format!("event: {name}\ndata: {data}\n\n");
    let stream = [
        event("response.created", json!({"type": "response.created", "response": {"id": "resp_1", "model": "gpt", "status": "in_progress", "output": []}})),
        event("response.output_item.added", json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "m", "content": []}})),
        event("response.output_text.delta", json!({"type": "response.output_text.delta", "output_index": 0, "delta": "hello"})),
        event("response.completed", json!({"type": "response.completed", "response": response("completed")})),
    ]
    .concat();
    upstream.upstream.enqueue(Script::stream([stream.as_str()]));
    let body = json!({"model": "openai:gpt", "input": [{"role": "user", "content": "hi"}], "stream": true});
    let answer = app.client.post("/v1/responses", &key, &body).await;
    assert_eq!(answer.text(), stream);
    assert_eq!(app.usage().await[0]["cost"], json!(0.000_02));
}

#[tokio::test]
async fn a_model_that_speaks_chat_answers_responses() {
    let (app, upstream, key) = start().await;
    let mut body = json!({"model": "mock:gpt", "instructions": "Be brief.", "input": "hi", "max_output_tokens": 20});
    upstream.upstream.enqueue(Script::chat("hello"));
    let answer = app.client.post("/v1/responses", &key, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(
        (&answer["object"], &answer["status"]),
        (&json!("response"), &json!("completed"))
    );
    assert_eq!(answer["output"][0]["content"][0]["text"], "hello");
    assert_eq!(upstream.upstream.last().path, "/v1/chat/completions");

    body["stream"] = json!(true);
    upstream
        .upstream
        .enqueue(Script::chat_stream(&["hel", "lo"]));
    let text = app.client.post("/v1/responses", &key, &body).await.text();
    assert!(text.starts_with("event: response.created\n"), "{text}");
    assert!(text.contains("event: response.completed\n"), "{text}");
    assert!(app.usage().await[0]["cost"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn bad_input_is_named() {
    let (app, _upstream, key) = start().await;
    for (body, loc) in [
        (json!({"model": "openai:gpt"}), "input"),
        (json!({"model": "openai:gpt", "input": 3}), "input"),
        (json!({"input": "hi"}), "model"),
        (
            json!({"model": "openai:gpt", "input": "hi", "stream": "yes"}),
            "stream",
        ),
    ] {
        let answer = app.client.post("/v1/responses", &key, &body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert_eq!(answer.json()["detail"][0]["loc"], json!(["body", loc]));
        assert_eq!(answer.json()["error"]["param"], loc);
    }
}
