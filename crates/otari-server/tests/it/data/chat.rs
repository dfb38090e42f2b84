//! `POST /v1/chat/completions`, not streaming.

use otari_testkit::{MASTER_KEY, Script, TestApp};
use serde_json::{Value, json};

fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Say hello."}]})
}

#[tokio::test]
async fn a_call_is_answered_metered_and_charged() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({"key_name": "laptop"})).await;
    let answer = app
        .client
        .post("/v1/chat/completions", &key, &hello("mock:scripted"))
        .await;
    assert!(answer.header("x-request-id").is_some());
    let answer = answer.expect(200);
    assert_eq!(answer["choices"][0]["message"]["content"], "hello");

    let sent = app.upstream.last();
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str()),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(sent.headers["authorization"], "Bearer sk-upstream");
    assert_eq!(sent.json(), hello("scripted"));

    let rows = app.usage().await;
    assert_eq!(rows.len(), 1);
    // 11 tokens at $2.5 and 29 at $10 per million.
    let row = &rows[0];
    assert_eq!(row["cost"], json!(0.000_317_5));
    for (member, value) in [
        ("status", json!("success")),
        ("model", json!("scripted")),
        ("provider", json!("mock")),
        ("endpoint", json!("/v1/chat/completions")),
        ("prompt_tokens", json!(11)),
        ("completion_tokens", json!(29)),
        ("total_tokens", json!(40)),
        ("user_id", json!("alice")),
        ("api_key_name", json!("laptop")),
        ("source", json!("gateway")),
        ("counts_toward_budget", json!(true)),
    ] {
        assert_eq!(row[member], value, "{member}");
    }
    let user = app.user("alice").await;
    assert_eq!(
        (
            &user["spend"],
            &user["current_tokens"],
            &user["current_requests"]
        ),
        (&json!(0.000_317_5), &json!(40), &json!(1))
    );
    assert_eq!(user["reserved"], json!(0.0));
}

#[tokio::test]
async fn the_answer_is_the_upstreams_byte_for_byte() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let body = r#"{ "id":"x", "vendor_member": [1.50, 12345678901234567890123], "choices":[{"message":{"content":"\u00e9"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    app.upstream
        .enqueue(Script::whole(200, "application/json", body));
    let answer = app
        .client
        .post("/v1/chat/completions", &key, &hello("mock:scripted"))
        .await;
    assert_eq!(answer.text(), body);
}

