//! `POST /v1/responses`, verbatim and translated.

use otari_testkit::{Script, TestApp};
use serde_json::{Value, json};

async fn start() -> (TestApp, TestApp, String) {
    let upstream = TestApp::start().await;
    let base = upstream.upstream.base();
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "openai": {"api_key": "k", "api_base": base},
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
            }),
        )
        .set(
            "pricing",
            json!({
                "openai:gpt": {"input_price_per_million": 1.0, "output_price_per_million": 2.0},
                "mock:gpt": {"input_price_per_million": 1.0, "output_price_per_million": 2.0},
            }),
        )
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn response(status: &str) -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": status, "model": "gpt", "output": [
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "hello", "annotations": []}]},
        ],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    })
}

#[tokio::test]
async fn a_native_response_passes_unchanged() {
    let (app, upstream, key) = start().await;
    upstream
        .upstream
        .enqueue(Script::json(200, &response("completed")));
    let body = json!({"model": "openai:gpt", "input": "hi", "store": false, "client_metadata": {"a": 1}, "user": "alice"});
    let answer = app.client.post("/v1/responses", &key, &body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, response("completed"))
    );
    let sent = upstream.upstream.last();
    assert_eq!(sent.path, "/v1/responses");
    assert_eq!(
        sent.json(),
        json!({"model": "gpt", "input": "hi", "store": false, "client_metadata": {"a": 1}})
    );
    assert_eq!(app.usage().await[0]["cost"], json!(0.000_02));
}

#[tokio::test]
async fn a_native_stream_passes_byte_for_byte() {
    let (app, upstream, key) = start().await;
    let event = |name: &str, data: Value| format!("event: {name}\ndata: {data}\n\n");
    let stream = [
        event("response.created", json!({"type": "response.created", "response": {"id": "resp_1", "model": "gpt", "status": "in_progress", "output": []}})),
        event("response.output_item.added", json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "m", "content": []}})),
        event("response.output_text.delta", json!({"type": "response.output_text.delta", "output_index": 0, "delta": "hello"})),
        event("response.completed", json!({"type": "response.completed", "response": response("completed")})),
    ]
    .concat();
    upstream.upstream.enqueue(Script::stream([stream.as_str()]));
    let body = json!({"model": "openai:gpt", "input": [{"role": "user", "content": "hi"}], "stream": true});
    let answer = app.client.post("/v1/responses", &key, &body).await;
    assert_eq!(answer.text(), stream);
    assert_eq!(app.usage().await[0]["cost"], json!(0.000_02));
}

