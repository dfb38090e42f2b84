//! Bedrock's batches: lines and answers in a bucket, a job between them.

use otari_testkit::{Script, Step, Storage, TestApp, Upstream};
use serde_json::{Value, json};

use super::super::{codes, create, ended, requests};

const JOB: &str = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/abcdefghijkl";
const ROLE: &str = "arn:aws:iam::123456789012:role/batches";

struct Stage {
    app: TestApp,
    upstream: Upstream,
    storage: Storage,
    key: String,
}

impl Stage {
    /// `min`: fewer lines than this are run by the gateway.
    async fn start(min: usize) -> Self {
        let (upstream, storage) = (Upstream::start().await, Storage::start().await);
        let entry = json!({
            "batch_bucket": "s3://bucket/some/path", "batch_bucket_endpoint": storage.url(), "batch_role_arn": ROLE,
            "batch_min_lines": min,
        });
        let app = start(&upstream, &storage, entry).await;
        let key = app.key("alice", json!({})).await;
        Self {
            app,
            upstream,
            storage,
            key,
        }
    }

    /// A batch of so many lines that the job's making waits for.
    async fn made(&self, requests: Value) -> Value {
        let made = json!({"jobArn": JOB}).to_string();
        self.upstream.enqueue(Script::steps(
            200,
            "application/json",
            vec![Step::Pause, Step::Send(made.into())],
        ));
        let body = json!({"model": "bedrock:m", "requests": requests});
        let batch = create(&self.app, &self.key, body).await;
        assert_eq!(batch.get("native"), Some(&json!(true)));
        self.upstream.arrived(1).await;
        batch
    }

    /// The job ends so, with these answers where there are any.
    fn answered(&self, batch: &Value, status: &str, answers: &[Value]) {
        let folder = format!("some/path/{}/", id(batch));
        let lines: Vec<String> = answers.iter().map(Value::to_string).collect();
        if !lines.is_empty() {
            let key = format!("{folder}abcdefghijkl/lines.jsonl.out");
            self.storage.put(&key, lines.join("\n"));
        }
        let job = json!({
            "jobArn": JOB, "status": status, "processedRecordCount": answers.len(),
            "message": "The file cannot be read",
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": format!("s3://bucket/{folder}")}},
        });
        self.upstream.enqueue(Script::json(200, &job));
        self.upstream.go_on();
    }
}

fn id(batch: &Value) -> &str {
    batch.get("id").and_then(Value::as_str).unwrap()
}

async fn start(upstream: &Upstream, storage: &Storage, mut entry: Value) -> TestApp {
    let base = upstream.base();
    let members = entry.as_object_mut().unwrap();
    members.insert("api_base".to_owned(), json!(base.trim_end_matches("/v1")));
    members.insert("region".to_owned(), json!("us-east-1"));
    let price =
        json!({"input_price_per_million": 1_000_000, "output_price_per_million": 1_000_000});
    let builder = TestApp::builder()
        .set("providers", json!({"bedrock": entry}))
        .set("pricing", json!({"bedrock:m": price}))
        .set("batch_native", json!(["bedrock"]))
        .set(
            "guardrails",
            json!([{"profile": "no-secrets", "mode": "block"}]),
        )
        .set(
            "guardrail_profiles",
            json!({"no-secrets": {"provider": "regex", "deny": ["hunter2"]}}),
        );
    let variables = storage.credentials().into_iter();
    let builder = variables.fold(builder, |builder, (name, value)| builder.env(name, value));
    builder.start().await
}

fn converse(text: &str) -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 2, "outputTokens": 3, "totalTokens": 5},
    })
}

fn answer(line: usize, text: &str) -> Value {
    json!({"recordId": format!("line{line}"), "modelInput": {}, "modelOutput": converse(text)})
}

async fn results(stage: &Stage, batch: &Value) -> Value {
    let path = format!("/v1/batches/{}/results", id(batch));
    let answer = stage.app.client.get(&path, &stage.key).await.expect(200);
    answer.get("results").unwrap().clone()
}

