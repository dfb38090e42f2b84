//! Gemini's batches: the lines and their answers in files, an operation between them.

use otari_testkit::{MASTER_KEY, Script, TestApp, Upstream};
use serde_json::{Value, json};

use super::super::{codes, create, ended, requests};
use super::{lines, start};
use crate::data::files::upload;

fn answer(text: &str) -> Value {
    json!({
        "candidates": [{
            "content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0,
        }],
        "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 3, "totalTokenCount": 5},
    })
}

fn operation(state: &str) -> Value {
    json!({"name": "batches/up", "metadata": about(state)})
}

/// One that has ended, with its `response` or `error`.
fn over(state: &str, kind: &str, result: &Value) -> Value {
    json!({"name": "batches/up", "metadata": about(state), "done": true, kind: result})
}

fn about(state: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "state": state, "name": "batches/up", "displayName": "a",
    })
}

/// Up to the batch's being made.
fn takes_files(upstream: &Upstream) {
    let file =
        json!({"file": {"name": "files/in", "mimeType": "application/jsonl", "state": "ACTIVE"}});
    upstream.enqueue(Script::json(200, &file));
    upstream.enqueue(Script::json(200, &operation("BATCH_STATE_PENDING")));
}

fn answered(upstream: &Upstream, state: &str, answers: &[Value]) {
    let done = over(state, "response", &json!({"responsesFile": "files/out"}));
    upstream.enqueue(Script::json(200, &done));
    upstream.enqueue(lines(answers));
}

