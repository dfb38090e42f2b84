//! From a model's name to a provider and its credential, and every way that can be refused.

use bytes::Bytes;
use http::Method;
use otari_testkit::{GATEWAY_TOKEN, Hybrid, Script, USER_TOKEN};
use serde_json::{Value, json};

use super::{CHAT, MESSAGES, RESPONSES, chat, counted, message, post, success, told};

#[tokio::test]
async fn a_call_goes_out_with_the_platforms_credential_and_is_reported() {
    let hybrid = Hybrid::start().await;
    let mut body = chat("mock:gpt-x");
    body["session_label"] = json!("  run-1 ");
    body["user"] = json!("somebody");
    let answer = post(&hybrid, CHAT, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = hybrid.app.upstream.last();
    assert_eq!(sent.headers["authorization"], "Bearer sk-platform");
    assert_eq!(sent.json()["model"], "gpt-x");
    for kept in ["session_label", "user"] {
        assert!(sent.json().get(kept).is_none(), "{kept}");
    }
    let reports = hybrid.reports(1).await;
    let mut expected = success();
    expected["session_label"] = json!("run-1");
    assert_eq!(told(&reports[0]), expected);
    assert_eq!(reports[0]["user"], "alice");
    assert_eq!(reports[0]["model"], "gpt-x");
    let correlation = answer.header("x-correlation-id").map(Value::from);
    assert_eq!(correlation.as_ref(), Some(&reports[0]["correlation_id"]));
    let request = answer.header("x-otari-request-id").map(Value::from);
    assert_eq!(request.as_ref(), Some(&reports[0]["request_id"]));
}

#[tokio::test]
async fn every_surface_is_served_and_counted() {
    let hybrid = Hybrid::start().await;
    for (path, body) in [
        (CHAT, chat("mock:m")),
        ("/api/v1/chat/completions", chat("mock/m")),
        (MESSAGES, message("mock:m")),
        (RESPONSES, json!({"model": "mock:m", "input": "Hi"})),
        (
            "/v1/completions",
            json!({"model": "mock:m", "prompt": "Hi"}),
        ),
        (
            "/v1beta/models/mock:m:generateContent",
            json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
        ),
    ] {
        let answer = post(&hybrid, path, &body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.header("x-correlation-id").is_some(), "{path}");
    }
    let reports = hybrid.reports(6).await;
    for report in &reports {
        assert_eq!(report["usage"], counted());
    }
}

#[tokio::test]
async fn tokens_are_counted_where_nothing_is_billed() {
    let hybrid = Hybrid::start().await;
    let counts = Script::json(200, &json!({"input_tokens": 7}));
    hybrid.app.upstream.enqueue(counts);
    let answer = post(&hybrid, "/v1/messages/count_tokens", &message("claude:m")).await;
    assert_eq!(answer.expect(200)["input_tokens"], 7);
    assert!(hybrid.peer.reports().is_empty());
}

#[tokio::test]
async fn the_older_flat_form_is_one_attempt() {
    let hybrid = Hybrid::builder().peer("flat", json!(true)).start().await;
    let answer = post(&hybrid, CHAT, &chat("smart")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("x-correlation-id").is_some());
    assert!(answer.header("x-otari-request-id").is_none());
    assert_eq!(told(&hybrid.reports(1).await[0]), success());
}

/// The failure table of the resolve endpoint.
#[tokio::test]
async fn refusals_are_passed_on_and_trouble_is_a_502() {
    let hybrid = Hybrid::builder()
        .platform("resolve_timeout_ms", json!(500))
        .start()
        .await;
    let away = "Authorization service unavailable";
    for (fault, status, detail) in [
        (
            json!({"status": 400, "detail": "no such form"}),
            400,
            Some("no such form"),
        ),
        (
            json!({"status": 401, "detail": "token revoked"}),
            401,
            Some("token revoked"),
        ),
        (
            json!({"status": 402, "detail": "out of credit"}),
            402,
            Some("out of credit"),
        ),
        (
            json!({"status": 403, "detail": "not yours"}),
            403,
            Some("not yours"),
        ),
        (
            json!({"status": 404, "detail": "no such model"}),
            404,
            Some("no such model"),
        ),
        (
            json!({"status": 429, "detail": "too fast", "retry_after": "7"}),
            429,
            Some("too fast"),
        ),
        // Without words of its own, or with an object for them, the gateway has some.
        (json!({"status": 403}), 403, None),
        (json!({"status": 402, "detail": {"code": 1}}), 402, None),
        (json!({"status": 404, "body": "<html>"}), 404, None),
        // Not the caller's fault, whatever the platform says.
        (json!({"status": 405, "detail": "secret"}), 502, Some(away)),
        (json!({"status": 409, "detail": "secret"}), 502, Some(away)),
        (
            json!({"status": 422, "detail": [{"loc": ["body"]}]}),
            502,
            Some(away),
        ),
        (json!({"status": 500, "detail": "secret"}), 502, Some(away)),
        (json!({"status": 502}), 502, Some(away)),
        (json!({"status": 503, "retry_after": "1"}), 502, Some(away)),
        (json!({"status": 302, "body": ""}), 502, Some(away)),
        // A success that is none.
        (json!({"status": 200, "body": "<html>"}), 502, Some(away)),
        (
            json!({"status": 200, "body": "{\"attempts\": []}"}),
            502,
            Some(away),
        ),
        (
            json!({"status": 200, "body": "{\"provider\": \"mock\"}"}),
            502,
            Some(away),
        ),
        (json!({"status": 204}), 502, Some(away)),
        (json!({"delay_ms": 60_000}), 502, Some(away)),
    ] {
        let mut faults = fault.clone();
        faults["on"] = json!("resolve");
        hybrid.fail(&json!([faults]));
        for (path, body) in [
            (CHAT, chat("mock:m")),
            (MESSAGES, message("mock:m")),
            (RESPONSES, json!({"model": "mock:m", "input": "Hi"})),
        ] {
            let answer = post(&hybrid, path, &body).await;
            assert_eq!(answer.status, status, "{fault} {path}: {}", answer.text());
            let retry_after = (status == 429).then_some("7");
            assert_eq!(answer.header("retry-after"), retry_after, "{fault} {path}");
            let told = answer.json()["error"]["message"].clone();
            match detail {
                Some(detail) => assert_eq!(told, detail, "{fault} {path}"),
                None => assert_eq!(told, "The platform refused this model to this token"),
            }
            if path == MESSAGES {
                assert_eq!(answer.json()["type"], "error", "{fault}");
            } else {
                assert_eq!(answer.json()["detail"], told, "{fault} {path}");
            }
        }
    }
    assert!(hybrid.app.upstream.captured().is_empty());
    assert!(hybrid.peer.reports().is_empty());
}

#[tokio::test]
async fn a_platform_that_is_away_is_a_502() {
    let hybrid = Hybrid::builder()
        .platform("base_url", json!("http://127.0.0.1:1/api/v1"))
        .start()
        .await;
    let answer = post(&hybrid, CHAT, &chat("mock:m")).await;
    assert_eq!(
        answer.expect(502)["detail"],
        "Authorization service unavailable"
    );
}

/// What the peer itself refuses, as a platform would.
#[tokio::test]
async fn the_peer_knows_its_users() {
    let users = json!({
        "alice": {"tokens": [USER_TOKEN], "allowed_models": ["mock:*"]},
        "bob": {"tokens": ["ut-bob"], "budget_usd": 0.0003},
        "carol": {"tokens": ["ut-carol"], "blocked": true},
        "dave": {"tokens": ["ut-dave"], "requests_per_minute": 1},
    });
    let hybrid = Hybrid::builder().peer("users", users).start().await;
    let ask = async |token: &str, model: &str| {
        let answer = hybrid.app.client.post(CHAT, token, &chat(model)).await;
        answer.status.as_u16()
    };
    assert_eq!(ask("ut-nobody", "mock:m").await, 401);
    assert_eq!(ask(USER_TOKEN, "mock:m").await, 200);
    assert_eq!(ask(USER_TOKEN, "claude:m").await, 403);
    assert_eq!(ask("ut-carol", "mock:m").await, 403);
    assert_eq!(ask("ut-bob", "unknown:m").await, 404);
    assert_eq!(ask("ut-bob", "bare").await, 404);
    // A call costs 0.0003175: the second finds nothing left.
    assert_eq!(ask("ut-bob", "mock:m").await, 200);
    assert_eq!(ask("ut-bob", "mock:m").await, 402);
    assert_eq!(ask("ut-dave", "mock:m").await, 200);
    let limited = hybrid
        .app
        .client
        .post(CHAT, "ut-dave", &chat("mock:m"))
        .await;
    assert_eq!(limited.status, 429);
    assert!(limited.header("retry-after").is_some());
}

#[tokio::test]
async fn the_gateways_own_token_is_checked_too() {
    let hybrid = Hybrid::builder()
        .peer("gateway_tokens", json!(["gt-other"]))
        .start()
        .await;
    let answer = post(&hybrid, CHAT, &chat("mock:m")).await;
    let detail = answer.expect(401)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("OTARI_AI_TOKEN"), "{detail}");
}

