//! Budgets under concurrency: exactly what fits is admitted, on both engines.

use std::sync::Arc;

use otari_store::testing;
use otari_testkit::{MASTER_KEY, Script, Step, TestApp, TestAppBuilder};
use serde_json::{Value, json};

/// What a [`call`] holds: 30 bytes of messages are 8 tokens, and 99 are declared.
const HELD_TOKENS: i64 = 107;

fn call() -> Value {
    json!({"model": "mock:flat", "max_tokens": 99, "messages": [{"role": "user", "content": ""}]})
}

fn flat_price() -> Value {
    json!({"mock:flat": {"input_price_per_million": 10.0, "output_price_per_million": 10.0}})
}

fn builder() -> TestAppBuilder {
    TestApp::builder().set("pricing", flat_price())
}

/// An answer that used exactly what the estimate of [`call`] holds.
fn exact_answer() -> Value {
    json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": HELD_TOKENS - 99, "completion_tokens": 99, "total_tokens": HELD_TOKENS},
    })
}

/// Calls all at once, none answered before all that are admitted have arrived. Returns how many were admitted.
async fn flood(app: &Arc<TestApp>, key: &str, calls: usize, fits: usize) -> usize {
    let answer = exact_answer().to_string();
    let waiting = Script::steps(
        200,
        "application/json",
        vec![Step::Pause, Step::Send(answer.into())],
    );
    app.upstream.always(waiting);
    let mut tasks = Vec::new();
    for _ in 0..calls {
        let (app, key) = (Arc::clone(app), key.to_owned());
        tasks.push(tokio::spawn(async move {
            app.client
                .post("/v1/chat/completions", &key, &call())
                .await
                .status
                .as_u16()
        }));
    }
    app.upstream.arrived(fits).await;
    for _ in 0..fits {
        app.upstream.go_on();
    }
    let mut admitted = 0;
    for task in tasks {
        match task.await.expect("a call ends") {
            200 => admitted += 1,
            403 => {}
            other => panic!("status {other}"),
        }
    }
    admitted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_on_a_budget_for_three_hundred() {
    for database in testing::databases().await {
        let app = Arc::new(builder().database(&database.url).start().await);
        let engine = database.engine();
        let limit = HELD_TOKENS * 300;
        let key = app
            .budgeted_key("poor", json!({"token_limit": limit}))
            .await;
        assert_eq!(flood(&app, &key, 1_000, 300).await, 300, "{engine:?}");
        let user = app.user("poor").await;
        assert_eq!(
            (&user["current_tokens"], &user["reserved_tokens"]),
            (&json!(limit), &json!(0)),
            "{engine:?}"
        );
        app.client
            .post("/v1/chat/completions", &key, &call())
            .await
            .expect(403);
        let rows = app
            .client
            .get("/v1/usage/count?status=success", MASTER_KEY)
            .await
            .expect(200);
        assert_eq!(rows["total"], 300, "{engine:?}");
        drop(app);
        database.finish().await;
    }
}

#[tokio::test]
async fn dollars_tokens_and_requests_each_refuse_by_themselves() {
    for (budget, admitted) in [
        (json!({"request_limit": 2}), 2),
        (json!({"token_limit": 1}), 0),
        (json!({"max_budget": 0.000_001}), 0),
        (json!({"max_budget": 5, "request_limit": 1}), 1),
        (json!({}), 4),
        (json!({"request_limit": 0}), 0),
    ] {
        let app = builder().start().await;
        let key = app.budgeted_key("poor", budget.clone()).await;
        let mut served = 0;
        for _ in 0..4 {
            let answer = app.client.post("/v1/chat/completions", &key, &call()).await;
            match answer.status.as_u16() {
                200 => served += 1,
                403 => assert_eq!(
                    answer.json()["detail"],
                    "User 'poor' has exceeded budget limit"
                ),
                other => panic!("status {other}: {}", answer.text()),
            }
        }
        assert_eq!(served, admitted, "{budget}");
        let calls = i64::try_from(app.upstream.captured().len()).unwrap();
        assert_eq!(
            calls, admitted,
            "{budget}: a refused call reached the provider"
        );
    }
}

#[tokio::test]
async fn what_a_call_did_not_use_is_free_for_the_next() {
    let app = builder().start().await;
    // Room for one call of 1,000 tokens at a time; each uses 40.
    let key = app
        .budgeted_key("poor", json!({"token_limit": 1_100}))
        .await;
    let mut body = call();
    body["max_tokens"] = json!(1_000);
    for _ in 0..2 {
        app.client
            .post("/v1/chat/completions", &key, &body)
            .await
            .expect(200);
    }
    assert_eq!(app.user("poor").await["current_tokens"], json!(80));
}

#[tokio::test]
async fn a_raised_limit_counts_at_once_and_a_lowered_one_too() {
    let app = builder().start().await;
    let key = app.budgeted_key("poor", json!({"request_limit": 1})).await;
    let id = app.user("poor").await["budget_id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(200);
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(403);
    app.client
        .patch(
            &format!("/v1/budgets/{id}"),
            MASTER_KEY,
            &json!({"request_limit": 2}),
        )
        .await
        .expect(200);
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(200);
    app.client
        .patch(
            &format!("/v1/budgets/{id}"),
            MASTER_KEY,
            &json!({"request_limit": null}),
        )
        .await
        .expect(200);
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(200);
    app.client
        .patch(
            &format!("/v1/budgets/{id}"),
            MASTER_KEY,
            &json!({"request_limit": 3}),
        )
        .await
        .expect(200);
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(403);
}

#[tokio::test]
async fn a_period_ends_and_spend_starts_at_zero_with_a_log() {
    let clock = TestApp::noon();
    let app = builder().clock(&clock).start().await;
    let key = app
        .budgeted_key(
            "poor",
            json!({"request_limit": 1, "reset_alignment": "calendar_day"}),
        )
        .await;
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(200);
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(403);
    let before = app.user("poor").await;
    assert_eq!(before["next_budget_reset_at"], "2026-01-02T00:00:00+00:00");
    clock.advance_secs(3 * 86_400);
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(200);
    let after = app.user("poor").await;
    assert_eq!(
        (&after["current_requests"], &after["next_budget_reset_at"]),
        (&json!(1), &json!("2026-01-05T00:00:00+00:00"))
    );
    let id = after["budget_id"].as_str().unwrap();
    let logs = app
        .client
        .get(&format!("/v1/budgets/{id}/reset-logs"), MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(logs.as_array().unwrap().len(), 1);
    assert_eq!(
        (&logs[0]["user_id"], &logs[0]["previous_spend"]),
        (&json!("poor"), &before["spend"])
    );
}

#[tokio::test]
async fn a_free_model_passes_an_exhausted_dollar_budget() {
    let pricing =
        json!({"mock:free": {"input_price_per_million": 0, "output_price_per_million": 0}});
    let app = TestApp::builder().set("pricing", pricing).start().await;
    let key = app.budgeted_key("poor", json!({"max_budget": 0})).await;
    let body = json!({"model": "mock:free", "messages": [{"role": "user", "content": "x"}]});
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_blocked_user_is_refused_before_its_budget_is_asked() {
    let app = builder().start().await;
    let key = app.key("mallory", json!({})).await;
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(200);
    app.client
        .patch("/v1/users/mallory", MASTER_KEY, &json!({"blocked": true}))
        .await
        .expect(200);
    let refused = app
        .client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(403);
    assert_eq!(refused["detail"], "User 'mallory' is blocked");
    app.client
        .delete("/v1/users/mallory", MASTER_KEY)
        .await
        .expect(204);
    app.client
        .post("/v1/chat/completions", &key, &call())
        .await
        .expect(401);
}

#[tokio::test]
async fn with_budgets_disabled_nothing_is_refused_and_spend_still_counts() {
    let app = builder()
        .set("budget_strategy", json!("disabled"))
        .start()
        .await;
    let key = app.budgeted_key("poor", json!({"request_limit": 1})).await;
    for _ in 0..3 {
        app.client
            .post("/v1/chat/completions", &key, &call())
            .await
            .expect(200);
    }
    let user = app.user("poor").await;
    assert_eq!(
        (&user["current_requests"], &user["reserved_requests"]),
        (&json!(3), &json!(0))
    );
}
