//! Vertex AI's batches: lines and answers in a Cloud Storage bucket, a job between them.

use otari_testkit::{Script, TestApp, Upstream};
use serde_json::{Value, json};

use super::super::{codes, create, ended, requests};
use super::lines;

const JOB: &str = "projects/1/locations/us-central1/batchPredictionJobs/77";

async fn start() -> (TestApp, Upstream, String) {
    start_as("vertexai", "m").await
}

async fn start_as(provider: &str, model: &str) -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let base = upstream.base();
    let price =
        json!({"input_price_per_million": 1_000_000, "output_price_per_million": 1_000_000});
    let entry = json!({
        "api_key": "ya29.token", "api_base": base, "project": "p", "location": "us-central1",
        "batch_bucket": "gs://bucket/some/path/", "batch_bucket_endpoint": base.trim_end_matches("/v1"),
    });
    let app = TestApp::builder()
        .set("providers", json!({provider: entry}))
        .set("pricing", json!({format!("{provider}:{model}"): price}))
        .set("batch_native", json!([provider]))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn job(state: &str) -> Value {
    json!({
        "name": JOB, "state": format!("JOB_STATE_{state}"), "displayName": "a",
        "outputInfo": {"gcsOutputDirectory": "gs://bucket/some/path/x/answers/prediction-m-2026"},
        "error": {"code": 3, "message": "The file cannot be read"},
    })
}

fn made(upstream: &Upstream) {
    upstream.enqueue(Script::json(
        200,
        &json!({"name": "some/path/x/lines.jsonl"}),
    ));
    upstream.enqueue(Script::json(200, &job("PENDING")));
}

/// As Vertex AI writes it: with the request that it is for.
fn answer(line: &str, response: &Value, status: &str) -> Value {
    let labels = json!({"otari_line_thousands": "0", "otari_line_ones": line});
    let request =
        json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "labels": labels});
    json!({"status": status, "processed_time": "2026-11-01T18:13:16.826+00:00", "request": request, "response": response})
}

fn said(text: &str) -> Value {
    json!({
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 3, "totalTokenCount": 5},
    })
}

#[tokio::test]
async fn lines_are_told_again_by_their_labels() {
    let (app, upstream, key) = start().await;
    made(&upstream);
    upstream.enqueue(Script::json(200, &job("PARTIALLY_SUCCEEDED")));
    let names = [
        "predictions.jsonl",
        "incremental_predictions.jsonl",
        "notes.txt",
    ];
    let names =
        names.map(|name| json!({"name": format!("some/path/x/answers/prediction-m-2026/{name}")}));
    upstream.enqueue(Script::json(200, &json!({"items": names})));
    let refused =
        "Bad Request: {\"error\": {\"code\": 400, \"message\": \"The picture cannot be read\"}}";
    upstream.enqueue(lines(&[
        answer("2", &said("two"), ""),
        answer("1", &json!({}), refused),
        json!({"status": "", "request": {"contents": []}, "response": said("whose?")}),
        answer("0", &said("zero"), ""),
    ]));
    // What comes meanwhile is in a second file, and in the first once it is there.
    upstream.enqueue(lines(&[
        answer("0", &json!(null), "busy"),
        answer("2", &said("two"), ""),
    ]));
    let body = json!({"model": "vertexai:m", "requests": requests(4)});
    let batch = create(&app, &key, body).await;
    assert_eq!(batch["native"], true);
    let batch = ended(&app, &key, &batch).await;
    let told = codes(&app, &key, &batch).await;
    assert_eq!(
        (told[0].as_str(), told[2].as_str(), told[3].as_str()),
        ("ok", "ok", "batch_expired")
    );
    let id = batch["id"].as_str().unwrap();
    let path = format!("/v1/batches/{id}/results");
    let results = app.client.get(&path, &key).await.expect(200);
    let content =
        |at: usize| results["results"][at]["result"]["choices"][0]["message"]["content"].clone();
    assert_eq!((content(0), content(2)), (json!("zero"), json!("two")));
    let refused = results["results"][1]["error"]["message"].as_str().unwrap();
    assert!(refused.contains("The picture cannot be read"), "{refused}");

    let sent = upstream.captured();
    let paths: Vec<_> = sent
        .iter()
        .map(|sent| format!("{} {}", sent.method, sent.path))
        .collect();
    let jobs = "/v1/projects/p/locations/us-central1/batchPredictionJobs";
    let folder = "some%2Fpath%2Fx%2Fanswers%2Fprediction-m-2026%2F";
    assert_eq!(
        paths,
        [
            format!(
                "POST /upload/storage/v1/b/bucket/o?uploadType=media&name=some%2Fpath%2F{id}%2Flines.jsonl"
            ),
            format!("POST {jobs}"),
            format!("GET {jobs}/77"),
            format!("GET /storage/v1/b/bucket/o?maxResults=1000&prefix={folder}"),
            format!("GET /storage/v1/b/bucket/o/{folder}predictions.jsonl?alt=media"),
            format!("GET /storage/v1/b/bucket/o/{folder}incremental_predictions.jsonl?alt=media"),
        ]
    );
    assert!(
        sent.iter()
            .all(|sent| sent.headers["authorization"] == "Bearer ya29.token")
    );
    let handed: Vec<Value> = String::from_utf8_lossy(&sent[0].body)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(handed.len(), 4);
    let labels = json!({"otari_line_thousands": "0", "otari_line_ones": "3"});
    assert_eq!(handed[3]["request"]["labels"], labels);
    assert_eq!(
        handed[3]["request"]["contents"][0]["parts"][0]["text"],
        "hi"
    );
    assert_eq!(
        sent[1].json(),
        json!({
            "displayName": id, "labels": {"otari_batch_id": id}, "model": "publishers/google/models/m",
            "inputConfig": {
                "instancesFormat": "jsonl",
                "gcsSource": {"uris": [format!("gs://bucket/some/path/{id}/lines.jsonl")]},
            },
            "outputConfig": {
                "predictionsFormat": "jsonl",
                "gcsDestination": {"outputUriPrefix": format!("gs://bucket/some/path/{id}/answers")},
            },
        })
    );
    let rows = app.usage().await;
    let paid = rows.iter().filter(|row| row["cost"] == 5.0);
    assert_eq!(paid.count(), 2);
    assert_eq!(app.user("alice").await["spend"], 10.0);
}

