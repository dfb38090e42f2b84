//! Batches that go to a provider's own.

mod bedrock;
mod gemini;
mod gone;
mod together;
mod vertex;

use otari_testkit::{MASTER_KEY, Script, Step, TestApp, TestAppBuilder, Upstream};
use serde_json::{Value, json};

use super::{codes, create, ended, requests};

const PRICE: f64 = 1_000_000.0;

async fn start(provider: &str, native: bool) -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let mut builder = builder(provider, &upstream);
    if native {
        builder = builder.set("batch_native", json!([provider]));
    }
    let app = builder.start().await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn builder(provider: &str, upstream: &Upstream) -> TestAppBuilder {
    let base = upstream.base();
    // Theirs have a version of their own.
    let versioned = ["anthropic", "azureopenai", "gemini"].contains(&provider);
    let base = base.trim_end_matches(if versioned { "/v1" } else { "" });
    let model = format!("{provider}:m");
    let price = json!({"input_price_per_million": PRICE, "output_price_per_million": PRICE});
    TestApp::builder()
        .set(
            "providers",
            json!({provider: {"api_key": "k", "api_base": base}}),
        )
        .set("pricing", json!({model: price}))
        .set(
            "guardrails",
            json!([{"profile": "no-secrets", "mode": "block"}]),
        )
        .set(
            "guardrail_profiles",
            json!({"no-secrets": {"provider": "regex", "deny": ["hunter2"]}}),
        )
}

fn chat(text: &str) -> Value {
    json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
    })
}

fn lines(lines: &[Value]) -> Script {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    Script::whole(200, "application/jsonl", &lines.join("\n"))
}

