//! `/v1/batches`

mod native;

use otari_testkit::{MASTER_KEY, Script, Step, TestApp, TestAppBuilder};
use serde_json::{Value, json};

const MODEL: &str = "mock:scripted";

/// One line at a time, so that a test knows which.
fn builder() -> TestAppBuilder {
    TestApp::builder().set("batch_concurrency", json!(1))
}

fn requests(count: usize) -> Value {
    let request = |n| json!({"custom_id": format!("c{n}"), "body": {"messages": [{"role": "user", "content": "hi"}]}});
    (0..count).map(request).collect()
}

async fn create(app: &TestApp, key: &str, body: Value) -> Value {
    let answer = app.client.post("/v1/batches", key, &body).await;
    answer.expect(200)
}

async fn get(app: &TestApp, key: &str, batch: &Value) -> Value {
    let id = batch.get("id").and_then(Value::as_str).unwrap();
    let path = format!("/v1/batches/{id}");
    app.client.get(&path, key).await.expect(200)
}

/// The batch once it has ended.
async fn ended(app: &TestApp, key: &str, batch: &Value) -> Value {
    let wait = async {
        loop {
            let now = get(app, key, batch).await;
            let status = now.get("status").and_then(Value::as_str).unwrap();
            if ["completed", "failed", "expired", "cancelled"].contains(&status) {
                return now;
            }
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_mins(1);
    tokio::time::timeout(limit, wait).await.expect("an end")
}

/// The code of each line's error, `ok` where there is none.
async fn codes(app: &TestApp, key: &str, batch: &Value) -> Vec<String> {
    let id = batch.get("id").and_then(Value::as_str).unwrap();
    let path = format!("/v1/batches/{id}/results");
    let answer = app.client.get(&path, key).await.expect(200);
    let results = answer.get("results").and_then(Value::as_array).unwrap();
    let code = |result: &Value| {
        let code = result.pointer("/error/code").and_then(Value::as_str);
        code.unwrap_or("ok").to_owned()
    };
    results.iter().map(code).collect()
}

/// An answer that waits to be let go.
fn held() -> Script {
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "scripted",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "late"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    });
    let send = Step::Send(body.to_string().into());
    Script::steps(200, "application/json", vec![Step::Pause, send])
}

#[tokio::test]
async fn what_the_window_leaves_out_is_told() {
    let clock = TestApp::noon();
    let app = builder().clock(&clock).start().await;
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(held());
    let body = json!({"model": MODEL, "requests": requests(3), "completion_window": "2h"});
    let batch = create(&app, &key, body).await;
    assert_eq!(
        batch["expires_at"].as_i64().unwrap() - batch["created_at"].as_i64().unwrap(),
        7200
    );
    app.upstream.arrived(1).await;
    clock.advance_secs(7200);
    app.upstream.go_on();
    let batch = ended(&app, &key, &batch).await;
    assert_eq!(batch["status"], "expired");
    assert_eq!(batch["expired_at"], batch["expires_at"]);
    assert_eq!(
        batch["request_counts"],
        json!({"total": 3, "completed": 1, "failed": 2})
    );
    assert_eq!(
        codes(&app, &key, &batch).await,
        ["ok", "batch_expired", "batch_expired"]
    );
    assert_eq!(app.upstream.captured().len(), 1);
}

#[tokio::test]
async fn lines_are_calls_of_a_key_that_may_be_gone_by_then() {
    let app = builder().start().await;
    let key = app.key("alice", json!({})).await;
    let other = app.key("alice", json!({})).await;
    app.upstream.enqueue(held());
    let body = json!({"model": MODEL, "requests": requests(3)});
    let batch = create(&app, &key, body).await;
    app.upstream.arrived(1).await;
    let keys = app.client.get("/v1/keys?user_id=alice", MASTER_KEY);
    let keys = keys.await.expect(200);
    let id = keys[0]["id"].as_str().unwrap();
    let path = format!("/v1/keys/{id}");
    app.client.delete(&path, MASTER_KEY).await;
    app.upstream.go_on();
    let batch = ended(&app, &other, &batch).await;
    assert_eq!(
        codes(&app, &other, &batch).await,
        ["ok", "invalid_api_key", "invalid_api_key"]
    );
    let rows = app.usage().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["api_key_id"], id);
    assert_eq!(rows[0]["endpoint"], "/v1/chat/completions");
    assert_eq!(
        rows[0]["request_id"].as_str().unwrap(),
        format!("{}-0", batch["id"].as_str().unwrap())
    );
}

