//! `/v1/usage/in-flight`

use otari_testkit::{MASTER_KEY, Script, Step, StreamingResponse, TestApp};
use serde_json::{Value, json};

async fn under_way(app: &TestApp) -> Value {
    app.client
        .get("/v1/usage/in-flight", MASTER_KEY)
        .await
        .expect(200)
}

/// The server may close its side a moment after the client has read everything.
async fn until_nothing_is(app: &TestApp) {
    while under_way(app).await.get("total") != Some(&json!(0)) {
        tokio::task::yield_now().await;
    }
}

async fn open(app: &TestApp, key: &str, model: &str) -> StreamingResponse {
    let body =
        json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let path = "/v1/chat/completions";
    let body = body.to_string().into();
    app.client
        .open(http::Method::POST, path, Some(key), &[], body)
        .await
}

fn paused() -> Script {
    let chunk = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
    let end = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    Script::stream([chunk])
        .then(Step::Pause)
        .then(Step::Send(end.into()))
}

#[tokio::test]
async fn a_stream_is_under_way_until_its_end() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(paused());
    let mut stream = open(&app, &key, "mock:scripted").await;
    stream.next().await.unwrap().unwrap();
    let seen = under_way(&app).await;
    assert_eq!(seen["total"], 1);
    let call = &seen["requests"][0];
    assert_eq!(
        (
            &call["endpoint"],
            &call["model"],
            &call["provider"],
            &call["user_id"],
            &call["policy_name"]
        ),
        (
            &json!("/v1/chat/completions"),
            &json!("scripted"),
            &json!("mock"),
            &json!("alice"),
            &Value::Null
        )
    );
    assert!(call["id"].is_string() && call["api_key_id"].is_string());
    assert!(call["started_at"].is_string() && call["elapsed_ms"].is_u64());
    app.upstream.go_on();
    while stream.next().await.is_some() {}
    until_nothing_is(&app).await;
}

#[tokio::test]
async fn the_oldest_come_first_and_a_client_that_leaves_goes() {
    let app = TestApp::builder()
        .set("require_pricing", json!(false))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let mut streams = Vec::new();
    for n in 0..52 {
        app.upstream.enqueue(paused());
        let mut stream = open(&app, &key, &format!("mock:m{n}")).await;
        stream.next().await.unwrap().unwrap();
        streams.push(stream);
    }
    let seen = under_way(&app).await;
    let models: Vec<_> = seen["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["model"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..50).map(|n| format!("m{n}")).collect();
    assert_eq!((models, &seen["total"]), (expected, &json!(52)));
    drop(streams);
    until_nothing_is(&app).await;
}

#[tokio::test]
async fn refused_failed_and_whole_answers_leave_nothing_behind() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let ask = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "x"}]});
    let path = "/v1/chat/completions";
    app.client
        .post(path, &key, &ask("mock:scripted"))
        .await
        .expect(200);
    app.upstream.enqueue(Script::json(500, &Value::Null));
    app.client
        .post(path, &key, &ask("mock:scripted"))
        .await
        .expect(502);
    let wrong = app
        .client
        .post(path, "sk-wrong", &ask("mock:scripted"))
        .await;
    wrong.expect(401);
    until_nothing_is(&app).await;
}

#[tokio::test]
async fn a_routed_call_shows_what_is_tried_now() {
    let policy = json!({"select": [{"default": "mock:first"}], "on_failure": ["mock:second"]});
    let app = TestApp::builder()
        .set("require_pricing", json!(false))
        .set("routing", json!({"policies": {"resilient": policy}}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(Script::json(500, &Value::Null));
    app.upstream.enqueue(paused());
    let mut stream = open(&app, &key, "resilient").await;
    stream.next().await.unwrap().unwrap();
    let call = &under_way(&app).await["requests"][0];
    assert_eq!(
        (&call["model"], &call["policy_name"]),
        (&json!("second"), &json!("resilient"))
    );
}
