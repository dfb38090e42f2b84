//! What a policy does about slow and failing providers: repetitions, limits, races, standing back.

mod rescue;

use std::time::Duration;

use otari_testkit::{Script, Step, TestApp, Upstream};
use serde_json::{Value, json};

/// A gateway with two providers of their own.
struct Lab {
    app: TestApp,
    one: Upstream,
    two: Upstream,
    key: String,
}

impl Lab {
    async fn start(policy: Value) -> Self {
        Self::with(policy, json!({})).await
    }

    async fn with(policy: Value, members: Value) -> Self {
        let (one, two) = (Upstream::start().await, Upstream::start().await);
        let at = |upstream: &Upstream| {
            let mut provider = json!({
                "provider_type": "openai-compatible", "api_key": "sk-upstream", "api_base": upstream.base(),
            });
            if let (Value::Object(provider), Value::Object(members)) =
                (&mut provider, members.clone())
            {
                provider.extend(members);
            }
            provider
        };
        let price = json!({"input_price_per_million": 1.0, "output_price_per_million": 1.0});
        let app = TestApp::builder()
            .set("providers", json!({"one": at(&one), "two": at(&two)}))
            .set(
                "pricing",
                json!({"one:m": price, "two:m": price, "two:n": price}),
            )
            .set("routing", json!({"policies": {"resilient": policy}}))
            .set("enable_metrics", json!(true))
            .set("circuit_breaker_failures", json!(3))
            .start()
            .await;
        let key = app.key("alice", json!({})).await;
        Self { app, one, two, key }
    }

    async fn ask(&self, model: &str, stream: bool) -> otari_testkit::Response {
        let messages = json!([{"role": "user", "content": "hi"}]);
        let body =
            json!({"model": model, "stream": stream, "max_tokens": 10, "messages": messages});
        let client = &self.app.client;
        client.post("/v1/chat/completions", &self.key, &body).await
    }

    /// Far longer than the waits of these tests, and than an answer of an upstream that is not held up.
    async fn pass_time(&self) {
        for _ in 0..100 {
            assert_eq!(self.app.client.get("/health", "").await.status, 200);
        }
    }

    async fn refused_for_budget(&self) -> u64 {
        let page = self.app.client.get("/metrics", "").await.text();
        let mut lines = page.lines();
        let count = lines.find_map(|line| line.strip_prefix("gateway_budget_exceeded_total "));
        count.unwrap().parse().unwrap()
    }

    /// Status, model and position of each row, the newest first.
    async fn rows(&self) -> Vec<(String, String, Option<i64>)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = self.app.usage().await;
        let rows = rows.iter();
        rows.map(|row| {
            let model = format!("{}:{}", text(&row["provider"]), text(&row["model"]));
            (
                text(&row["status"]),
                model,
                row["attempt_position"].as_i64(),
            )
        })
        .collect()
    }
}

fn row(status: &str, model: &str, position: i64) -> (String, String, Option<i64>) {
    (status.to_owned(), model.to_owned(), Some(position))
}

fn overloaded() -> Script {
    Script::json(503, &json!({"error": {"message": "busy"}}))
}

fn policy(more: Value) -> Value {
    let mut policy = json!({"select": [{"default": "one:m"}], "on_failure": ["two:m"]});
    if let (Value::Object(policy), Value::Object(more)) = (&mut policy, more) {
        policy.extend(more);
    }
    policy
}

#[tokio::test]
async fn the_same_model_is_asked_again_before_the_next_one_is() {
    let retry = json!({"retry": {"attempts": 2, "backoff_ms": 1, "max_wait_ms": 20}});
    let lab = Lab::start(policy(retry)).await;
    lab.one.enqueue(overloaded());
    lab.one.enqueue(overloaded());
    assert_eq!(lab.ask("resilient", false).await.status, 200);
    assert_eq!((lab.one.captured().len(), lab.two.captured().len()), (3, 0));
    let absorbed = row("absorbed", "one:m", 1);
    let expected = [row("success", "one:m", 1), absorbed.clone(), absorbed];
    assert_eq!(lab.rows().await, expected);

    lab.one.always(overloaded());
    lab.two.enqueue(Script::chat_stream(&["hello"]));
    assert_eq!(lab.ask("resilient", true).await.status, 200);
    assert_eq!((lab.one.captured().len(), lab.two.captured().len()), (6, 1));
}

