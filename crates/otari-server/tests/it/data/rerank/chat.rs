//! Rerank by a model of a provider that has no endpoint for it.

use otari_testkit::{Script, TestApp};
use serde_json::{Value, json};

use super::{asked, start};

fn scores(scores: &[f64]) -> String {
    let scores = scores.iter().enumerate();
    let scores: Vec<Value> = scores
        .map(|(index, score)| json!({"index": index, "score": score}))
        .collect();
    json!({"scores": scores}).to_string()
}

#[tokio::test]
async fn any_chat_model_ranks_and_is_billed_by_its_tokens() {
    let (app, upstream, key) = start().await;
    upstream.enqueue(Script::chat(&format!(
        "Sure:\n```json\n{}\n```",
        scores(&[0.25, 0.0, 0.9])
    )));
    let mut body = asked("lab:m");
    body["return_documents"] = json!(true);
    body["documents"][2] = json!({"text": "c", "title": "C"});
    body["temperature"] = json!(0);
    let answer = app.client.post("/v1/rerank", &key, &body).await.expect(200);
    assert_eq!(
        answer["results"],
        json!([
            {"index": 2, "relevance_score": 0.9, "document": {"text": "c", "title": "C"}},
            {"index": 0, "relevance_score": 0.25, "document": {"text": "a"}},
        ])
    );
    assert_eq!(answer["usage"], json!({"total_tokens": 40}));
    assert_eq!(answer["model"], "m");
    let sent = upstream.last();
    assert!(sent.path.ends_with("/chat/completions"), "{}", sent.path);
    let sent = sent.json();
    assert_eq!(
        (&sent["model"], &sent["temperature"]),
        (&json!("m"), &json!(0.0))
    );
    let told = sent["messages"].to_string();
    assert!(told.contains("document 2\\nc\\n"), "{told}");
    let row = &app.usage().await[0];
    // 11 tokens in, 29 out.
    assert_eq!(
        (
            &row["cost"],
            &row["prompt_tokens"],
            &row["completion_tokens"],
            &row["endpoint"]
        ),
        (
            &json!(0.00301),
            &json!(11),
            &json!(29),
            &json!("/v1/rerank")
        )
    );
}

#[tokio::test]
async fn other_formats_of_chat_rank_too() {
    let (app, upstream, key) = start().await;
    let said = json!({
        "id": "m1", "type": "message", "role": "assistant", "model": "opus", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": scores(&[0.1, 0.8, 0.3])}], "usage": {"input_tokens": 100, "output_tokens": 20},
    });
    upstream.enqueue(Script::json(200, &said));
    let answer = app
        .client
        .post("/v1/rerank", &key, &asked("claude:opus"))
        .await;
    let answer = answer.expect(200);
    assert_eq!(
        answer["results"][0],
        json!({"index": 1, "relevance_score": 0.8})
    );
    assert_eq!(answer["usage"]["total_tokens"], 120);
    assert!(upstream.last().path.ends_with("/v1/messages"));
    assert_eq!(app.usage().await[0]["cost"], 0.003);
    // Where all rankers are called so, another model is a chat model.
    let said = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": scores(&[0.1, 0.8, 0.3])}]}},
        "stopReason": "end_turn", "usage": {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120},
    });
    upstream.enqueue(Script::json(200, &said));
    let answer = app
        .client
        .post("/v1/rerank", &key, &asked("bedrock:amazon.nova-pro-v1:0"))
        .await;
    assert_eq!(answer.expect(200)["results"][0]["index"], 1);
    assert!(
        upstream.last().path.ends_with("/converse"),
        "{}",
        upstream.last().path
    );
    // Or the caller says so.
    let mut body = asked("mock:r");
    body["ranker"] = json!("chat");
    upstream.enqueue(Script::chat(&scores(&[0.1, 0.8, 0.3])));
    let answer = app.client.post("/v1/rerank", &key, &body).await;
    assert_eq!(answer.expect(200)["results"][0]["index"], 1);
    body["model"] = json!("voyage:rerank-2");
    let answer = app.client.post("/v1/rerank", &key, &body).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("no chat models"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn many_documents_are_asked_about_in_windows() {
    let (app, upstream, key) = start().await;
    upstream.always(Script::chat(&json!({"scores": vec![0.5; 20]}).to_string()));
    let body = json!({"model": "lab:m", "query": "q", "documents": vec!["d"; 60]});
    let answer = app.client.post("/v1/rerank", &key, &body).await.expect(200);
    assert_eq!(answer["results"].as_array().unwrap().len(), 60);
    assert_eq!(answer["results"][59]["index"], 59);
    assert_eq!(answer["usage"]["total_tokens"], 120);
    assert_eq!(upstream.captured().len(), 3);
    assert_eq!(app.usage().await.len(), 1);
    assert_eq!(app.user("alice").await["spend"], 0.00903);
}

async fn refused(app: &TestApp, key: &str, body: &Value, status: u16, says: &str) {
    let answer = app.client.post("/v1/rerank", key, body).await;
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(says), "{}", answer.text());
}

#[tokio::test]
async fn nonsense_is_no_ranking() {
    let (app, upstream, key) = start().await;
    let body = asked("lab:m");
    for said in [
        "The second one, I think.",
        &scores(&[0.1, 0.2]),
        &scores(&[90.0, 5.0, 7.0]),
    ] {
        upstream.enqueue(Script::chat(said));
        refused(&app, &key, &body, 502, "no_ranking").await;
    }
    for (status, told) in [(429, 429), (400, 400), (404, 404), (401, 502), (503, 502)] {
        upstream.enqueue(Script::json(status, &json!({"error": {"message": "no"}})));
        refused(&app, &key, &body, told, "error").await;
    }
    assert_eq!(app.user("alice").await["spend"], 0.0);
    let mut with = body.clone();
    with["tools"] = json!([]);
    refused(&app, &key, &with, 400, "tools").await;
    with = json!({"model": "lab:m", "query": "q", "documents": vec!["d"; 1001]});
    refused(&app, &key, &with, 422, "1000 documents").await;
}

#[tokio::test]
async fn what_the_scores_may_cost_is_held() {
    let (app, upstream, _) = start().await;
    // Two thousand tokens of output at a hundred dollars a million.
    let key = app.budgeted_key("bob", json!({"max_budget": 0.1})).await;
    refused(&app, &key, &asked("lab:m"), 403, "budget").await;
    assert!(upstream.captured().is_empty());
    let mut body = asked("lab:m");
    body["max_tokens"] = json!(300);
    upstream.enqueue(Script::chat(&scores(&[0.1, 0.8, 0.3])));
    app.client.post("/v1/rerank", &key, &body).await.expect(200);
}
