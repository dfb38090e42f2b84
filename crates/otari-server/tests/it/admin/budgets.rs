//! `/v1/budgets`

use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::{Value, json};

#[tokio::test]
async fn limits_and_cadences_are_checked() {
    let app = TestApp::start().await;
    for (body, status) in [
        (json!({}), 200),
        (
            json!({"max_budget": 0.001, "budget_duration_sec": 86400}),
            200,
        ),
        (json!({"max_budget": -1}), 422),
        (json!({"max_budget": 1e13}), 422),
        (json!({"max_budget": "lots"}), 422),
        (json!({"token_limit": -1}), 422),
        (json!({"request_limit": 1.5}), 422),
        (json!({"budget_duration_sec": 0}), 422),
        (json!({"reset_alignment": "calendar_year"}), 400),
        (
            json!({"budget_duration_sec": 60, "reset_alignment": "calendar_day"}),
            400,
        ),
    ] {
        let answer = app.client.post("/v1/budgets", MASTER_KEY, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
    }
    let refused = app
        .client
        .post("/v1/budgets", MASTER_KEY, &json!({"max_budget": -1}))
        .await
        .json();
    assert_eq!(
        refused["detail"],
        json!([{"type": "greater_than_equal", "loc": ["body", "max_budget"], "msg": "Input should be greater than or equal to 0"}])
    );
}

#[tokio::test]
async fn a_budget_is_changed_member_by_member_and_its_users_are_let_go_when_it_is_deleted() {
    let app = TestApp::start().await;
    let key = app
        .budgeted_key(
            "alice",
            json!({"name": "small", "max_budget": 1, "token_limit": 5000}),
        )
        .await;
    let body = json!({"model": "mock:scripted", "messages": [{"role": "user", "content": "x"}]});
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(200);
    let id = app.user("alice").await["budget_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/budgets/{id}");
    let budget = app.client.get(&path, MASTER_KEY).await.expect(200);
    assert_eq!(
        (&budget["user_count"], &budget["total_spend"]),
        (&json!(1), &json!(0.000_317_5))
    );
    let patched = app
        .client
        .patch(
            &path,
            MASTER_KEY,
            &json!({"max_budget": null, "name": "big"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (
            &patched["max_budget"],
            &patched["name"],
            &patched["token_limit"]
        ),
        (&Value::Null, &json!("big"), &json!(5000))
    );
    app.client
        .patch(
            &path,
            MASTER_KEY,
            &json!({"reset_alignment": "calendar_month"}),
        )
        .await
        .expect(200);
    app.client
        .patch(&path, MASTER_KEY, &json!({"budget_duration_sec": 60}))
        .await
        .expect(400);
    assert!(
        app.user("alice").await["next_budget_reset_at"].is_string(),
        "a new cadence opens a window for its users"
    );

    app.client.delete(&path, MASTER_KEY).await.expect(204);
    app.client.delete(&path, MASTER_KEY).await.expect(404);
    let user = app.user("alice").await;
    assert_eq!(
        (&user["budget_id"], &user["spend"]),
        (&Value::Null, &json!(0.000_317_5))
    );
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(200);
}