#[tokio::test]
async fn a_provider_that_asks_for_too_long_a_wait_or_refuses_the_request_is_not_asked_again() {
    let retry = json!({"retry": {"attempts": 2, "backoff_ms": 1, "max_wait_ms": 50}});
    let lab = Lab::start(policy(retry)).await;
    let limited = Script::json(429, &json!({"error": {"message": "slow down"}}));
    lab.one.enqueue(limited.clone().header("retry-after", "1"));
    assert_eq!(lab.ask("resilient", false).await.status, 200);
    assert_eq!((lab.one.captured().len(), lab.two.captured().len()), (1, 1));
    // It asked to be left alone: it is, for so long.
    assert_eq!(lab.ask("resilient", false).await.status, 200);
    assert_eq!((lab.one.captured().len(), lab.two.captured().len()), (1, 2));

    let lab = Lab::start(policy(json!({"retry": {"attempts": 2, "backoff_ms": 1}}))).await;
    lab.one.enqueue(limited.header("retry-after-ms", "30"));
    lab.one.enqueue(Script::json(
        422,
        &json!({"error": {"message": "no such tool"}}),
    ));
    let before = tokio::time::Instant::now();
    assert_eq!(lab.ask("resilient", false).await.status, 200);
    assert!(before.elapsed() >= Duration::from_millis(30));
    assert_eq!((lab.one.captured().len(), lab.two.captured().len()), (2, 1));
}

#[tokio::test]
async fn a_model_that_was_named_is_asked_again_as_often_as_its_provider_says() {
    let lab = Lab::with(
        policy(json!({})),
        json!({"client_args": {"max_retries": 1}}),
    )
    .await;
    lab.one.enqueue(overloaded());
    assert_eq!(lab.ask("one:m", false).await.status, 200);
    let rows = lab.app.usage().await;
    assert_eq!(
        (&rows[0]["status"], &rows[1]["status"]),
        (&json!("success"), &json!("absorbed"))
    );
    assert_eq!(rows[0]["request_group_id"], rows[1]["request_group_id"]);
    assert!(rows[0]["request_group_id"].is_string());
    assert_eq!(rows[0]["policy_name"], json!(null));

    lab.one.always(overloaded());
    let answer = lab.ask("one:m", false).await;
    assert_eq!(
        answer.json()["detail"],
        "LLM provider error",
        "as if it had been asked once"
    );
}

#[tokio::test]
async fn a_stream_that_does_not_begin_in_time_makes_room_for_the_next() {
    let lab = Lab::start(policy(json!({"first_token_timeout_ms": 40}))).await;
    let headers_only = Script::steps(200, "text/event-stream", vec![Step::Hang]);
    for slow in [Script::hang(), headers_only] {
        lab.one.enqueue(slow);
        lab.two.enqueue(Script::chat_stream(&["quick"]));
        let answer = lab.ask("resilient", true).await;
        assert!(answer.text().contains("quick"), "{}", answer.text());
        let rows = lab.rows().await;
        assert_eq!(
            rows[..2],
            [row("success", "two:m", 2), row("absorbed", "one:m", 1)]
        );
        let rows = lab.app.usage().await;
        assert_eq!(
            (&rows[1]["status_code"], &rows[1]["cost"]),
            (&json!(504), &json!(null))
        );
    }
}

#[tokio::test]
async fn the_next_model_is_asked_beside_a_slow_one_and_the_first_to_answer_is_used() {
    for stream in [false, true] {
        let lab = Lab::start(policy(json!({"hedge_after_ms": 20}))).await;
        lab.one.enqueue(Script::hang());
        lab.two.enqueue(if stream {
            Script::chat_stream(&["quick"])
        } else {
            Script::chat("quick")
        });
        let answer = lab.ask("resilient", stream).await;
        assert!(answer.text().contains("quick"), "{}", answer.text());
        // The loser is cancelled at once.
        lab.one.abandoned().await;
        let mut rows = lab.rows().await;
        rows.sort();
        assert_eq!(
            rows,
            [row("absorbed", "one:m", 1), row("success", "two:m", 2)]
        );
        let rows = lab.app.usage().await;
        let absorbed = rows.iter().find(|row| row["status"] == "absorbed").unwrap();
        assert_eq!(absorbed["cost"], json!(null));
        assert_eq!(rows[0]["request_group_id"], rows[1]["request_group_id"]);
        let user = lab.app.user("alice").await;
        assert_eq!(user["reserved"], json!(0.0));
    }
}