#[tokio::test]
async fn lines_go_by_a_bucket_and_each_answer_is_priced() {
    let stage = Stage::start(2).await;
    let mut requests = requests(5);
    requests[1]["body"]["messages"][0]["content"] = json!("the password is hunter2");
    requests[2]["body"]["max_tokens"] = json!(9);
    let batch = stage.made(requests).await;
    let id = batch["id"].as_str().unwrap();
    // In an order of their own, and not all of them.
    let error = json!({"errorCode": 400, "errorMessage": "The picture cannot be read"});
    stage.answered(
        &batch,
        "PartiallyCompleted",
        &[
            answer(2, "two"),
            json!({"recordId": "line3", "modelInput": {}, "error": error}),
            answer(0, "zero"),
        ],
    );
    let batch = ended(&stage.app, &stage.key, &batch).await;
    let told = codes(&stage.app, &stage.key, &batch).await;
    assert_eq!(
        (&told[..3], told[4].as_str()),
        (
            &[
                "ok".to_owned(),
                "guardrail_violation".to_owned(),
                "ok".to_owned()
            ][..],
            "batch_expired"
        )
    );
    let results = results(&stage, &batch).await;
    let content = |at: usize| results[at]["result"]["choices"][0]["message"]["content"].clone();
    assert_eq!((content(0), content(2)), (json!("zero"), json!("two")));
    let refused = results[3]["error"]["message"].as_str().unwrap();
    assert!(refused.contains("The picture cannot be read"), "{refused}");

    let sent = stage.upstream.captured();
    let paths: Vec<_> = sent
        .iter()
        .map(|sent| format!("{} {}", sent.method, sent.path))
        .collect();
    assert_eq!(
        paths,
        [
            "POST /model-invocation-job",
            "GET /model-invocation-job/abcdefghijkl"
        ]
    );
    assert!(
        sent.iter()
            .all(|sent| sent.headers["authorization"].contains("/us-east-1/bedrock/aws4_request"))
    );
    let name = id.replace('_', "-");
    let folder = format!("s3://bucket/some/path/{id}/");
    assert_eq!(
        sent[0].json(),
        json!({
            "clientRequestToken": name, "jobName": name, "modelId": "m", "modelInvocationType": "Converse",
            "roleArn": ROLE,
            "inputDataConfig": {
                "s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": format!("{folder}lines.jsonl")},
            },
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": folder}},
        })
    );
    let objects = stage.storage.objects();
    let lines = &objects[&format!("some/path/{id}/lines.jsonl")];
    let lines: Vec<Value> = lines
        .split(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let ids: Vec<_> = lines.iter().map(|line| line["recordId"].clone()).collect();
    assert_eq!(ids, ["line0", "line2", "line3", "line4"]);
    assert_eq!(
        lines[1]["modelInput"]["messages"],
        json!([{"role": "user", "content": [{"text": "hi"}]}])
    );
    assert_eq!(lines[1]["modelInput"]["inferenceConfig"]["maxTokens"], 9);

    let rows = stage.app.usage().await;
    let paid: Vec<_> = rows.iter().filter(|row| row["cost"] == 5.0).collect();
    assert_eq!(paid.len(), 2);
    assert_eq!(stage.app.user("alice").await["spend"], 10.0);
}

#[tokio::test]
async fn too_few_lines_are_run_by_the_gateway() {
    let stage = Stage::start(3).await;
    stage.upstream.always(Script::json(200, &converse("here")));
    let body = |requests: Value| json!({"model": "bedrock:m", "requests": requests});
    let small = create(&stage.app, &stage.key, body(requests(2))).await;
    let small = ended(&stage.app, &stage.key, &small).await;
    assert_eq!(
        (&small["native"], &small["status"]),
        (&json!(false), &json!("completed"))
    );
    let path = "/v1/batches?provider=bedrock";
    let refused = stage
        .app
        .client
        .post(path, &stage.key, &body(requests(2)))
        .await
        .expect(400);
    let told = refused.to_string();
    assert!(told.contains("3 lines and more"), "{told}");

    // Enough, until a guardrail refused one.
    let mut requests = requests(3);
    requests[0]["body"]["messages"][0]["content"] = json!("the password is hunter2");
    let batch = create(&stage.app, &stage.key, body(requests)).await;
    assert_eq!(batch["native"], true);
    let batch = ended(&stage.app, &stage.key, &batch).await;
    assert_eq!(
        codes(&stage.app, &stage.key, &batch).await,
        ["guardrail_violation", "ok", "ok"]
    );
    assert_eq!(batch["native"], false);
    let sent = stage.upstream.captured();
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|sent| sent.path == "/model/m/converse"));
    assert!(stage.storage.objects().is_empty());
    assert_eq!(stage.app.user("alice").await["spend"], 20.0);
}

#[tokio::test]
async fn a_bucket_that_refuses_is_told_with_what_to_do() {
    let stage = Stage::start(1).await;
    stage.storage.fail_after(0, 403);
    let body = json!({"model": "bedrock:m", "requests": requests(2)});
    let batch = create(&stage.app, &stage.key, body).await;
    let batch = ended(&stage.app, &stage.key, &batch).await;
    let told = codes(&stage.app, &stage.key, &batch).await;
    assert_eq!(told, ["provider_refused", "provider_refused"]);
    let results = results(&stage, &batch).await;
    let told = results[0]["error"]["message"].as_str().unwrap();
    assert!(
        told.contains("cannot write to the bucket") && told.contains("put, get and list"),
        "{told}"
    );
    assert!(stage.upstream.captured().is_empty());
    assert_eq!(stage.app.user("alice").await["spend"], 0.0);
}

