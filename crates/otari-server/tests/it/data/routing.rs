//! Routing policies: which model is tried, what a failure leaves behind.

use otari_testkit::{Script, TestApp, TestAppBuilder};
use serde_json::{Value, json};

fn app_with(policy: &Value) -> TestAppBuilder {
    TestApp::builder()
        .set("routing", json!({"policies": {"resilient": policy}}))
        .set("enable_metrics", json!(true))
        .set(
            "pricing",
            json!({
                "mock:first": {"input_price_per_million": 1.0, "output_price_per_million": 1.0},
                "mock:second": {"input_price_per_million": 2.0, "output_price_per_million": 2.0},
                "mock:dear": {"input_price_per_million": 1e6, "output_price_per_million": 1e6},
            }),
        )
}

fn ask(stream: bool) -> Value {
    json!({"model": "resilient", "stream": stream, "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]})
}

fn broken() -> Script {
    Script::json(500, &json!({"error": {"message": "no"}}))
}

#[tokio::test]
async fn a_failure_moves_on_and_leaves_an_absorbed_row() {
    let app =
        app_with(&json!({"select": [{"default": "mock:first"}], "on_failure": ["mock:second"]}))
            .start()
            .await;
    let key = app.key("alice", json!({})).await;
    for stream in [false, true] {
        app.upstream.enqueue(broken());
        app.upstream.enqueue(if stream {
            Script::chat_stream(&["hello"])
        } else {
            Script::chat("hello")
        });
        let answer = app
            .client
            .post("/v1/chat/completions", &key, &ask(stream))
            .await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.text().contains(r#""model":"resilient""#),
            "{}",
            answer.text()
        );
        assert_eq!(app.upstream.last().json()["model"], "second");
        let rows = app.usage().await;
        let (last, first) = (&rows[0], &rows[1]);
        assert_eq!(
            (&last["status"], &first["status"]),
            (&json!("success"), &json!("absorbed"))
        );
        assert_eq!(
            (&last["model"], &first["model"]),
            (&json!("second"), &json!("first"))
        );
        assert_eq!(
            (&first["cost"], &first["status_code"]),
            (&json!(null), &json!(500))
        );
        assert_eq!(last["request_group_id"], first["request_group_id"]);
        assert!(last["request_group_id"].is_string());
        for (row, position, reason) in [(first, 1, "default"), (last, 2, "on_failure")] {
            assert_eq!(row["policy_name"], "resilient");
            assert_eq!(row["attempt_position"], position);
            assert_eq!(row["attempt_count"], 2);
            assert_eq!(row["selection_reason"], reason);
        }
    }
    let metrics = app.client.get("/metrics", "").await.text();
    let line = r#"gateway_abandoned_attempts_total{provider="mock",model="first",reason="upstream_error",position="1"} 2"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn several_failures_are_one_error_that_names_no_provider() {
    let app =
        app_with(&json!({"select": [{"default": "mock:first"}], "on_failure": ["mock:second"]}))
            .start()
            .await;
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(broken());
    app.upstream.enqueue(Script::json(
        429,
        &json!({"error": {"message": "slow down"}}),
    ));
    let answer = app
        .client
        .post("/v1/chat/completions", &key, &ask(false))
        .await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.json()["detail"], "All upstream providers failed");
    let statuses: Vec<Value> = app
        .usage()
        .await
        .iter()
        .map(|row| row["status"].clone())
        .collect();
    assert_eq!(statuses, [json!("error"), json!("absorbed")]);
    let user = app.user("alice").await;
    assert_eq!(
        (&user["spend"], &user["reserved"]),
        (&json!(0.0), &json!(0.0))
    );
}

#[tokio::test]
async fn a_dearer_candidate_needs_room_of_its_own() {
    let app = app_with(
        &json!({"select": [{"default": "mock:first"}], "on_failure": ["mock:dear", "mock:second"]}),
    )
    .start()
    .await;
    let key = app.budgeted_key("alice", json!({"max_budget": 1.0})).await;
    app.upstream.enqueue(broken());
    let answer = app
        .client
        .post("/v1/chat/completions", &key, &ask(false))
        .await;
    assert_eq!(answer.status, 403);
    assert!(
        answer.text().contains("ran out while failing over"),
        "{}",
        answer.text()
    );
    assert_eq!(app.upstream.captured().len(), 1, "the chain stops");
    assert_eq!(app.user("alice").await["reserved"], 0.0);
    // The rest of the budget is free again.
    app.upstream.enqueue(Script::chat("hello"));
    let mut cheap = ask(false);
    cheap["model"] = json!("mock:first");
    assert_eq!(
        app.client
            .post("/v1/chat/completions", &key, &cheap)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_member_no_candidate_before_could_hold_finds_the_one_that_can() {
    let upstream = TestApp::start().await;
    let base = upstream.upstream.base();
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "claude": {"provider_type": "anthropic-compatible", "api_key": "k", "api_base": base},
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
            }),
        )
        .set("pricing", json!({"claude:a": {"input_price_per_million": 0, "output_price_per_million": 0}, "mock:first": {"input_price_per_million": 0, "output_price_per_million": 0}}))
        .set("routing", json!({"policies": {"resilient": {"select": [{"default": "claude:a"}], "on_failure": ["mock:first"]}}}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    upstream.upstream.enqueue(Script::chat("hello"));
    let mut body = ask(false);
    body["logit_bias"] = json!({"1": 2});
    let answer = app.client.post("/v1/chat/completions", &key, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(app.usage().await[1]["status"], "absorbed");
}

#[tokio::test]
async fn what_the_key_may_not_use_is_left_out() {
    let app =
        app_with(&json!({"select": [{"default": "mock:first"}], "on_failure": ["mock:second"]}))
            .start()
            .await;
    let narrow = app
        .key("alice", json!({"allowed_models": ["mock:second"]}))
        .await;
    app.upstream.enqueue(Script::chat("hello"));
    let answer = app
        .client
        .post("/v1/chat/completions", &narrow, &ask(false))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(app.upstream.last().json()["model"], "second");
    let none = app
        .key("bob", json!({"allowed_models": ["mock:other"]}))
        .await;
    let refused = app
        .client
        .post("/v1/chat/completions", &none, &ask(false))
        .await;
    assert_eq!(refused.status, 403);
    let text = refused.text();
    assert!(
        text.contains("resilient") && !text.contains("mock:"),
        "{text}"
    );
}

#[tokio::test]
async fn conditions_and_weights_choose_the_head() {
    let app = app_with(&json!({"select": [
        {"when": {"user_id": ["bob"]}, "target": "mock:second"},
        {"when": {"budget_used_pct": {"gte": 30}}, "target": "mock:second"},
        {"router": "weighted", "candidates": ["mock:first", "mock:second"], "weights": {"mock:first": 1, "mock:second": 0}},
        {"default": "mock:dear"},
    ]}))
    .start()
    .await;
    app.upstream.always(Script::chat("hello"));
    let alice = app.key("alice", json!({})).await;
    let bob = app.key("bob", json!({})).await;
    let carol = app
        .budgeted_key("carol", json!({"max_budget": 0.000_1}))
        .await;
    for (key, model, reason) in [
        (&alice, "first", "router:weighted"),
        (&bob, "second", "condition:user_id"),
        (&carol, "first", "router:weighted"),
        (&carol, "second", "condition:budget_used_pct"),
    ] {
        let answer = app
            .client
            .post("/v1/chat/completions", key, &ask(false))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let row = &app.usage().await[0];
        assert_eq!(
            (&row["model"], &row["selection_reason"]),
            (&json!(model), &json!(reason))
        );
    }
    let headers = [("Otari-Router", "off")];
    let body = ask(false).to_string().into();
    let off = app
        .client
        .send(
            http::Method::POST,
            "/v1/chat/completions",
            Some(&alice),
            &headers,
            body,
        )
        .await;
    assert_eq!(off.status, 200);
    assert_eq!(app.usage().await[0]["model"], "dear");
    let headers = [("Otari-Router", "perhaps")];
    let body = ask(false).to_string().into();
    let bad = app
        .client
        .send(
            http::Method::POST,
            "/v1/chat/completions",
            Some(&alice),
            &headers,
            body,
        )
        .await;
    assert_eq!(bad.status, 400);
}