#[tokio::test]
async fn a_race_ends_with_whoever_answers_though_the_other_fails() {
    let lab = Lab::start(policy(json!({"hedge_after_ms": 20}))).await;
    // The second fails while the first is still thinking.
    let paused = Script::steps(200, "text/event-stream", vec![Step::Pause]);
    lab.one
        .enqueue(paused.then(Step::Send(stream_of("late").into())));
    lab.two.enqueue(overloaded());
    let asked = async {
        let answer = lab.ask("resilient", true).await;
        assert!(answer.text().contains("late"), "{}", answer.text());
    };
    let release = async {
        lab.two.arrived(1).await;
        lab.one.go_on();
    };
    tokio::join!(asked, release);
    let mut rows = lab.rows().await;
    rows.sort();
    assert_eq!(
        rows,
        [row("absorbed", "two:m", 2), row("success", "one:m", 1)]
    );
}

#[tokio::test]
async fn both_of_a_race_may_fail() {
    let mut spec = policy(json!({"hedge_after_ms": 20}));
    spec["on_failure"] = json!(["two:m", "two:n"]);
    let lab = Lab::start(spec).await;
    lab.one
        .enqueue(Script::steps(500, "text/plain", Vec::new()).then(Step::Pause));
    lab.two.enqueue(overloaded());
    let asked = async { lab.ask("resilient", false).await };
    let release = async {
        lab.two.arrived(1).await;
        lab.one.go_on();
    };
    let (answer, ()) = tokio::join!(asked, release);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut rows = lab.rows().await;
    rows.sort();
    let absorbed = [row("absorbed", "one:m", 1), row("absorbed", "two:m", 2)];
    assert_eq!(rows[..2], absorbed);
    assert_eq!(rows[2], row("success", "two:n", 3));
}

#[tokio::test]
async fn a_race_is_not_run_where_the_budget_has_no_room_for_both() {
    let lab = Lab::start(policy(json!({"hedge_after_ms": 1}))).await;
    let key = lab
        .app
        .budgeted_key("bob", json!({"max_budget": 0.0015}))
        .await;
    lab.one.enqueue(late_chat());
    let body = json!({"model": "resilient", "max_tokens": 1000, "messages": [{"role": "user", "content": "hi"}]});
    let asked = lab.app.client.post("/v1/chat/completions", &key, &body);
    let watch = async {
        lab.one.arrived(1).await;
        lab.pass_time().await;
        assert!(lab.two.captured().is_empty());
        lab.one.go_on();
    };
    let (answer, ()) = tokio::join!(asked, watch);
    assert_eq!(answer.status, 200);
    assert_eq!(lab.refused_for_budget().await, 0, "the call was answered");

    let body = json!({"model": "resilient", "max_tokens": 9000, "messages": [{"role": "user", "content": "hi"}]});
    let answer = lab.app.client.post("/v1/chat/completions", &key, &body);
    assert_eq!(answer.await.status, 403);
    assert_eq!(lab.refused_for_budget().await, 1);
}