#[tokio::test]
async fn openais_batches_take_all_lines_and_each_answer_is_priced() {
    let (app, upstream, key) = start("openai", true).await;
    upstream.enqueue(Script::json(200, &json!({"id": "file-up"})));
    upstream.enqueue(Script::json(
        200,
        &json!({"id": "batch-up", "status": "validating"}),
    ));
    let done = json!({"id": "batch-up", "status": "completed", "output_file_id": "file-out", "error_file_id": "file-err"});
    upstream.enqueue(Script::json(200, &done));
    // In an order of its own, and not all of them.
    upstream.enqueue(lines(&[
        json!({"custom_id": "line-2", "response": {"status_code": 200, "body": chat("two")}, "error": null}),
        json!({"custom_id": "line-0", "response": {"status_code": 200, "body": chat("zero")}, "error": null}),
    ]));
    let told = json!({"error": {"message": "too long", "code": "context_length_exceeded"}});
    upstream.enqueue(lines(&[
        json!({"custom_id": "line-3", "response": {"status_code": 400, "body": told}, "error": null}),
    ]));
    let mut requests = requests(5);
    requests[1]["body"]["messages"][0]["content"] = json!("the password is hunter2");
    requests[2]["body"]["user"] = json!("alice");
    let batch = create(
        &app,
        &key,
        json!({"model": "openai:m", "requests": requests}),
    )
    .await;
    assert_eq!(
        (&batch["native"], &batch["provider"]),
        (&json!(true), &json!("openai"))
    );
    let batch = ended(&app, &key, &batch).await;
    assert_eq!(
        codes(&app, &key, &batch).await,
        [
            "ok",
            "guardrail_violation",
            "ok",
            "context_length_exceeded",
            "batch_expired"
        ]
    );
    assert_eq!(
        batch["request_counts"],
        json!({"total": 5, "completed": 2, "failed": 3})
    );

    let sent = upstream.captured();
    let paths: Vec<_> = sent
        .iter()
        .map(|sent| format!("{} {}", sent.method, sent.path))
        .collect();
    assert_eq!(
        paths,
        [
            "POST /v1/files",
            "POST /v1/batches",
            "GET /v1/batches/batch-up",
            "GET /v1/files/file-out/content",
            "GET /v1/files/file-err/content",
        ]
    );
    let upload = String::from_utf8_lossy(&sent[0].body).into_owned();
    let handed: Vec<Value> = upload
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<_> = handed
        .iter()
        .map(|line| line["custom_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["line-0", "line-2", "line-3", "line-4"]);
    assert_eq!(
        handed[1]["body"],
        json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
    );
    assert_eq!(sent[1].json()["input_file_id"], "file-up");

    let rows = app.usage().await;
    let paid: Vec<_> = rows
        .iter()
        .filter(|row| row["status"] == "success")
        .collect();
    assert_eq!(paid.len(), 2);
    assert!(
        paid.iter()
            .all(|row| row["cost"] == 5.0 && row["total_tokens"] == 5)
    );
    assert_eq!(app.user("alice").await["spend"], 10.0);
}

#[tokio::test]
async fn anthropics_batches_take_chats_too() {
    let (app, upstream, key) = start("anthropic", false).await;
    let made = json!({"id": "msgbatch_1", "processing_status": "in_progress"}).to_string();
    let made = Step::Send(made.into());
    // The names of the lines are known once they were sent.
    upstream.enqueue(Script::steps(
        200,
        "application/json",
        vec![Step::Pause, made],
    ));
    let body = json!({"model": "anthropic:m", "requests": requests(3)});
    let made = app
        .client
        .post("/v1/batches?provider=anthropic", &key, &body)
        .await
        .expect(200);
    upstream.arrived(1).await;
    let message = json!({
        "id": "msg", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "hello"}], "usage": {"input_tokens": 4, "output_tokens": 1},
    });
    let error =
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}});
    let names = upstream.last().json()["requests"].clone();
    let name = |at: usize| names[at]["custom_id"].clone();
    upstream.enqueue(Script::json(
        200,
        &json!({"id": "msgbatch_1", "processing_status": "ended"}),
    ));
    upstream.enqueue(lines(&[
        json!({"custom_id": name(0), "result": {"type": "succeeded", "message": message}}),
        json!({"custom_id": name(1), "result": {"type": "errored", "error": error}}),
        json!({"custom_id": name(2), "result": {"type": "expired"}}),
    ]));
    upstream.go_on();
    let batch = ended(&app, &key, &made).await;
    let codes = codes(&app, &key, &batch).await;
    assert_eq!(
        (codes[0].as_str(), codes[2].as_str()),
        ("ok", "batch_expired")
    );
    assert_ne!(codes[1], "ok");
    assert_eq!(batch["status"], "expired");
    let sent = upstream.captured();
    assert_eq!(sent[0].path, "/v1/messages/batches");
    assert_eq!(sent[0].headers["anthropic-version"], "2023-06-01");
    let first = &sent[0].json()["requests"][0];
    let id = made["id"].as_str().unwrap();
    assert_eq!(first["custom_id"], format!("{id}-0"));
    assert_eq!(first["params"]["model"], "m");
    assert!(first["params"]["max_tokens"].is_number());
    assert_eq!(sent[2].path, "/v1/messages/batches/msgbatch_1/results");
    let path = format!("/v1/batches/{}/results", batch["id"].as_str().unwrap());
    let results = app.client.get(&path, &key).await.expect(200);
    assert_eq!(
        results["results"][0]["result"]["choices"][0]["message"]["content"],
        "hello"
    );
    assert_eq!(app.user("alice").await["spend"], 5.0);
}

#[tokio::test]
async fn what_a_provider_cannot_hold_is_refused_or_run_here() {
    let (app, upstream, key) = start("openai", true).await;
    let ask = async |query: &str, body: Value| {
        let path = format!("/v1/batches{query}");
        app.client.post(&path, &key, &body).await
    };
    let body = json!({"model": "openai:m", "requests": requests(1)});
    ask("?provider=echo", body.clone()).await.expect(400);
    let mut embeddings = body.clone();
    embeddings["endpoint"] = json!("/v1/embeddings");
    ask("?provider=openai", embeddings.clone())
        .await
        .expect(400);
    let here = ask("", embeddings).await.expect(200);
    assert_eq!(here["native"], false);
    ended(&app, &key, &here).await;
    // A refusal by the provider is the answer to every line.
    upstream.always(Script::json(
        400,
        &json!({"error": {"message": "no batches for you"}}),
    ));
    let refused = ask("", body).await.expect(200);
    let refused = ended(&app, MASTER_KEY, &refused).await;
    assert_eq!(codes(&app, &key, &refused).await, ["provider_refused"]);
}
