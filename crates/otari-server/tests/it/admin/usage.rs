//! `/v1/usage`

use otari_testkit::{MASTER_KEY, Script, TestApp};
use serde_json::{Value, json};

#[tokio::test]
async fn rows_are_filtered_paged_and_counted() {
    let clock = TestApp::noon();
    let app = TestApp::builder().clock(&clock).start().await;
    let (alice, bob) = (
        app.key("alice", json!({})).await,
        app.key("bob", json!({})).await,
    );
    let body = json!({"model": "mock:scripted", "messages": [{"role": "user", "content": "x"}]});
    app.client
        .post("/v1/chat/completions", &alice, &body)
        .await
        .expect(200);
    clock.advance_secs(60);
    app.client
        .post("/v1/chat/completions", &bob, &body)
        .await
        .expect(200);
    app.upstream.enqueue(Script::json(500, &Value::Null));
    app.client
        .post("/v1/chat/completions", &bob, &body)
        .await
        .expect(502);

    for (query, expected) in [
        ("", 3),
        ("user_id=alice", 1),
        ("user_id=alice&user_id=bob", 3),
        ("status=error", 1),
        ("status_code=500", 1),
        ("model=scripted&provider=mock", 3),
        ("model=other", 0),
        ("priced=true", 2),
        ("start_date=2026-01-01T12:00:30Z", 2),
        ("start_date=2026-01-01T12:00:30", 2),
        ("end_date=1767268830", 1),
        ("endpoint=/v1/chat/completions&source=gateway", 3),
        ("counts_toward_budget=false", 0),
        ("tool=any", 0),
    ] {
        let count = app
            .client
            .get(&format!("/v1/usage/count?{query}"), MASTER_KEY)
            .await
            .expect(200);
        assert_eq!(count["total"], expected, "{query}");
        let rows = app
            .client
            .get(&format!("/v1/usage?{query}"), MASTER_KEY)
            .await
            .expect(200);
        assert_eq!(rows.as_array().unwrap().len(), expected, "{query}");
    }
    let newest = app
        .client
        .get("/v1/usage?limit=1", MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(
        (&newest[0]["user_id"], &newest[0]["status"]),
        (&json!("bob"), &json!("error"))
    );
    let oldest = app
        .client
        .get("/v1/usage?limit=1&skip=2", MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(oldest[0]["user_id"], "alice");
    for bad in [
        "start_date=yesterday",
        "status_code=x",
        "priced=maybe",
        "tool=hammer",
    ] {
        app.client
            .get(&format!("/v1/usage?{bad}"), MASTER_KEY)
            .await
            .expect(422);
    }
    app.client.get("/v1/usage", &alice).await.expect(401);
}
