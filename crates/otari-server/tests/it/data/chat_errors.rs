//! What a caller, and the usage row, sees of failures and bad input.

use bytes::Bytes;
use otari_testkit::{Script, Step, TestApp};
use serde_json::{Value, json};

fn hello() -> Value {
    json!({"model": "mock:scripted", "messages": [{"role": "user", "content": "Say hello."}]})
}

#[tokio::test]
async fn upstream_failures_map_to_one_table() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let error = |message: &str| json!({"error": {"message": message, "type": "t", "code": "c"}});
    for (script, status, detail, row_status) in [
        (
            Script::json(400, &error("bad thing")),
            400,
            "bad thing",
            400,
        ),
        (
            Script::json(401, &error("key sk-abcdefghijkl")),
            502,
            "The provider rejected the gateway's credentials",
            401,
        ),
        (
            Script::json(402, &error("pay")),
            502,
            "The provider account of this gateway is out of credit",
            402,
        ),
        (
            Script::json(403, &error("no")),
            502,
            "The provider rejected the gateway's credentials",
            403,
        ),
        (
            Script::json(404, &error("no such model")),
            404,
            "no such model",
            404,
        ),
        (
            Script::json(429, &error("slow")),
            429,
            "The provider rate-limited this request",
            429,
        ),
        (
            Script::json(500, &error("x")),
            502,
            "LLM provider error",
            500,
        ),
        (
            Script::json(503, &error("x")),
            502,
            "LLM provider error",
            503,
        ),
        (
            Script::json(529, &error("x")),
            502,
            "LLM provider error",
            529,
        ),
        (
            Script::whole(200, "text/html", "<html>hello</html>"),
            502,
            "LLM provider error",
            502,
        ),
        (
            Script::whole(200, "application/json", ""),
            502,
            "LLM provider error",
            502,
        ),
        (
            Script::whole(200, "application/json", "{\"choices\":")
                .declare_length(400)
                .then(Step::Cut),
            502,
            "LLM provider error",
            502,
        ),
        (Script::refuse(), 502, "LLM provider error", 502),
    ] {
        app.upstream.enqueue(script.clone());
        let answer = app
            .client
            .post("/v1/chat/completions", &key, &hello())
            .await
            .expect(status);
        assert_eq!(
            (&answer["detail"], &answer["error"]["message"]),
            (&json!(detail), &json!(detail)),
            "{script:?}"
        );
        let row = &app.usage().await[0];
        assert_eq!(
            (&row["status"], &row["status_code"], &row["cost"]),
            (&json!("error"), &json!(row_status), &Value::Null),
            "{script:?}"
        );
    }
    let user = app.user("alice").await;
    assert_eq!(
        (&user["spend"], &user["reserved"]),
        (&json!(0.0), &json!(0.0))
    );
}

#[tokio::test]
async fn a_providers_retry_after_is_passed_on() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    app.upstream
        .enqueue(Script::json(429, &json!({"error": "slow"})).header("retry-after", "7"));
    let answer = app
        .client
        .post("/v1/chat/completions", &key, &hello())
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (429, Some("7"))
    );
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_a_timeout() {
    let app = TestApp::start().await;
    let provider = json!({"mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": app.upstream.base(), "client_args": {"timeout": 0.1}}});
    let app = TestApp::builder()
        .set("providers", provider)
        .restart(app)
        .await;
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(Script::hang());
    let answer = app
        .client
        .post("/v1/chat/completions", &key, &hello())
        .await
        .expect(504);
    assert_eq!(answer["detail"], "LLM provider timeout");
}

#[tokio::test]
async fn nothing_listening_is_a_bad_gateway() {
    let provider = json!({"mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": "http://127.0.0.1:9/v1"}});
    let app = TestApp::builder().set("providers", provider).start().await;
    let key = app.key("alice", json!({})).await;
    app.client
        .post("/v1/chat/completions", &key, &hello())
        .await
        .expect(502);
}

#[tokio::test]
async fn bad_bodies_are_told_apart_and_never_echoed() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    for (body, status, detail) in [
        (
            &b"{nope"[..],
            422,
            json!([{"type": "json_invalid", "loc": ["body", 1], "msg": "JSON decode error"}]),
        ),
        (
            b"",
            422,
            json!([{"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error"}]),
        ),
        (b"[]", 422, Value::Null),
        (
            b"{\"model\":\"canary-secret\",\"model\":\"b\",\"messages\":[{\"role\":\"user\"}]}",
            422,
            Value::Null,
        ),
        (
            b"{\"model\":\"\xff\xfe\",\"messages\":[]}",
            422,
            Value::Null,
        ),
        (
            b"{\"model\":{\"canary-secret\":1},\"messages\":[{\"role\":\"user\"}]}",
            422,
            Value::Null,
        ),
        (
            b"{\"model\":\"mock:scripted\",\"messages\":[]}",
            422,
            json!([{"type": "too_short", "loc": ["body", "messages"], "msg": "List should have at least 1 item after validation, not 0"}]),
        ),
        (
            b"{\"model\":\"\",\"messages\":[{\"role\":\"user\"}]}",
            400,
            json!("Invalid request: model is required"),
        ),
    ] {
        let answer = app
            .client
            .send(
                http::Method::POST,
                "/v1/chat/completions",
                Some(&key),
                &[],
                Bytes::copy_from_slice(body),
            )
            .await;
        assert!(
            !answer.text().contains("canary-secret"),
            "{}",
            answer.text()
        );
        let answer = answer.expect(status);
        assert!(
            answer["error"]["message"].is_string()
                && answer["error"]["type"] == "invalid_request_error",
            "{answer}"
        );
        if !detail.is_null() {
            assert_eq!(answer["detail"], detail);
        }
    }
    assert!(app.upstream.captured().is_empty());
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let app = TestApp::builder()
        .set("max_body_bytes", json!(2048))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let mut body = hello();
    body["messages"][0]["content"] = json!("x".repeat(4096));
    let answer = app
        .client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(413);
    assert_eq!(answer["error"]["code"], "request_too_large");
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_in_the_same_shape() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let missing = app.client.get("/v1/no-such-thing", &key).await.expect(404);
    assert_eq!(missing["detail"], "Not Found");
    let wrong = app
        .client
        .send(
            http::Method::PUT,
            "/v1/chat/completions",
            Some(&key),
            &[],
            Bytes::new(),
        )
        .await;
    assert_eq!(wrong.header("allow"), Some("POST"));
    assert_eq!(wrong.expect(405)["detail"], "Method Not Allowed");
}
