//! A provider that does not know a batch any more, or lost its answers.

use otari_testkit::{MASTER_KEY, Script, TestApp, Upstream};
use otari_types::ManualClock;
use serde_json::{Value, json};

use super::super::{codes, create, ended, get, requests};
use super::{builder, chat, lines};

/// Longer than a provider may forget a batch for.
const LONG_SECS: i64 = 120;

struct Stage {
    app: TestApp,
    upstream: Upstream,
    key: String,
    clock: ManualClock,
    /// Has ended; whoever cancels it has all others looked at.
    bell: String,
    batch: Value,
}

impl Stage {
    /// A batch with the provider, which was asked about it and answered so; from then on it says `usually`.
    async fn start(looks: &[Script], usually: Script) -> Self {
        let upstream = Upstream::start().await;
        upstream.always(usually);
        let clock = TestApp::noon();
        let builder = builder("openai", &upstream).set("batch_native", json!(["openai"]));
        let app = builder.clock(&clock).start().await;
        let key = app.budgeted_key("alice", json!({"max_budget": 1e9})).await;
        let body = json!({"model": "echo:echo", "requests": requests(1)});
        let bell = create(&app, &key, body).await;
        let bell = ended(&app, &key, &bell).await;
        let bell = bell.get("id").and_then(Value::as_str).unwrap().to_owned();
        upstream.enqueue(Script::json(200, &json!({"id": "file-up"})));
        upstream.enqueue(Script::json(200, &json!({"id": "batch-up"})));
        for look in looks {
            upstream.enqueue(look.clone());
        }
        let body = json!({"model": "openai:m", "requests": requests(2)});
        let batch = create(&app, &key, body).await;
        let stage = Self {
            app,
            upstream,
            key,
            clock,
            bell,
            batch,
        };
        stage.upstream.arrived(2).await;
        stage.ring(looks.len()).await;
        stage
    }

    /// Has the provider asked so many more things.
    async fn ring(&self, requests: usize) {
        let path = format!("/v1/batches/{}/cancel", self.bell);
        let ring = async {
            loop {
                // It has ended; what counts is that the others hear of it.
                self.app.client.post(&path, &self.key, &json!({})).await;
                tokio::task::yield_now().await;
            }
        };
        let requests = self.upstream.captured().len() + requests;
        tokio::select! {
            () = self.upstream.arrived(requests) => {}
            () = ring => {}
        }
    }

    async fn held(&self) -> f64 {
        let budgets = self.app.client.get("/v1/budgets", MASTER_KEY);
        let budgets = budgets.await.expect(200);
        let held = budgets.pointer("/0/total_reserved");
        held.and_then(Value::as_f64).unwrap()
    }

    async fn status(&self) -> Value {
        let now = get(&self.app, &self.key, &self.batch).await;
        now.get("status").unwrap().clone()
    }
}

fn unknown() -> Script {
    let told =
        json!({"error": {"message": "No such batch: batch-up", "type": "invalid_request_error"}});
    Script::json(404, &told)
}

fn running() -> Script {
    Script::json(200, &json!({"id": "batch-up", "status": "in_progress"}))
}

#[tokio::test]
async fn a_batch_that_is_gone_for_good_ends_its_open_lines() {
    let stage = Stage::start(&[running(), unknown(), unknown(), unknown()], unknown()).await;
    // Many misses in one moment are one miss.
    assert_eq!(stage.status().await, "in_progress");
    assert!(stage.held().await > 0.0);
    stage.clock.advance_secs(LONG_SECS);
    stage.ring(1).await;
    let batch = ended(&stage.app, &stage.key, &stage.batch).await;
    let told = codes(&stage.app, &stage.key, &batch).await;
    assert_eq!(told, ["provider_batch_gone", "provider_batch_gone"]);
    assert_eq!(
        batch["request_counts"],
        json!({"total": 2, "completed": 0, "failed": 2})
    );
    assert!(stage.held().await.abs() < f64::EPSILON);
    assert_eq!(stage.app.user("alice").await["spend"], 0.0);
}

#[tokio::test]
async fn a_batch_that_is_found_again_goes_on() {
    let stage = Stage::start(&[unknown(), unknown(), unknown(), running()], running()).await;
    stage.clock.advance_secs(LONG_SECS);
    // The count begins anew.
    stage.upstream.enqueue(unknown());
    stage.ring(1).await;
    assert_eq!(stage.status().await, "in_progress");
    let done = json!({"id": "batch-up", "status": "completed", "output_file_id": "file-out"});
    stage.upstream.enqueue(Script::json(200, &done));
    let line = |n: usize| {
        let response = json!({"status_code": 200, "body": chat("there")});
        json!({"custom_id": format!("line-{n}"), "response": response})
    };
    stage.upstream.enqueue(lines(&[line(0), line(1)]));
    stage.ring(2).await;
    let batch = ended(&stage.app, &stage.key, &stage.batch).await;
    assert_eq!(codes(&stage.app, &stage.key, &batch).await, ["ok", "ok"]);
    assert_eq!(stage.app.user("alice").await["spend"], 10.0);
}

#[tokio::test]
async fn answers_that_are_gone_for_good_end_the_batch_too() {
    let done = json!({"id": "batch-up", "status": "completed", "output_file_id": "file-out"});
    let done = Script::json(200, &done);
    let stage = Stage::start(
        &[done.clone(), unknown(), done.clone(), unknown()],
        unknown(),
    )
    .await;
    assert_eq!(stage.status().await, "in_progress");
    stage.clock.advance_secs(LONG_SECS);
    stage.upstream.enqueue(done);
    stage.upstream.enqueue(unknown());
    stage.ring(2).await;
    let batch = ended(&stage.app, &stage.key, &stage.batch).await;
    let told = codes(&stage.app, &stage.key, &batch).await;
    assert_eq!(told, ["provider_batch_gone", "provider_batch_gone"]);
}

#[tokio::test]
async fn a_refusal_can_be_mended_until_the_window_is_over() {
    let told = json!({"error": {"message": "The key was revoked"}});
    let refusal = Script::json(401, &told);
    let stage = Stage::start(&[refusal.clone(), refusal.clone()], refusal).await;
    stage.clock.advance_secs(23 * 3600);
    stage.ring(2).await;
    assert_eq!(stage.status().await, "in_progress");
    assert!(stage.held().await > 0.0);
    stage.clock.advance_secs(3600);
    stage.ring(1).await;
    let batch = ended(&stage.app, &stage.key, &stage.batch).await;
    let told = codes(&stage.app, &stage.key, &batch).await;
    assert_eq!(told, ["provider_refused", "provider_refused"]);
    assert!(stage.held().await.abs() < f64::EPSILON);
}