/// What an upload's file holds.
fn uploaded(body: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(body).into_owned();
    let objects = text.lines().filter(|line| line.starts_with('{'));
    objects
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn asked_for(app: &TestApp, key: &str, count: usize) -> Value {
    let body = json!({"model": "gemini:m", "requests": requests(count)});
    let path = "/v1/batches?provider=gemini";
    app.client.post(path, key, &body).await.expect(200)
}

#[tokio::test]
async fn lines_go_by_file_and_answers_come_by_key() {
    let (app, upstream, key) = start("gemini", true).await;
    takes_files(&upstream);
    // In no certain order, with errors in between, and not all of them.
    answered(
        &upstream,
        "BATCH_STATE_SUCCEEDED",
        &[
            json!({"key": "line-2", "response": answer("two")}),
            json!({"key": "line-4", "error": {"code": 1, "message": "cancelled"}}),
            json!({"key": "line-3", "error": {"code": 3, "message": "The picture cannot be read"}}),
            json!({"response": answer("whose?")}),
            json!({"key": "line-0", "response": answer("zero"), "error": null}),
            json!({"key": "line-6", "error": {"code": 8, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}),
        ],
    );
    let mut requests = requests(7);
    requests[1]["body"]["messages"][0]["content"] = json!("the password is hunter2");
    requests[2]["body"]["max_tokens"] = json!(9);
    let body = json!({"model": "gemini:m", "requests": requests});
    let batch = create(&app, &key, body).await;
    assert_eq!(batch["native"], true);
    let batch = ended(&app, &key, &batch).await;
    let told = codes(&app, &key, &batch).await;
    assert_eq!(
        (told[0].as_str(), told[1].as_str(), told[2].as_str()),
        ("ok", "guardrail_violation", "ok")
    );
    assert_eq!(
        (told[4].as_str(), told[5].as_str()),
        ("batch_expired", "batch_expired")
    );
    let id = batch["id"].as_str().unwrap();
    let path = format!("/v1/batches/{id}/results");
    let results = app.client.get(&path, &key).await.expect(200);
    let content =
        |at: usize| results["results"][at]["result"]["choices"][0]["message"]["content"].clone();
    assert_eq!((content(0), content(2)), (json!("zero"), json!("two")));
    let refused = results["results"][3]["error"]["message"].as_str().unwrap();
    assert!(refused.contains("The picture cannot be read"), "{refused}");
    assert_eq!(told[6], "rate_limit_exceeded");

    let sent = upstream.captured();
    let paths: Vec<_> = sent
        .iter()
        .map(|sent| format!("{} {}", sent.method, sent.path))
        .collect();
    assert_eq!(
        paths,
        [
            "POST /upload/v1beta/files",
            "POST /v1beta/models/m:batchGenerateContent",
            "GET /v1beta/batches/up",
            "GET /download/v1beta/files/out:download?alt=media",
        ]
    );
    assert_eq!(sent[0].headers["x-goog-upload-protocol"], "multipart");
    assert!(sent[0].headers["content-type"].starts_with("multipart/related; boundary="));
    assert!(
        sent.iter()
            .all(|sent| sent.headers["x-goog-api-key"] == "k")
    );
    let handed = uploaded(&sent[0].body);
    assert_eq!(handed[0]["file"]["displayName"], id);
    let keys: Vec<_> = handed[1..]
        .iter()
        .map(|line| line["key"].as_str().unwrap())
        .collect();
    assert_eq!(
        keys,
        ["line-0", "line-2", "line-3", "line-4", "line-5", "line-6"]
    );
    let request = &handed[2]["request"];
    assert_eq!(request["contents"][0]["parts"][0]["text"], "hi");
    assert_eq!(request["generationConfig"]["maxOutputTokens"], 9);
    assert_eq!(
        sent[1].json(),
        json!({"batch": {"displayName": id, "inputConfig": {"fileName": "files/in"}}})
    );

    let rows = app.usage().await;
    let paid = rows.iter().filter(|row| row["status"] == "success");
    assert_eq!(paid.clone().count(), 2);
    assert!(
        paid.clone()
            .all(|row| row["cost"] == 5.0 && row["total_tokens"] == 5)
    );
    assert_eq!(app.user("alice").await["spend"], 10.0);
}

#[tokio::test]
async fn an_end_without_answers_is_the_end_of_all_lines() {
    let cancelled = json!({"code": 1, "message": "The operation was cancelled."});
    let broken = json!({"code": 13, "message": "The file cannot be read"});
    // The guide's names of states and the reference's, and none.
    for (state, error, code) in [
        ("JOB_STATE_CANCELLED", &cancelled, "batch_expired"),
        ("BATCH_STATE_EXPIRED", &Value::Null, "batch_expired"),
        ("", &cancelled, "batch_expired"),
        ("BATCH_STATE_FAILED", &broken, "provider_failed"),
        ("", &broken, "provider_failed"),
    ] {
        let (app, upstream, key) = start("gemini", false).await;
        takes_files(&upstream);
        upstream.enqueue(Script::json(200, &over(state, "error", error)));
        let batch = asked_for(&app, &key, 2).await;
        let batch = ended(&app, &key, &batch).await;
        assert_eq!(codes(&app, &key, &batch).await, [code, code], "{state}");
        assert_eq!(app.user("alice").await["spend"], 0.0);
        if code == "provider_failed" {
            let path = format!("/v1/batches/{}/results", batch["id"].as_str().unwrap());
            let results = app.client.get(&path, &key).await.expect(200);
            let told = &results["results"][0]["error"]["message"];
            assert_eq!(told, "The file cannot be read");
        }
    }
}

#[tokio::test]
async fn a_batch_of_messages_is_answered_in_their_shape() {
    let (app, upstream, key) = start("gemini", true).await;
    takes_files(&upstream);
    answered(
        &upstream,
        "JOB_STATE_SUCCEEDED",
        &[json!({"key": "line-0", "response": answer("hello")})],
    );
    let message = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let body = json!({
        "model": "gemini:m", "endpoint": "/v1/messages", "requests": [{"custom_id": "a", "body": message}],
    });
    let batch = create(&app, &key, body).await;
    assert_eq!(batch["native"], true);
    let batch = ended(&app, &key, &batch).await;
    let path = format!("/v1/batches/{}/results", batch["id"].as_str().unwrap());
    let results = app.client.get(&path, &key).await.expect(200);
    assert_eq!(
        results["results"][0]["result"]["content"][0]["text"],
        "hello"
    );
    assert_eq!(app.user("alice").await["spend"], 5.0);
}

/// A file with a line for each model.
async fn file(app: &TestApp, key: &str, models: &[&str]) -> String {
    let line = |(at, model): (usize, &&str)| {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
        json!({"custom_id": format!("c{at}"), "method": "POST", "url": "/v1/chat/completions", "body": body})
            .to_string()
    };
    let text: Vec<String> = models.iter().enumerate().map(line).collect();
    upload(app, key, "lines.jsonl", text.join("\n").as_bytes()).await
}

#[tokio::test]
async fn a_batch_is_for_one_model() {
    let (app, upstream, key) = start("gemini", true).await;
    let price = json!({"model_key": "gemini:other", "input_price_per_million": 1, "output_price_per_million": 1});
    app.client
        .post("/v1/pricing", MASTER_KEY, &price)
        .await
        .expect(200);
    let input = file(&app, &key, &["gemini:m", "gemini:other", "gemini:m"]).await;
    let ask = json!({"input_file_id": input, "endpoint": "/v1/chat/completions", "completion_window": "24h"});

    // Where nobody insists, the gateway runs it.
    upstream.always(Script::json(200, &answer("here")));
    let here = create(&app, &key, ask.clone()).await;
    let here = ended(&app, &key, &here).await;
    assert_eq!(
        (&here["native"], &here["status"]),
        (&json!(false), &json!("completed"))
    );
    assert_eq!(upstream.captured().len(), 3);

    takes_files(&upstream);
    answered(
        &upstream,
        "BATCH_STATE_SUCCEEDED",
        &[
            json!({"key": "line-0", "response": answer("there")}),
            json!({"key": "line-2", "response": answer("there")}),
        ],
    );
    let path = "/v1/batches?provider=gemini";
    let there = app.client.post(path, &key, &ask).await.expect(200);
    let there = ended(&app, &key, &there).await;
    let path = format!("/v1/batches/{}/results", there["id"].as_str().unwrap());
    let results = app.client.get(&path, &key).await.expect(200);
    let told = results["results"][1]["error"]["message"].as_str().unwrap();
    assert!(told.contains("'other'") && told.contains("'m'"), "{told}");
    assert_eq!(
        there["request_counts"],
        json!({"total": 3, "completed": 2, "failed": 1})
    );
    let handed = uploaded(&upstream.captured()[3].body);
    assert_eq!(handed.len(), 3);
}