#[tokio::test]
async fn large_batches_go_to_the_bucket_in_parts() {
    let stage = Stage::start(1).await;
    let mut requests = requests(3);
    for request in requests.as_array_mut().unwrap() {
        request["body"]["messages"][0]["content"] = json!("hi ".repeat(1024 * 1024));
    }
    // The first part fails once, and alone is sent again.
    stage.storage.fail_after(1, 503);
    let batch = stage.made(requests).await;
    let log = stage.storage.take_log();
    let parts = log.iter().filter(|line| line.starts_with("PUT partNumber"));
    assert_eq!((log.len(), parts.count()), (5, 3), "{log:?}");
    let lines = &stage.storage.objects()[&format!("some/path/{}/lines.jsonl", id(&batch))];
    let sizes: Vec<usize> = lines
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::len)
        .collect();
    assert!(sizes.len() == 3 && sizes.iter().all(|size| *size > 3 * 1024 * 1024));
    stage.answered(
        &batch,
        "Completed",
        &[answer(0, "a"), answer(1, "b"), answer(2, "c")],
    );
    let batch = ended(&stage.app, &stage.key, &batch).await;
    assert_eq!(
        codes(&stage.app, &stage.key, &batch).await,
        ["ok", "ok", "ok"]
    );
}

#[tokio::test]
async fn an_end_without_answers_is_the_end_of_all_lines() {
    for (status, code) in [
        ("Failed", "provider_failed"),
        ("Expired", "batch_expired"),
        ("Stopped", "batch_expired"),
    ] {
        let stage = Stage::start(1).await;
        let batch = stage.made(requests(2)).await;
        stage.answered(&batch, status, &[]);
        let batch = ended(&stage.app, &stage.key, &batch).await;
        assert_eq!(codes(&stage.app, &stage.key, &batch).await, [code, code]);
        if code == "provider_failed" {
            let results = results(&stage, &batch).await;
            assert_eq!(results[0]["error"]["message"], "The file cannot be read");
        }
        assert_eq!(stage.app.user("alice").await["spend"], 0.0);
    }
}

#[tokio::test]
async fn what_was_answered_before_a_cancellation_is_paid_for() {
    let stage = Stage::start(1).await;
    let batch = stage.made(requests(3)).await;
    let path = format!("/v1/batches/{}/cancel", batch["id"].as_str().unwrap());
    stage
        .app
        .client
        .post(&path, &stage.key, &json!({}))
        .await
        .expect(200);
    // Looked at as running first; to be stopped is answered with nothing.
    let running = json!({"jobArn": JOB, "status": "InProgress"});
    stage.upstream.enqueue(Script::json(200, &running));
    stage
        .upstream
        .enqueue(Script::whole(200, "application/json", ""));
    stage.answered(&batch, "Stopped", &[answer(1, "in time")]);
    stage.upstream.arrived(2).await;
    stage
        .app
        .client
        .post(&path, &stage.key, &json!({}))
        .await
        .expect(200);
    let batch = ended(&stage.app, &stage.key, &batch).await;
    assert_eq!(batch["status"], "cancelled");
    assert_eq!(
        codes(&stage.app, &stage.key, &batch).await,
        ["batch_cancelled", "ok", "batch_cancelled"]
    );
    let paths: Vec<_> = stage
        .upstream
        .captured()
        .iter()
        .map(|sent| sent.path.clone())
        .collect();
    assert!(
        paths.contains(&"/model-invocation-job/abcdefghijkl/stop".to_owned()),
        "{paths:?}"
    );
    assert_eq!(stage.app.user("alice").await["spend"], 5.0);
}

#[tokio::test]
async fn without_a_bucket_the_gateway_runs_it() {
    let (upstream, storage) = (Upstream::start().await, Storage::start().await);
    upstream.always(Script::json(200, &converse("here")));
    let app = start(&upstream, &storage, json!({})).await;
    let key = app.key("alice", json!({})).await;
    let body = json!({"model": "bedrock:m", "requests": requests(1)});
    let batch = create(&app, &key, body.clone()).await;
    let batch = ended(&app, &key, &batch).await;
    assert_eq!(
        (&batch["native"], &batch["status"]),
        (&json!(false), &json!("completed"))
    );
    let path = "/v1/batches?provider=bedrock";
    let refused = app.client.post(path, &key, &body).await.expect(400);
    let told = refused.to_string();
    assert!(told.contains("`batch_bucket`"), "{told}");
}