#[tokio::test]
async fn a_model_that_speaks_chat_answers_responses() {
    let (app, upstream, key) = start().await;
    let mut body = json!({"model": "mock:gpt", "instructions": "Be brief.", "input": "hi", "max_output_tokens": 20});
    upstream.upstream.enqueue(Script::chat("hello"));
    let answer = app.client.post("/v1/responses", &key, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(
        (&answer["object"], &answer["status"]),
        (&json!("response"), &json!("completed"))
    );
    assert_eq!(answer["output"][0]["content"][0]["text"], "hello");
    assert_eq!(upstream.upstream.last().path, "/v1/chat/completions");

    body["stream"] = json!(true);
    upstream
        .upstream
        .enqueue(Script::chat_stream(&["hel", "lo"]));
    let text = app.client.post("/v1/responses", &key, &body).await.text();
    assert!(text.starts_with("event: response.created\n"), "{text}");
    assert!(text.contains("event: response.completed\n"), "{text}");
    assert!(app.usage().await[0]["cost"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn bad_input_is_named() {
    let (app, _upstream, key) = start().await;
    for (body, loc) in [
        (json!({"model": "openai:gpt"}), "input"),
        (json!({"model": "openai:gpt", "input": 3}), "input"),
        (json!({"input": "hi"}), "model"),
        (
            json!({"model": "openai:gpt", "input": "hi", "stream": "yes"}),
            "stream",
        ),
    ] {
        let answer = app.client.post("/v1/responses", &key, &body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert_eq!(answer.json()["detail"][0]["loc"], json!(["body", loc]));
        assert_eq!(answer.json()["error"]["param"], loc);
    }
}

fn kept_ids(app: &Value) -> String {
    app["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_conversation_goes_on_from_a_kept_answer_on_a_model_that_keeps_none() {
    let (app, upstream, key) = start().await;
    upstream.upstream.enqueue(Script::chat("four"));
    let first = app
        .client
        .post(
            "/v1/responses",
            &key,
            &json!({"model": "mock:gpt", "input": "two plus two?"}),
        )
        .await
        .expect(200);
    assert_eq!(first["store"], true);
    let id = kept_ids(&first);

    let next = json!({"model": "mock:gpt", "input": "and one more?", "previous_response_id": id, "stream": true});
    upstream.upstream.enqueue(Script::chat_stream(&["five"]));
    let text = app.client.post("/v1/responses", &key, &next).await.text();
    let last = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("data: {"))
        .unwrap();
    let second: Value = serde_json::from_str(&format!("{{{last}")).unwrap();
    assert_eq!(second["response"]["previous_response_id"], json!(id));
    assert_eq!(
        upstream.upstream.last().json()["messages"],
        json!([
            {"role": "user", "content": "two plus two?"},
            {"role": "assistant", "content": "four"},
            {"role": "user", "content": "and one more?"},
        ])
    );

    // The third goes back two answers, of which one was streamed.
    let id = kept_ids(&second["response"]);
    let next = json!({"model": "mock:gpt", "input": "enough", "previous_response_id": id});
    upstream.upstream.enqueue(Script::chat("fine"));
    app.client
        .post("/v1/responses", &key, &next)
        .await
        .expect(200);
    assert_eq!(
        upstream.upstream.last().json()["messages"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test]
async fn a_provider_that_keeps_its_answers_goes_on_from_its_id_and_others_get_the_conversation() {
    let (app, upstream, key) = start().await;
    upstream
        .upstream
        .enqueue(Script::json(200, &response("completed")));
    let first = json!({"model": "openai:gpt", "input": "hi"});
    app.client
        .post("/v1/responses", &key, &first)
        .await
        .expect(200);
    let next = json!({"model": "openai:gpt", "input": "go on", "previous_response_id": "resp_1"});
    let mut answer = response("completed");
    answer["id"] = json!("resp_2");
    upstream.upstream.enqueue(Script::json(200, &answer));
    app.client
        .post("/v1/responses", &key, &next)
        .await
        .expect(200);
    assert_eq!(
        upstream.upstream.last().json(),
        json!({"model": "gpt", "input": "go on", "previous_response_id": "resp_1"})
    );

    let next = json!({"model": "mock:gpt", "input": "you too", "previous_response_id": "resp_2"});
    upstream.upstream.enqueue(Script::chat("fine"));
    app.client
        .post("/v1/responses", &key, &next)
        .await
        .expect(200);
    let said: Vec<Value> = upstream.upstream.last().json()["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["content"].clone())
        .collect();
    assert_eq!(
        said,
        [
            json!("hi"),
            json!("hello"),
            json!("go on"),
            json!("hello"),
            json!("you too")
        ]
    );
}

#[tokio::test]
async fn kept_answers_are_read_listed_and_deleted_by_their_caller_alone() {
    let (app, upstream, key) = start().await;
    let other = app.key("bob", json!({})).await;
    upstream
        .upstream
        .enqueue(Script::json(200, &response("completed")));
    let items = json!([{"role": "user", "content": "one"}, {"role": "user", "content": "two"}, {"role": "user", "content": "three"}]);
    let body = json!({"model": "openai:gpt", "input": items});
    app.client
        .post("/v1/responses", &key, &body)
        .await
        .expect(200);

    let client = &app.client;
    assert_eq!(
        client.get("/v1/responses/resp_1", &key).await.expect(200),
        response("completed")
    );
    let master = client
        .get("/v1/responses/resp_1?user=alice", otari_testkit::MASTER_KEY)
        .await;
    assert_eq!(master.expect(200), response("completed"));
    let page = client
        .get("/v1/responses/resp_1/input_items?limit=2&order=asc", &key)
        .await
        .expect(200);
    assert_eq!(
        (&page["object"], &page["has_more"]),
        (&json!("list"), &json!(true))
    );
    assert_eq!(page["data"][1]["content"], "two");
    let after = page["last_id"].as_str().unwrap();
    let path = format!("/v1/responses/resp_1/input_items?order=asc&after={after}");
    let rest = client.get(&path, &key).await.expect(200);
    assert_eq!(
        (&rest["data"][0]["content"], &rest["has_more"]),
        (&json!("three"), &json!(false))
    );
    assert_eq!(
        client
            .post("/v1/responses/resp_1/cancel", &key, &json!({}))
            .await
            .status,
        400
    );

    assert_eq!(client.get("/v1/responses/resp_1", &other).await.status, 404);
    let theft = json!({"model": "openai:gpt", "input": "what did alice say?", "previous_response_id": "resp_1"});
    let refused = client.post("/v1/responses", &other, &theft).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["error"]["code"],
        "previous_response_not_found"
    );
    assert_eq!(
        client.delete("/v1/responses/resp_1", &other).await.status,
        404
    );

    upstream.upstream.enqueue(Script::json(
        200,
        &json!({"id": "resp_1", "object": "response.deleted", "deleted": true}),
    ));
    let deleted = client
        .delete("/v1/responses/resp_1", &key)
        .await
        .expect(200);
    assert_eq!(
        deleted,
        json!({"id": "resp_1", "object": "response", "deleted": true})
    );
    let sent = upstream.upstream.last();
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str()),
        ("DELETE", "/v1/responses/resp_1")
    );
    assert_eq!(client.get("/v1/responses/resp_1", &key).await.status, 404);
}

#[tokio::test]
async fn nothing_is_kept_when_the_caller_or_the_operator_says_so() {
    let (app, upstream, key) = start().await;
    upstream.upstream.enqueue(Script::chat("fine"));
    let body = json!({"model": "mock:gpt", "input": "hi", "store": false});
    let answer = app
        .client
        .post("/v1/responses", &key, &body)
        .await
        .expect(200);
    assert_eq!(answer["store"], false);
    let path = format!("/v1/responses/{}", kept_ids(&answer));
    assert_eq!(app.client.get(&path, &key).await.status, 404);
    let background = json!({"model": "openai:gpt", "input": "hi", "background": true});
    assert_eq!(
        app.client
            .post("/v1/responses", &key, &background)
            .await
            .status,
        400
    );
}