#[tokio::test]
async fn a_provider_that_keeps_failing_stands_back_and_is_the_last_way_out() {
    let lab = Lab::start(policy(json!({}))).await;
    lab.one.always(overloaded());
    for _ in 0..3 {
        assert_eq!(lab.ask("resilient", false).await.status, 200);
    }
    let metrics = || async { lab.app.client.get("/metrics", "").await.text() };
    let open = r#"gateway_circuit_open{provider="one"} 1"#;
    assert!(metrics().await.contains(open));
    assert_eq!(lab.ask("resilient", false).await.status, 200);
    assert_eq!((lab.one.captured().len(), lab.two.captured().len()), (3, 4));
    let rows = lab.app.usage().await;
    assert_eq!(
        (&rows[0]["provider"], &rows[0]["attempt_position"]),
        (&json!("two"), &json!(1))
    );

    // When the other fails, it is asked all the same; and it is back.
    lab.two.enqueue(overloaded());
    lab.one.always(Script::chat("back"));
    assert!(lab.ask("resilient", false).await.text().contains("back"));
    assert!(
        metrics()
            .await
            .contains(r#"gateway_circuit_open{provider="one"} 0"#)
    );
    assert_eq!(lab.ask("resilient", false).await.status, 200);
    assert_eq!(lab.app.usage().await[0]["provider"], "one");
}

#[tokio::test]
async fn streams_that_begin_and_break_off_count_against_their_provider() {
    let lab = Lab::start(policy(json!({}))).await;
    let begun =
        Step::Send("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"On\"}}]}\n\n".into());
    let broken = Script::steps(200, "text/event-stream", vec![begun, Step::Cut]);
    lab.one.always(broken);
    for calls in 1..=3 {
        let answer = lab.ask("one:m", true).await;
        assert!(answer.text().contains("On"), "{}", answer.text());
        assert_eq!(lab.one.captured().len(), calls);
    }
    let metrics = lab.app.client.get("/metrics", "").await.text();
    let open = r#"gateway_circuit_open{provider="one"} 1"#;
    assert!(metrics.contains(open), "{metrics}");
    lab.ask("resilient", false).await;
    assert_eq!((lab.one.captured().len(), lab.two.captured().len()), (3, 1));
}

#[tokio::test]
async fn routers_look_at_who_is_quick_and_who_is_busy() {
    let router = |name: &str| {
        json!({"select": [
            {"router": name, "candidates": ["one:m", "two:m"]},
            {"default": "one:m"},
        ]})
    };
    let lab = Lab::start(router("least_busy")).await;
    lab.one
        .enqueue(Script::steps(200, "text/event-stream", vec![Step::Pause]));
    let first = lab.ask("resilient", true);
    let meanwhile = async {
        lab.one.arrived(1).await;
        assert_eq!(lab.ask("resilient", false).await.status, 200);
        assert_eq!(lab.two.captured().len(), 1);
        lab.one.go_on();
    };
    tokio::join!(first, meanwhile);
    let rows = lab.app.usage().await;
    assert!(
        rows.iter()
            .any(|row| row["selection_reason"] == "router:least_busy")
    );

    let lab = Lab::start(router("least_latency")).await;
    lab.one.enqueue(late_chat());
    let asked = lab.ask("one:m", false);
    let release = async {
        lab.one.arrived(1).await;
        lab.pass_time().await;
        lab.one.go_on();
    };
    tokio::join!(asked, release);
    // Nobody knows the second: it is tried, and found quicker.
    for calls in 1..4 {
        assert_eq!(lab.ask("resilient", false).await.status, 200);
        assert_eq!(lab.two.captured().len(), calls);
    }
}

#[tokio::test]
async fn calls_take_turns_with_the_keys_of_a_provider_and_one_that_is_refused_stands_back() {
    let keys = json!({"api_key": null, "api_keys": ["sk-a", "sk-b"]});
    let lab = Lab::with(policy(json!({})), keys).await;
    for _ in 0..2 {
        assert_eq!(lab.ask("one:m", false).await.status, 200);
    }
    let used = |lab: &Lab| -> Vec<String> {
        let captured = lab.one.captured();
        let captured = captured.iter();
        captured
            .map(|request| request.headers["authorization"].clone())
            .collect()
    };
    assert_eq!(used(&lab), ["Bearer sk-a", "Bearer sk-b"]);

    // The first is limited: the second serves this call, and the next ones.
    lab.one.enqueue(Script::json(
        429,
        &json!({"error": {"message": "slow down"}}),
    ));
    for _ in 0..3 {
        assert_eq!(lab.ask("one:m", false).await.status, 200);
    }
    let last = ["Bearer sk-a", "Bearer sk-b", "Bearer sk-b", "Bearer sk-b"];
    assert_eq!(used(&lab)[2..], last);
    let statuses: Vec<Value> = lab
        .app
        .usage()
        .await
        .iter()
        .map(|row| row["status"].clone())
        .collect();
    assert!(statuses.iter().all(|status| status == "success"));
}

/// An answer that waits to be let go on.
fn late_chat() -> Script {
    let answer = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "late"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    });
    let answer = Step::Send(answer.to_string().into());
    Script::steps(200, "application/json", vec![Step::Pause, answer])
}

fn stream_of(word: &str) -> String {
    let chunk = |choices: Value| {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices});
        format!("data: {chunk}\n\n")
    };
    let delta = chunk(
        json!([{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": null}]),
    );
    let end = chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]));
    format!("{delta}{end}data: [DONE]\n\n")
}
