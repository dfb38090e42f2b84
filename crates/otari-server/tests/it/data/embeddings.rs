//! `POST /v1/embeddings`

use http::Method;
use otari_testkit::{Script, TestApp};
use serde_json::{Value, json};

async fn start() -> (TestApp, TestApp, String) {
    let upstream = TestApp::start().await;
    let base = upstream.upstream.base();
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
                "gemini": {"api_key": "k", "api_base": base},
                "claude": {"provider_type": "anthropic-compatible", "api_key": "k", "api_base": base},
            }),
        )
        .set("aliases", json!({"vectors": "mock:small"}))
        .set("routing", json!({"policies": {"two": {"select": [{"default": "mock:small"}], "on_failure": ["mock:large"]}}}))
        .set("require_pricing", json!(false))
        .set("pricing", json!({"mock:small": {"input_price_per_million": 10.0, "output_price_per_million": 0.0}}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn vectors() -> Value {
    json!({
        "object": "list", "model": "small", "usage": {"prompt_tokens": 4, "total_tokens": 4},
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}, {"object": "embedding", "index": 1, "embedding": [0.0, 2.0]}],
    })
}

#[tokio::test]
async fn vectors_come_in_openais_shape_and_are_billed() {
    let (app, upstream, key) = start().await;
    upstream.upstream.always(Script::json(200, &vectors()));
    let body = json!({"model": "vectors", "input": ["a", "b"], "dimensions": 2, "user": "alice"});
    let answer = app
        .client
        .post("/v1/embeddings", &key, &body)
        .await
        .expect(200);
    assert_eq!(answer["model"], "vectors");
    assert_eq!(
        answer["data"][1],
        json!({"object": "embedding", "index": 1, "embedding": [0, 2]})
    );
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 4, "total_tokens": 4})
    );
    let sent = upstream.upstream.last().json();
    assert_eq!(
        (&sent["model"], &sent["dimensions"], &sent["user"]),
        (&json!("small"), &json!(2), &json!(null))
    );
    let row = &app.usage().await[0];
    assert_eq!(
        (&row["cost"], &row["prompt_tokens"], &row["endpoint"]),
        (&json!(0.000_04), &json!(4), &json!("/v1/embeddings"))
    );

    let body = json!({"model": "vectors", "input": ["a", "b"], "encoding_format": "base64"});
    let answer = app
        .client
        .post("/v1/embeddings", &key, &body)
        .await
        .expect(200);
    assert_eq!(answer["data"][0]["embedding"], "AAAAPwAAgL8=");
}

#[tokio::test]
async fn another_format_is_translated() {
    let (app, upstream, key) = start().await;
    let answered = json!({"embeddings": [{"values": [0.5]}, {"values": [0.25]}]});
    upstream.upstream.enqueue(Script::json(200, &answered));
    let body = json!({"model": "gemini:text-embedding", "input": ["a", "b"]});
    let answer = app
        .client
        .post("/v1/embeddings", &key, &body)
        .await
        .expect(200);
    assert_eq!(answer["data"][1]["embedding"], json!([0.25]));
    assert!(
        upstream
            .upstream
            .last()
            .path
            .ends_with("models/text-embedding:batchEmbedContents"),
        "{}",
        upstream.upstream.last().path
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let (app, upstream, key) = start().await;
    for (body, status, says) in [
        (
            json!({"model": "claude:opus", "input": "a"}),
            400,
            "no embeddings",
        ),
        (
            json!({"model": "two", "input": "a"}),
            400,
            "cannot be compared",
        ),
        (json!({"model": "mock:small"}), 422, "input"),
        (json!({"input": "a"}), 422, "model"),
        (
            json!({"model": "gemini:m", "input": [[1, 2]]}),
            400,
            "input",
        ),
    ] {
        let answer = app.client.post("/v1/embeddings", &key, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(says), "{body}: {}", answer.text());
    }
    // One vector for two texts is no answer, and nobody pays for it.
    let mut short = vectors();
    short["data"].as_array_mut().unwrap().pop();
    upstream.upstream.enqueue(Script::json(200, &short));
    let body = json!({"model": "mock:small", "input": ["a", "b"]});
    assert_eq!(
        app.client.post("/v1/embeddings", &key, &body).await.status,
        502
    );
    assert_eq!(app.user("alice").await["spend"], 0.0);
}

#[tokio::test]
async fn a_trace_goes_on_to_the_provider() {
    let (app, upstream, key) = start().await;
    upstream.upstream.always(Script::json(200, &vectors()));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = json!({"model": "vectors", "input": ["a", "b"]}).to_string();
    let headers = [("traceparent", trace)];
    let sent = app.client.send(
        Method::POST,
        "/v1/embeddings",
        Some(&key),
        &headers,
        body.into(),
    );
    assert_eq!(sent.await.status, 200);
    assert_eq!(upstream.upstream.last().headers["traceparent"], trace);
}
