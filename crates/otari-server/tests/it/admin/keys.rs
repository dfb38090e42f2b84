//! `/v1/keys`

use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::{Value, json};

fn hello() -> Value {
    json!({"model": "mock:scripted", "messages": [{"role": "user", "content": "x"}]})
}

#[tokio::test]
async fn a_key_lives_from_creation_through_rotation_to_deletion() {
    let app = TestApp::start().await;
    let created = app
        .client
        .post(
            "/v1/keys",
            MASTER_KEY,
            &json!({"key_name": "a", "metadata": {"x": 1}}),
        )
        .await
        .expect(200);
    let (id, first) = (
        created["id"].as_str().unwrap().to_owned(),
        created["key"].as_str().unwrap().to_owned(),
    );
    assert_eq!(
        (first.len(), created["user_id"].as_str()),
        (67, Some("default"))
    );
    assert!(
        first.starts_with(created["key_prefix"].as_str().unwrap())
            && first.ends_with(created["key_suffix"].as_str().unwrap())
    );
    let shown = app
        .client
        .get(&format!("/v1/keys/{id}"), MASTER_KEY)
        .await
        .expect(200);
    assert!(shown.get("key").is_none() && shown["workspace_id"].is_string());
    assert_eq!(shown["metadata"], json!({"x": 1}));

    app.client
        .post("/v1/chat/completions", &first, &hello())
        .await
        .expect(200);
    let rotated = app
        .client
        .post(&format!("/v1/keys/{id}/rotate"), MASTER_KEY, &Value::Null)
        .await
        .expect(200);
    let second = rotated["key"].as_str().unwrap();
    app.client
        .post("/v1/chat/completions", &first, &hello())
        .await
        .expect(401);
    app.client
        .post("/v1/chat/completions", second, &hello())
        .await
        .expect(200);

    app.client
        .delete(&format!("/v1/keys/{id}"), MASTER_KEY)
        .await
        .expect(204);
    app.client
        .post("/v1/chat/completions", second, &hello())
        .await
        .expect(401);
    app.client
        .get(&format!("/v1/keys/{id}"), MASTER_KEY)
        .await
        .expect(404);
    assert_eq!(app.usage().await.len(), 2, "usage rows outlive the key");
}

#[tokio::test]
async fn a_change_counts_at_once_and_null_clears() {
    let app = TestApp::start().await;
    let created = app
        .client
        .post(
            "/v1/keys",
            MASTER_KEY,
            &json!({"user_id": "alice", "expires_at": "2020-01-01"}),
        )
        .await
        .expect(200);
    let (id, key) = (
        created["id"].as_str().unwrap(),
        created["key"].as_str().unwrap(),
    );
    let path = format!("/v1/keys/{id}");
    app.client
        .post("/v1/chat/completions", key, &hello())
        .await
        .expect(401);
    let patched = app
        .client
        .patch(
            &path,
            MASTER_KEY,
            &json!({"expires_at": null, "key_name": "b"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&patched["expires_at"], &patched["key_name"]),
        (&Value::Null, &json!("b"))
    );
    app.client
        .post("/v1/chat/completions", key, &hello())
        .await
        .expect(200);
    app.client
        .patch(&path, MASTER_KEY, &json!({"is_active": false}))
        .await
        .expect(200);
    let refused = app
        .client
        .post("/v1/chat/completions", key, &hello())
        .await
        .expect(401);
    assert_eq!(refused["detail"], "API key is inactive");
    app.client
        .patch(
            &path,
            MASTER_KEY,
            &json!({"is_active": true, "allowed_models": []}),
        )
        .await
        .expect(200);
    app.client
        .post("/v1/chat/completions", key, &hello())
        .await
        .expect(403);
}

#[tokio::test]
async fn allow_lists_are_checked_and_stay_within_the_users() {
    let app = TestApp::start().await;
    app.client
        .post(
            "/v1/users",
            MASTER_KEY,
            &json!({"user_id": "alice", "allowed_models": ["mock:*"]}),
        )
        .await
        .expect(200);
    for (list, status) in [
        (json!(["mock:scripted"]), 200),
        (json!(["mock:s*"]), 200),
        (json!([]), 200),
        (json!(["openai:gpt-5"]), 400),
        (json!(["mock"]), 400),
        (json!(["mock:a*b"]), 400),
        (json!(["*:x"]), 400),
        (json!(["nobody:x"]), 400),
        (json!("mock:scripted"), 422),
    ] {
        let body = json!({"user_id": "alice", "allowed_models": list});
        app.client
            .post("/v1/keys", MASTER_KEY, &body)
            .await
            .expect(status);
    }
}

#[tokio::test]
async fn only_the_master_key_manages_keys() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let refused = app.client.get("/v1/keys", &key).await.expect(401);
    assert_eq!(refused["detail"], "Invalid master key");
    app.client
        .send(
            http::Method::GET,
            "/v1/keys",
            None,
            &[],
            bytes::Bytes::new(),
        )
        .await
        .expect(401);
    let page = app
        .client
        .get("/v1/keys?skip=0&limit=1", MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(page.as_array().unwrap().len(), 1);
    for bad in ["limit=0", "limit=1001", "skip=-1", "limit=x"] {
        app.client
            .get(&format!("/v1/keys?{bad}"), MASTER_KEY)
            .await
            .expect(422);
    }
}