#[tokio::test]
async fn an_alias_is_called_by_its_target_and_answers_by_its_name() {
    let app = TestApp::builder()
        .set("aliases", json!({"house": "mock:scripted"}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let answer = app
        .client
        .post("/v1/chat/completions", &key, &hello("house"))
        .await
        .expect(200);
    assert_eq!(answer["model"], "house");
    assert_eq!(app.upstream.last().json()["model"], "scripted");
    assert_eq!(app.usage().await[0]["model"], "scripted");
}

#[tokio::test]
async fn selectors_with_a_slash_and_both_prefixes_work() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    for (path, model) in [
        ("/v1/chat/completions", "mock/scripted"),
        ("/api/v1/chat/completions", "mock:scripted"),
    ] {
        app.client.post(path, &key, &hello(model)).await.expect(200);
        assert_eq!(app.upstream.last().json()["model"], "scripted");
    }
}

#[tokio::test]
async fn the_master_key_bills_the_user_it_names() {
    let app = TestApp::start().await;
    let without = app
        .client
        .post("/v1/chat/completions", MASTER_KEY, &hello("mock:scripted"))
        .await;
    assert_eq!(
        without.expect(400)["detail"],
        "When using master key, 'user' field is required in request body"
    );
    app.client
        .post("/v1/users", MASTER_KEY, &json!({"user_id": "bob"}))
        .await
        .expect(200);
    let mut body = hello("mock:scripted");
    body["user"] = json!("bob");
    app.client
        .post("/v1/chat/completions", MASTER_KEY, &body)
        .await
        .expect(200);
    assert_eq!(app.usage().await[0]["user_id"], "bob");
    assert!(
        app.upstream.last().json().get("user").is_none(),
        "the user is not told to the provider"
    );
    body["user"] = json!("nobody");
    app.client
        .post("/v1/chat/completions", MASTER_KEY, &body)
        .await
        .expect(404);
}

#[tokio::test]
async fn a_user_other_than_the_keys_is_refused_unless_the_key_is_lenient() {
    let app = TestApp::start().await;
    let strict = app.key("alice", json!({})).await;
    let lenient = app
        .key("alice", json!({"reject_user_mismatch": false}))
        .await;
    let mut body = hello("mock:scripted");
    body["user"] = json!("somebody-else");
    app.client
        .post("/v1/chat/completions", &strict, &body)
        .await
        .expect(403);
    app.client
        .post("/v1/chat/completions", &lenient, &body)
        .await
        .expect(200);
    let rows = app.usage().await;
    assert_eq!(
        (&rows[0]["status"], &rows[0]["user_id"]),
        (&json!("success"), &json!("alice"))
    );
    assert_eq!(
        (
            &rows[1]["status"],
            &rows[1]["status_code"],
            &rows[1]["cost"]
        ),
        (&json!("error"), &json!(403), &Value::Null)
    );
}

#[tokio::test]
async fn an_allow_list_is_checked_on_the_resolved_model() {
    let app = TestApp::builder()
        .set("aliases", json!({"house": "mock:scripted"}))
        .start()
        .await;
    let key = app
        .key("alice", json!({"allowed_models": ["mock:other*"]}))
        .await;
    for model in ["mock:scripted", "house", "no-such-alias"] {
        let refused = app
            .client
            .post("/v1/chat/completions", &key, &hello(model))
            .await
            .expect(403);
        assert_eq!(
            refused["detail"],
            format!("Model '{model}' is not permitted for this API key.")
        );
    }
    assert!(app.upstream.captured().is_empty());
    let none = app.key("alice", json!({"allowed_models": []})).await;
    app.client
        .post("/v1/chat/completions", &none, &hello("mock:scripted"))
        .await
        .expect(403);
}

#[tokio::test]
async fn a_model_without_a_price_is_refused_unless_the_key_is_exempt() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let exempt = app.key("alice", json!({"exclude_from_budget": true})).await;
    let refused = app
        .client
        .post("/v1/chat/completions", &key, &hello("mock:unpriced"))
        .await
        .expect(402);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .starts_with("No pricing is configured for model 'mock:unpriced'")
    );
    app.client
        .post("/v1/chat/completions", &key, &hello("nothing"))
        .await
        .expect(402);
    app.client
        .post("/v1/chat/completions", &exempt, &hello("mock:unpriced"))
        .await
        .expect(200);
    let rows = app.usage().await;
    assert_eq!(
        (&rows[0]["cost"], &rows[0]["counts_toward_budget"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(app.user("alice").await["spend"], json!(0.0));
}

#[tokio::test]
async fn rate_limits_count_a_users_requests_and_say_so() {
    let clock = TestApp::noon();
    let app = TestApp::builder()
        .set("rate_limit_rpm", json!(2))
        .clock(&clock)
        .start()
        .await;
    let (one, other) = (
        app.key("alice", json!({})).await,
        app.key("alice", json!({})).await,
    );
    for (key, remaining) in [(&one, "1"), (&other, "0")] {
        let answer = app
            .client
            .post("/v1/chat/completions", key, &hello("mock:scripted"))
            .await;
        assert_eq!(answer.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
        answer.expect(200);
    }
    let refused = app
        .client
        .post("/v1/chat/completions", &one, &hello("mock:scripted"))
        .await;
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(refused.expect(429)["detail"], "Rate limit exceeded");
    clock.advance_secs(61);
    app.client
        .post("/v1/chat/completions", &one, &hello("mock:scripted"))
        .await
        .expect(200);
    assert_eq!(
        app.usage().await.len(),
        3,
        "a refusal for the rate leaves no row"
    );
}

#[tokio::test]
async fn credentials_in_every_header_and_every_way_to_be_refused() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let expired = app
        .key("alice", json!({"expires_at": "2020-01-01T00:00:00Z"}))
        .await;
    let body = hello("mock:scripted").to_string();
    let bearer = format!("Bearer {key}");
    let expired = format!("Bearer {expired}");
    for (name, value, status, detail) in [
        ("authorization", bearer.as_str(), 200, None),
        ("otari-key", key.as_str(), 200, None),
        ("otari-key", bearer.as_str(), 200, None),
        ("x-api-key", key.as_str(), 200, None),
        ("x-api-key", "gw-wrong", 401, Some("Invalid API key")),
        (
            "authorization",
            "Basic abc",
            401,
            Some("Invalid header format. Expected 'Bearer <token>'"),
        ),
        (
            "authorization",
            expired.as_str(),
            401,
            Some("API key has expired"),
        ),
        (
            "x-unrelated",
            "1",
            401,
            Some("Missing Otari-Key, Authorization, or x-api-key header"),
        ),
    ] {
        let answer = app
            .client
            .send(
                http::Method::POST,
                "/v1/chat/completions",
                None,
                &[(name, value)],
                body.clone().into(),
            )
            .await;
        let answer = answer.expect(status);
        if let Some(detail) = detail {
            assert_eq!(answer["detail"], detail, "{name}: {value}");
            assert_eq!(answer["error"]["message"], detail);
        }
    }
}

/// A model's signed thoughts go back to it before its tool call, although Chat clients cannot carry them.
#[tokio::test]
async fn signed_reasoning_returns_with_the_tool_result() {
    let upstream = TestApp::start().await;
    let app = TestApp::builder()
        .set(
            "providers",
            json!({"claude": {"provider_type": "anthropic-compatible", "api_key": "k", "api_base": upstream.upstream.base()}}),
        )
        .set("require_pricing", json!(false))
        .start()
        .await;
    let (alice, bob) = (
        app.key("alice", json!({})).await,
        app.key("bob", json!({})).await,
    );
    let thought = json!({"type": "thinking", "thinking": "look it up", "signature": "c2ln"});
    let called = json!({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}});
    let answer = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [thought, called],
        "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    let tools = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
    let mut body = json!({"model": "claude:m", "max_tokens": 4000, "reasoning_effort": "low", "tools": tools, "messages": [{"role": "user", "content": "hi"}]});
    upstream.upstream.enqueue(Script::json(200, &answer));
    let first = app
        .client
        .post("/v1/chat/completions", &alice, &body)
        .await
        .expect(200);
    let call = first["choices"][0]["message"]["tool_calls"][0].clone();
    assert_eq!(call["id"], "toolu_1");

    // As most clients do: only the members of OpenAI's own API come back.
    let said = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "toolu_1", "type": "function", "function": call["function"]}]});
    let found = json!({"role": "tool", "tool_call_id": "toolu_1", "content": "found"});
    body["messages"] = json!([{"role": "user", "content": "hi"}, said, found]);
    let done = json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}});
    for (key, expected) in [(&alice, json!([thought, called])), (&bob, json!([called]))] {
        upstream.upstream.enqueue(Script::json(200, &done));
        app.client
            .post("/v1/chat/completions", key, &body)
            .await
            .expect(200);
        assert_eq!(
            upstream.upstream.last().json()["messages"][1]["content"],
            expected
        );
    }
}