#[tokio::test]
async fn a_call_needs_a_token_in_any_of_the_usual_headers() {
    let hybrid = Hybrid::start().await;
    let body = Bytes::from(chat("mock:m").to_string());
    for (headers, status) in [
        (vec![("x-api-key", USER_TOKEN)], 200),
        (vec![("otari-key", USER_TOKEN)], 200),
        (vec![], 401),
        (vec![("authorization", "Basic dXQ6eA==")], 401),
        (vec![("authorization", "Bearer ")], 401),
    ] {
        let client = &hybrid.app.client;
        let answer = client
            .send(Method::POST, CHAT, None, &headers, body.clone())
            .await;
        assert_eq!(answer.status, status, "{headers:?}");
        if status == 401 {
            assert_eq!(answer.json()["detail"], "Missing authentication token");
        }
    }
    assert!(!hybrid.app.upstream.captured().iter().any(|sent| {
        let text = format!("{:?}", sent.headers);
        text.contains(GATEWAY_TOKEN) || text.contains(USER_TOKEN)
    }));
}

#[tokio::test]
async fn a_policy_of_the_gateways_is_refused_before_anybody_is_asked() {
    let policies = json!({"policies": {"fast": {"select": [{"default": "openai:gpt-x"}]}}});
    let hybrid = Hybrid::builder().set("routing", policies).start().await;
    let body = Bytes::from(chat("fast").to_string());
    let answer = hybrid
        .app
        .client
        .send(Method::POST, CHAT, None, &[], body)
        .await;
    let detail = answer.expect(400)["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("'fast'") && detail.contains("hybrid"),
        "{detail}"
    );
}

