//! `POST /v1/messages`, verbatim and translated.

use otari_testkit::{Script, TestApp};
use serde_json::{Value, json};

async fn claude() -> (TestApp, TestApp, String) {
    let upstream = TestApp::start().await;
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "claude": {"provider_type": "anthropic-compatible", "api_key": "sk-claude", "api_base": upstream.upstream.base()},
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": upstream.upstream.base()},
            }),
        )
        .set("aliases", json!({"house": "claude:opus"}))
        .set("pricing", json!({
            "claude:opus": {"input_price_per_million": 1.0, "output_price_per_million": 2.0, "cache_read_price_per_million": 0.1},
            "mock:gpt": {"input_price_per_million": 1.0, "output_price_per_million": 2.0},
        }))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn ask(model: &str) -> Value {
    json!({"model": model, "max_tokens": 50, "system": "Be brief.", "messages": [{"role": "user", "content": "hi"}]})
}

fn message() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "opus", "container": {"id": "new"},
        "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0},
    })
}

const STREAM: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"opus\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hello\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

#[tokio::test]
async fn a_native_message_passes_unchanged() {
    let (app, upstream, key) = claude().await;
    upstream.upstream.enqueue(Script::json(200, &message()));
    let mut body = ask("claude:opus");
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    body["metadata"] = json!({"user_id": "alice"});
    body["betas"] = json!(["context-1m"]);
    body["unknown_member"] = json!(1);
    let headers = [("anthropic-beta", "tools-2"), ("x-api-key", key.as_str())];
    let answer = app
        .client
        .send(
            http::Method::POST,
            "/v1/messages",
            None,
            &headers,
            body.to_string().into(),
        )
        .await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, message()));
    let sent = upstream.upstream.last();
    assert_eq!(sent.path, "/v1/messages");
    assert_eq!(sent.headers["x-api-key"], "sk-claude");
    assert_eq!(sent.headers["anthropic-version"], "2023-06-01");
    assert_eq!(sent.headers["anthropic-beta"], "tools-2,context-1m");
    let mut expected = body.clone();
    expected["model"] = json!("opus");
    expected.as_object_mut().unwrap().remove("betas");
    assert_eq!(sent.json(), expected);
    let row = &app.usage().await[0];
    assert_eq!(
        (&row["endpoint"], &row["cache_read_tokens"]),
        (&json!("/v1/messages"), &json!(100))
    );
    // 10 at 1, 5 at 2, 100 cached at 0.1 dollars per million.
    assert_eq!(row["cost"], json!(0.000_03));
}

