//! OpenAI's batches by other names: Together's, Azure's.

use otari_testkit::{Script, Step, Upstream};
use serde_json::{Value, json};

use super::super::{codes, create, ended, requests};
use super::{builder, chat, lines};

#[tokio::test]
async fn together_names_files_and_states_otherwise() {
    let upstream = Upstream::start().await;
    let builder = builder("together", &upstream).set("batch_native", json!(["together"]));
    let app = builder.start().await;
    let key = app.key("alice", json!({})).await;
    upstream.enqueue(Script::json(200, &json!({"id": "file-up"})));
    let made = json!({"job": {"id": "b-1", "status": "VALIDATING"}, "warning": ""}).to_string();
    upstream.enqueue(Script::steps(
        200,
        "application/json",
        vec![Step::Pause, Step::Send(made.into())],
    ));
    let body = json!({"model": "together:m", "requests": requests(2)});
    let batch = create(&app, &key, body).await;
    upstream.arrived(2).await;
    let name = |line: usize| format!("{}-{line}", batch["id"].as_str().unwrap());
    let done = json!({"id": "b-1", "status": "COMPLETED", "output_file_id": "file-out", "error_file_id": "file-err"});
    upstream.enqueue(Script::json(200, &done));
    upstream.enqueue(lines(&[
        json!({"custom_id": name(1), "response": {"status_code": 200, "body": chat("one")}}),
    ]));
    upstream.enqueue(lines(&[
        json!({"custom_id": name(0), "error": {"message": "too long", "code": "context_length_exceeded"}}),
    ]));
    upstream.go_on();
    let batch = ended(&app, &key, &batch).await;
    assert_eq!(
        codes(&app, &key, &batch).await,
        ["context_length_exceeded", "ok"]
    );
    let sent = upstream.captured();
    let paths: Vec<_> = sent
        .iter()
        .map(|sent| format!("{} {}", sent.method, sent.path))
        .collect();
    assert_eq!(
        paths,
        [
            "POST /v1/files/upload",
            "POST /v1/batches",
            "GET /v1/batches/b-1",
            "GET /v1/files/file-out/content",
            "GET /v1/files/file-err/content",
        ]
    );
    let upload = String::from_utf8_lossy(&sent[0].body).into_owned();
    assert!(upload.contains("\r\n\r\nbatch-api\r\n"), "{upload}");
    assert!(
        upload.contains("name=\"file_name\"\r\n\r\nbatch.jsonl"),
        "{upload}"
    );
    let line = upload.lines().find(|line| line.starts_with('{')).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["custom_id"], name(0));
    assert_eq!(line["body"]["model"], "m");
    assert_eq!(
        sent[1].json(),
        json!({"input_file_id": "file-up", "endpoint": "/v1/chat/completions", "completion_window": "24h"})
    );
    assert_eq!(app.user("alice").await["spend"], 5.0);
}

#[tokio::test]
async fn azures_batches_name_the_route_without_its_version() {
    let upstream = Upstream::start().await;
    let builder = builder("azureopenai", &upstream).set("batch_native", json!(["azureopenai"]));
    let app = builder.start().await;
    let key = app.key("alice", json!({})).await;
    upstream.enqueue(Script::json(200, &json!({"id": "file-up"})));
    upstream.enqueue(Script::json(
        200,
        &json!({"id": "batch_1", "status": "validating"}),
    ));
    let done = json!({"id": "batch_1", "status": "completed", "output_file_id": "file-out", "error_file_id": null});
    upstream.enqueue(Script::json(200, &done));
    upstream.enqueue(lines(&[
        json!({"custom_id": "line-0", "response": {"status_code": 200, "body": chat("zero")}, "error": null}),
    ]));
    let body = json!({"model": "azureopenai:m", "requests": requests(1)});
    let batch = create(&app, &key, body).await;
    assert_eq!(batch["native"], true);
    let batch = ended(&app, &key, &batch).await;
    assert_eq!(codes(&app, &key, &batch).await, ["ok"]);
    let sent = upstream.captured();
    let paths: Vec<_> = sent.iter().map(|sent| sent.path.clone()).collect();
    assert_eq!(
        paths,
        [
            "/openai/v1/files",
            "/openai/v1/batches",
            "/openai/v1/batches/batch_1",
            "/openai/v1/files/file-out/content",
        ]
    );
    assert!(sent.iter().all(|sent| sent.headers["api-key"] == "k"));
    let upload = String::from_utf8_lossy(&sent[0].body).into_owned();
    let line = upload.lines().find(|line| line.starts_with('{')).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["url"], &line["body"]["model"]),
        (&json!("/chat/completions"), &json!("m"))
    );
    assert_eq!(sent[1].json()["endpoint"], "/chat/completions");
    assert_eq!(sent[1].json()["metadata"]["otari_batch_id"], batch["id"]);
    assert_eq!(app.user("alice").await["spend"], 5.0);
}
