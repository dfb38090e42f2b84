//! `/v1/users`

use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::{Value, json};

#[tokio::test]
async fn a_user_is_created_changed_deleted_and_revived() {
    let app = TestApp::start().await;
    let created = app
        .client
        .post(
            "/v1/users",
            MASTER_KEY,
            &json!({"user_id": "alice", "alias": "Alice"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (
            &created["spend"],
            &created["budget_id"],
            &created["blocked"]
        ),
        (&json!(0.0), &Value::Null, &json!(false))
    );
    app.client
        .post("/v1/users", MASTER_KEY, &json!({"user_id": "alice"}))
        .await
        .expect(409);
    app.client
        .post("/v1/users", MASTER_KEY, &json!({"user_id": " "}))
        .await
        .expect(400);
    app.client
        .post("/v1/users", MASTER_KEY, &json!({"alias": "x"}))
        .await
        .expect(422);
    app.client
        .post(
            "/v1/users",
            MASTER_KEY,
            &json!({"user_id": "bob", "budget_id": "none"}),
        )
        .await
        .expect(404);

    let patched = app
        .client
        .patch(
            "/v1/users/alice",
            MASTER_KEY,
            &json!({"alias": null, "metadata": {"team": 1}}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&patched["alias"], &patched["metadata"]),
        (&Value::Null, &json!({"team": 1}))
    );
    app.client
        .delete("/v1/users/alice", MASTER_KEY)
        .await
        .expect(204);
    app.client
        .get("/v1/users/alice", MASTER_KEY)
        .await
        .expect(404);
    app.client
        .patch("/v1/users/alice", MASTER_KEY, &json!({}))
        .await
        .expect(404);
    let refused = app
        .client
        .post("/v1/keys", MASTER_KEY, &json!({"user_id": "alice"}))
        .await
        .expect(404);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("Recreate via POST /v1/users first")
    );
    app.client
        .post("/v1/users", MASTER_KEY, &json!({"user_id": "alice"}))
        .await
        .expect(200);
    assert_eq!(app.user("alice").await["metadata"], json!({}));
}

#[tokio::test]
async fn assigning_a_budget_starts_its_window_and_detaching_ends_it() {
    let clock = TestApp::noon();
    let app = TestApp::builder().clock(&clock).start().await;
    let budget = app
        .client
        .post(
            "/v1/budgets",
            MASTER_KEY,
            &json!({"max_budget": 1, "budget_duration_sec": 3600}),
        )
        .await
        .expect(200);
    app.client
        .post("/v1/users", MASTER_KEY, &json!({"user_id": "alice"}))
        .await
        .expect(200);
    let with = app
        .client
        .patch(
            "/v1/users/alice",
            MASTER_KEY,
            &json!({"budget_id": budget["budget_id"]}),
        )
        .await
        .expect(200);
    assert_eq!(with["budget_started_at"], "2026-01-01T12:00:00+00:00");
    assert_eq!(with["next_budget_reset_at"], "2026-01-01T13:00:00+00:00");
    let without = app
        .client
        .patch("/v1/users/alice", MASTER_KEY, &json!({"budget_id": null}))
        .await
        .expect(200);
    assert_eq!(
        (
            &without["budget_started_at"],
            &without["next_budget_reset_at"]
        ),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_deleted_users_usage_can_still_be_read() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let body = json!({"model": "mock:scripted", "messages": [{"role": "user", "content": "x"}]});
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(200);
    app.client
        .delete("/v1/users/alice", MASTER_KEY)
        .await
        .expect(204);
    let rows = app
        .client
        .get("/v1/users/alice/usage", MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(rows.as_array().unwrap().len(), 1);
    app.client
        .get("/v1/users/nobody/usage", MASTER_KEY)
        .await
        .expect(404);
}