#[tokio::test]
async fn claudes_answers_have_the_names_of_their_lines() {
    let (app, upstream, key) = start_as("vertexaianthropic", "claude-x@2026").await;
    made(&upstream);
    upstream.enqueue(Script::json(200, &job("SUCCEEDED")));
    let name = "some/path/x/answers/prediction-claude-2026/predictions.jsonl";
    upstream.enqueue(Script::json(200, &json!({"items": [{"name": name}]})));
    let message = json!({
        "id": "msg", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "hello"}], "usage": {"input_tokens": 4, "output_tokens": 1},
    });
    let refused = "{\"error\": {\"code\": 400, \"message\": \"too long\"}}";
    upstream.enqueue(lines(&[
        json!({"custom_id": "line-1", "request": {"messages": []}, "response": message, "status": ""}),
        json!({"custom_id": "line-0", "request": {"messages": []}, "response": null, "status": refused}),
    ]));
    let mut requests = requests(2);
    requests[0]["body"]["max_tokens"] = json!(8);
    requests[1]["body"]["max_tokens"] = json!(9);
    let body = json!({
        "model": "vertexaianthropic:claude-x@2026", "endpoint": "/v1/messages", "requests": requests,
    });
    let batch = create(&app, &key, body).await;
    assert_eq!(batch["native"], true);
    let batch = ended(&app, &key, &batch).await;
    let path = format!("/v1/batches/{}/results", batch["id"].as_str().unwrap());
    let results = app.client.get(&path, &key).await.expect(200);
    assert_eq!(
        results["results"][1]["result"]["content"][0]["text"],
        "hello"
    );
    let refused = results["results"][0]["error"].to_string();
    assert!(refused.contains("too long"), "{refused}");
    let sent = upstream.captured();
    let handed: Vec<Value> = String::from_utf8_lossy(&sent[0].body)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(handed[1]["custom_id"], "line-1");
    let request = &handed[1]["request"];
    assert_eq!(
        (&request["anthropic_version"], &request["max_tokens"]),
        (&json!("vertex-2023-10-16"), &json!(9))
    );
    assert_eq!(request["labels"], json!(null));
    assert_eq!(
        sent[1].json()["model"],
        "publishers/anthropic/models/claude-x@2026"
    );
    assert_eq!(app.user("alice").await["spend"], 5.0);
}

#[tokio::test]
async fn a_bucket_that_refuses_is_told_with_what_to_do() {
    let (app, upstream, key) = start().await;
    let told =
        json!({"error": {"code": 403, "message": "x does not have storage.objects.create access"}});
    upstream.enqueue(Script::json(403, &told));
    let body = json!({"model": "vertexai:m", "requests": requests(1)});
    let batch = create(&app, &key, body).await;
    let batch = ended(&app, &key, &batch).await;
    assert_eq!(codes(&app, &key, &batch).await, ["provider_refused"]);
    let path = format!("/v1/batches/{}/results", batch["id"].as_str().unwrap());
    let results = app.client.get(&path, &key).await.expect(200);
    let told = results["results"][0]["error"]["message"].as_str().unwrap();
    assert!(
        told.contains("cannot write to the bucket") && told.contains("put, get and list"),
        "{told}"
    );
    assert_eq!(upstream.captured().len(), 1);
}

#[tokio::test]
async fn an_end_without_answers_is_the_end_of_all_lines() {
    for (state, code) in [
        ("FAILED", "provider_failed"),
        ("EXPIRED", "batch_expired"),
        ("CANCELLED", "batch_expired"),
    ] {
        let (app, upstream, key) = start().await;
        made(&upstream);
        let mut job = job(state);
        job["outputInfo"] = json!(null);
        upstream.enqueue(Script::json(200, &job));
        let body = json!({"model": "vertexai:m", "requests": requests(2)});
        let batch = create(&app, &key, body).await;
        let batch = ended(&app, &key, &batch).await;
        assert_eq!(codes(&app, &key, &batch).await, [code, code], "{state}");
        assert_eq!(app.user("alice").await["spend"], 0.0);
    }
}