#[tokio::test]
async fn lines_pass_the_gates_that_calls_pass() {
    let app = TestApp::builder()
        .set(
            "guardrails",
            json!([{"profile": "no-secrets", "mode": "block"}]),
        )
        .set(
            "guardrail_profiles",
            json!({"no-secrets": {"provider": "regex", "deny": ["hunter2"]}}),
        )
        // Of callers that wait.
        .set("rate_limit_rpm", json!(3))
        .start()
        .await;
    let key = app
        .key("alice", json!({"allowed_models": ["mock:scripted"]}))
        .await;
    let mut requests = requests(10);
    requests[4]["body"]["messages"][0]["content"] = json!("my password is hunter2");
    let body = json!({"model": MODEL, "requests": requests});
    let batch = create(&app, &key, body).await;
    let batch = ended(&app, &key, &batch).await;
    let codes = codes(&app, &key, &batch).await;
    let refused = codes.iter().position(|code| code == "guardrail_violation");
    assert_eq!(refused, Some(4), "{codes:?}");
    assert_eq!(batch["request_counts"]["completed"], 9);
    // The model is checked when the batch is made, and the rate is of batches then.
    let other = json!({"model": "mock:other", "requests": [requests[0]]});
    app.client
        .post("/v1/batches", &key, &other)
        .await
        .expect(403);
    app.client
        .post("/v1/batches", &key, &other)
        .await
        .expect(403);
    app.client
        .post("/v1/batches", &key, &other)
        .await
        .expect(429);
}

#[tokio::test]
async fn who_has_nothing_left_makes_no_batch() {
    let app = TestApp::start().await;
    let body = json!({"model": MODEL, "requests": requests(1)});
    let poor = app.budgeted_key("poor", json!({"max_budget": 0})).await;
    let refused = app
        .client
        .post("/v1/batches", &poor, &body)
        .await
        .expect(403);
    assert_eq!(refused["error"]["code"], "insufficient_quota");
    let blocked = app.key("blocked", json!({})).await;
    let block = json!({"blocked": true});
    app.client
        .patch("/v1/users/blocked", MASTER_KEY, &block)
        .await
        .expect(200);
    app.client
        .post("/v1/batches", &blocked, &body)
        .await
        .expect(403);
    app.client
        .post("/v1/batches", MASTER_KEY, &body)
        .await
        .expect(400);
    app.client
        .post("/v1/batches", "gw-wrong", &body)
        .await
        .expect(401);
    assert!(app.usage().await.is_empty());
}

#[tokio::test]
async fn the_operator_makes_and_sees_batches_of_anyone() {
    let app = TestApp::start().await;
    let alice = app.key("alice", json!({})).await;
    let bob = app.key("bob", json!({})).await;
    let body = json!({"model": MODEL, "requests": requests(1), "user": "alice"});
    let first = create(&app, MASTER_KEY, body).await;
    let second = create(&app, &bob, json!({"model": MODEL, "requests": requests(1)})).await;
    let first = ended(&app, &alice, &first).await;
    let second = ended(&app, &bob, &second).await;
    assert_eq!(
        app.user("alice").await["spend"],
        app.user("bob").await["spend"]
    );
    let list = async |key: &str, query: &str| {
        let path = format!("/v1/batches{query}");
        app.client.get(&path, key).await.expect(200)
    };
    assert_eq!(list(MASTER_KEY, "").await["data"], json!([second, first]));
    assert_eq!(
        list(MASTER_KEY, "?user=alice").await["data"],
        json!([first])
    );
    assert_eq!(list(&alice, "?user=bob").await["data"], json!([first]));
    let page = list(MASTER_KEY, "?limit=1").await;
    assert_eq!(
        (&page["has_more"], &page["last_id"]),
        (&json!(true), &second["id"])
    );
    let rest = format!("?limit=1&after={}", second["id"].as_str().unwrap());
    let rest = list(MASTER_KEY, &rest).await;
    assert_eq!(
        (&rest["has_more"], &rest["data"]),
        (&json!(false), &json!([first]))
    );
    assert_eq!(list(MASTER_KEY, "?provider=other").await["data"], json!([]));
    app.client
        .get("/v1/batches?limit=0", &alice)
        .await
        .expect(422);
    app.client
        .get("/v1/batches?after=batch_0", &alice)
        .await
        .expect(404);
}

#[tokio::test]
async fn without_files_the_answers_are_with_the_batch() {
    let app = TestApp::builder()
        .set("files_enabled", json!(false))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let batch = create(&app, &key, json!({"model": MODEL, "requests": requests(2)})).await;
    let batch = ended(&app, &key, &batch).await;
    assert_eq!(
        (&batch["status"], &batch["output_file_id"]),
        (&json!("completed"), &json!(null))
    );
    assert_eq!(codes(&app, &key, &batch).await, ["ok", "ok"]);
    let of_file = json!({"input_file_id": "file-1", "endpoint": "/v1/chat/completions"});
    app.client
        .post("/v1/batches", &key, &of_file)
        .await
        .expect(404);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let app = builder().start().await;
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(held());
    let body = json!({"model": MODEL, "requests": requests(4)});
    let batch = create(&app, &key, body).await;
    app.upstream.arrived(1).await;
    // The call that is under way is finished first.
    app.upstream.go_on();
    let app = builder().restart(app).await;
    let batch = ended(&app, &key, &batch).await;
    assert_eq!(batch["status"], "completed");
    assert_eq!(app.upstream.captured().len(), 4);
    assert_eq!(app.usage().await.len(), 4);
}

#[tokio::test]
async fn switched_off_there_are_no_batches() {
    let app = TestApp::builder()
        .set("batches_enabled", json!(false))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    app.client.get("/v1/batches", &key).await.expect(404);
    let body = json!({"model": MODEL, "requests": requests(1)});
    app.client
        .post("/v1/batches", &key, &body)
        .await
        .expect(404);
}