#[tokio::test]
async fn a_native_stream_passes_byte_for_byte_and_ends_at_its_last_event() {
    let (app, upstream, key) = claude().await;
    let mut body = ask("claude:opus");
    body["stream"] = json!(true);
    upstream.upstream.enqueue(Script::stream([STREAM]));
    let answer = app.client.post("/v1/messages", &key, &body).await;
    assert_eq!(answer.text(), STREAM);
    assert_eq!(app.usage().await[0]["cost"], json!(0.000_03));
    // An alias shows in the only place that names the model.
    body["model"] = json!("house");
    upstream.upstream.enqueue(Script::stream([STREAM]));
    let answer = app.client.post("/v1/messages", &key, &body).await;
    assert_eq!(
        answer.text(),
        STREAM.replace(r#""model":"opus""#, r#""model":"house""#)
    );
}

#[tokio::test]
async fn a_native_stream_that_is_cut_or_fails_ends_in_an_error_event() {
    let (app, upstream, key) = claude().await;
    let mut body = ask("claude:opus");
    body["stream"] = json!(true);
    let (half, _) = STREAM.split_once("event: content_block_stop").unwrap();
    let failure = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"sk-secret busy\"}}\n\n";
    for script in [Script::stream([half]), Script::stream([half, failure])] {
        upstream.upstream.enqueue(script);
        let text = app.client.post("/v1/messages", &key, &body).await.text();
        let tail = text.strip_prefix(half).unwrap();
        assert!(
            tail.starts_with("event: error\ndata: {\"type\":\"error\""),
            "{tail}"
        );
        assert!(
            !tail.contains("sk-secret") && !tail.contains("message_stop"),
            "{tail}"
        );
        assert_eq!(app.usage().await[0]["status"], "error");
    }
    // Before the first byte it is an HTTP error.
    upstream.upstream.enqueue(Script::stream([failure]));
    let answer = app.client.post("/v1/messages", &key, &body).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
}

#[tokio::test]
async fn a_model_that_speaks_chat_answers_messages() {
    let (app, upstream, key) = claude().await;
    let mut body = ask("mock:gpt");
    body["tools"] = json!([{"name": "look", "input_schema": {"type": "object"}}]);
    upstream.upstream.enqueue(Script::chat("hello"));
    let answer = app.client.post("/v1/messages", &key, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(
        answer["content"],
        json!([{"type": "text", "text": "hello"}])
    );
    assert_eq!(
        (&answer["type"], &answer["stop_reason"]),
        (&json!("message"), &json!("end_turn"))
    );
    let sent = upstream.upstream.last();
    assert_eq!(sent.path, "/v1/chat/completions");
    let sent = sent.json();
    assert_eq!(
        sent["messages"][0],
        json!({"role": "system", "content": "Be brief."})
    );
    assert_eq!(sent["tools"][0]["function"]["name"], "look");
    assert!(app.usage().await[0]["cost"].as_f64().unwrap() > 0.0);

    body["stream"] = json!(true);
    upstream
        .upstream
        .enqueue(Script::chat_stream(&["hel", "lo"]));
    let text = app.client.post("/v1/messages", &key, &body).await.text();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ],
        "{text}"
    );
    assert!(app.usage().await[0]["cost"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn errors_have_anthropics_shape() {
    let (app, upstream, key) = claude().await;
    let missing = json!({"model": "claude:opus", "messages": [{"role": "user", "content": "hi"}]});
    let answer = app.client.post("/v1/messages", &key, &missing).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    assert_eq!(
        answer.json()["detail"],
        json!([{"type": "missing", "loc": ["body", "max_tokens"], "msg": "Field required"}])
    );

    let answer = app
        .client
        .post("/v1/messages", "gw-wrong", &ask("claude:opus"))
        .await;
    assert_eq!(answer.status, 401);
    let body = answer.json();
    assert_eq!(body["type"], "error");
    assert_eq!(
        body["detail"],
        json!({"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}})
    );
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"));

    upstream
        .upstream
        .enqueue(Script::json(429, &json!({"error": {"message": "x"}})).header("retry-after", "7"));
    let answer = app
        .client
        .post("/v1/messages", &key, &ask("mock:gpt"))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (429, Some("7"))
    );
    assert_eq!(
        answer.json()["error"],
        json!({"type": "rate_limit_error", "message": "The provider rate-limited this request"})
    );

    let mut unsupported = ask("mock:gpt");
    unsupported["tools"] = json!([{"type": "computer_20250124", "name": "computer", "display_width_px": 1, "display_height_px": 1}]);
    let answer = app.client.post("/v1/messages", &key, &unsupported).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("tools")
    );
}

/// A conversation that began at another provider: its signatures would be refused.
#[tokio::test]
async fn signatures_of_another_maker_are_left_out_of_a_native_call() {
    let (app, upstream, key) = claude().await;
    upstream.upstream.enqueue(Script::json(200, &message()));
    let mut body = ask("claude:opus");
    body["unknown_member"] = json!(1);
    body["messages"] = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "otari:google:c2ln"},
            {"type": "thinking", "thinking": "so", "signature": "b3du"},
            {"type": "thinking", "thinking": "no", "signature": ""},
            {"type": "tool_use", "id": "a", "name": "look", "input": {}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "ok"}]},
    ]);
    let headers = [("anthropic-beta", "tools-2"), ("x-api-key", key.as_str())];
    let answer = app
        .client
        .send(
            http::Method::POST,
            "/v1/messages",
            None,
            &headers,
            body.to_string().into(),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["content"][0]["text"], "hello");
    let sent = upstream.upstream.last();
    assert_eq!(sent.headers["anthropic-beta"], "tools-2");
    let sent = sent.json();
    assert_eq!(sent["unknown_member"], 1);
    let kinds: Vec<&Value> = sent["messages"][1]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block.get("signature").unwrap_or(&block["type"]))
        .collect();
    assert_eq!(kinds, ["b3du", "tool_use"]);
}

/// Anthropic's clients read the code, and send the whole conversation instead of going on from a kept one.
#[tokio::test]
async fn a_thread_that_cannot_go_on_is_said_in_the_clients_code() {
    let (app, upstream, key) = claude().await;
    let code = |answer: Value| answer["error"]["details"]["error_code"].clone();
    let mut threaded = ask("mock:gpt");
    threaded["thread"] = json!({"type": "create"});
    let answer = app.client.post("/v1/messages", &key, &threaded).await;
    assert_eq!(
        code(answer.expect(400)),
        json!("thread_unsupported_request")
    );

    threaded["model"] = json!("claude:opus");
    let error = json!({"type": "invalid_request_error", "message": "no", "details": {"error_code": "thread_not_found"}});
    upstream
        .upstream
        .enqueue(Script::json(400, &json!({"type": "error", "error": error})));
    let answer = app.client.post("/v1/messages", &key, &threaded).await;
    assert_eq!(code(answer.expect(400)), json!("thread_not_found"));
}

#[tokio::test]
async fn tokens_are_counted_by_the_provider_or_here_for_nothing() {
    let (app, upstream, key) = claude().await;
    let ask = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "Hello world, this is a test."}]});
    upstream
        .upstream
        .enqueue(Script::json(200, &json!({"input_tokens": 77})));
    let counted = app
        .client
        .post("/v1/messages/count_tokens", &key, &ask("claude:opus"))
        .await;
    assert_eq!(counted.expect(200), json!({"input_tokens": 77}));
    assert_eq!(upstream.upstream.last().path, "/v1/messages/count_tokens");
    // A server without this part of Messages, and one without Messages.
    upstream
        .upstream
        .enqueue(Script::json(404, &json!({"error": {"message": "no"}})));
    for model in ["claude:opus", "mock:gpt"] {
        let counted = app
            .client
            .post("/v1/messages/count_tokens", &key, &ask(model))
            .await;
        // Eight tokens of text, three of framing, three of priming.
        assert_eq!(counted.expect(200), json!({"input_tokens": 14}), "{model}");
    }
    assert_eq!(app.usage().await.len(), 0);
    let wrong = app
        .client
        .post("/v1/messages/count_tokens", "gw-wrong", &ask("mock:gpt"))
        .await;
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.json()["error"]["type"], "authentication_error");
}