#[tokio::test]
async fn an_attempt_the_gateway_cannot_make_is_reported_and_passed_over() {
    let providers = |upstream: &str| {
        json!({"attempts": [
            {"attempt_id": "a1", "position": 0, "provider": "no-such", "model": "m", "api_key": "k"},
            {"attempt_id": "a2", "position": 1, "provider": "openai-compatible", "model": "m", "api_key": "k", "api_base": upstream},
        ]})
    };
    let hybrid = Hybrid::start().await;
    let body = providers(&hybrid.app.upstream.base()).to_string();
    hybrid.fail(&json!([{"on": "resolve", "status": 200, "body": body}]));
    let answer = post(&hybrid, CHAT, &chat("mock:m")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-correlation-id"), Some("a2"));
    let only = json!({"attempt_id": "a1", "provider": "no-such", "model": "m", "api_key": "k"});
    let body = json!({"attempts": [only]}).to_string();
    hybrid.fail(&json!([{"on": "resolve", "status": 200, "body": body}]));
    let answer = post(&hybrid, CHAT, &chat("mock:m")).await;
    assert_eq!(answer.header("x-correlation-id"), Some("a1"));
    assert_eq!(answer.expect(502)["detail"], "LLM provider error");
}

#[tokio::test]
async fn a_session_label_has_a_limit() {
    let hybrid = Hybrid::start().await;
    let mut body = chat("mock:m");
    body["session_label"] = json!("x".repeat(256));
    let answer = post(&hybrid, CHAT, &body).await;
    assert_eq!(answer.expect(422)["error"]["param"], "session_label");
    body["session_label"] = json!("  ");
    post(&hybrid, CHAT, &body).await.expect(200);
    assert!(hybrid.reports(1).await[0].get("session_label").is_none());
}
