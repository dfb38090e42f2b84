//! `/v1/usage/summary`, `/v1/usage/series`, `/v1/usage/summary.csv`

use otari_store::testing::databases;
use otari_testkit::{MASTER_KEY, Script, TestApp, TestAppBuilder};
use otari_types::ManualClock;
use serde_json::{Value, json};

/// Answers for models without a price too.
fn builder(clock: &ManualClock) -> TestAppBuilder {
    TestApp::builder()
        .clock(clock)
        .set("require_pricing", json!(false))
}

async fn get(app: &TestApp, path: &str) -> Value {
    app.client.get(path, MASTER_KEY).await.expect(200)
}

async fn ask(app: &TestApp, key: &str, model: &str, status: u16) {
    let body = json!({"model": model, "messages": [{"role": "user", "content": "x"}]});
    let answer = app.client.post("/v1/chat/completions", key, &body).await;
    answer.expect(status);
}

/// A success of alice, and an hour later one of bob and one that failed.
async fn called(app: &TestApp, clock: &ManualClock) {
    let alice = app.key("alice", json!({"key_name": "ci"})).await;
    let bob = app.key("bob", json!({})).await;
    ask(app, &alice, "mock:scripted", 200).await;
    clock.advance_secs(3_600);
    ask(app, &bob, "mock:=1+1", 200).await;
    app.upstream.enqueue(Script::json(429, &Value::Null));
    ask(app, &bob, "mock:scripted", 429).await;
    clock.advance_secs(60);
}

fn members(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn keys(rows: &Value) -> Vec<Option<&str>> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["key"].as_str()).collect()
}

#[tokio::test]
async fn a_summary_has_totals_breakdowns_failures_and_every_day() {
    for database in databases().await {
        let clock = TestApp::noon();
        let app = builder(&clock).database(&database.url).start().await;
        called(&app, &clock).await;
        let summary = get(&app, "/v1/usage/summary").await;
        assert_eq!(
            (
                &summary["start_date"],
                &summary["end_date"],
                &summary["bucket"]
            ),
            (
                &json!("2025-12-02T13:01:00+00:00"),
                &json!("2026-01-01T13:01:00+00:00"),
                &json!("day")
            )
        );
        let totals = &summary["totals"];
        assert_eq!(
            (
                &totals["request_count"],
                &totals["error_count"],
                &totals["unpriced_requests"]
            ),
            (&json!(3), &json!(1), &json!(1))
        );
        assert!(totals["avg_latency_ms"].is_f64());
        assert_eq!(keys(&summary["by_user"]), [Some("alice"), Some("bob")]);
        assert_eq!(summary["by_user"][0]["cost"], totals["cost"]);
        assert_eq!(summary["by_api_key"][0]["label"], "ci");
        assert_eq!(keys(&summary["by_source_label"]), [None]);
        assert_eq!(
            summary["errors_by_status_code"],
            json!([{"status_code": 429, "error_class": "rate_limit", "requests": 1}])
        );
        let series = summary["series"].as_array().unwrap();
        assert_eq!(series.len(), 31);
        assert_eq!(series[0]["bucket_start"], "2025-12-02T00:00:00Z");
        assert_eq!(series[0]["requests"], 0);
        let today = &series[30];
        assert_eq!(
            (&today["bucket_start"], &today["requests"], &today["errors"]),
            (&json!("2026-01-01T00:00:00Z"), &json!(3), &json!(1))
        );
        assert_eq!(
            (
                &today["input_tokens"],
                &today["output_tokens"],
                &today["tokens"]
            ),
            (
                &totals["billed_input_tokens"],
                &totals["billed_output_tokens"],
                &totals["total_tokens"]
            )
        );
        database.finish().await;
    }
}

#[tokio::test]
async fn a_summary_has_the_members_that_clients_know() {
    let clock = TestApp::noon();
    let app = builder(&clock).start().await;
    called(&app, &clock).await;
    let summary = get(&app, "/api/v1/usage/summary").await;
    let groups = ["key", "label", "cost", "tokens", "requests", "is_other"];
    assert_eq!(
        members(&summary),
        [
            "start_date",
            "end_date",
            "bucket",
            "totals",
            "by_model",
            "by_user",
            "by_api_key",
            "by_source",
            "by_source_label",
            "by_endpoint",
            "by_provider",
            "by_tool",
            "errors_by_status_code",
            "series",
        ]
    );
    assert_eq!(
        members(&summary["totals"]),
        [
            "cost",
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "cache_write_1h_tokens",
            "request_count",
            "error_count",
            "avg_latency_ms",
            "unpriced_requests",
            "billed_input_tokens",
            "billed_output_tokens",
        ]
    );
    assert_eq!(members(&summary["by_model"][0]), groups);
    assert_eq!(
        members(&summary["series"][0]),
        [
            "bucket_start",
            "cost",
            "tokens",
            "requests",
            "errors",
            "input_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "output_tokens",
        ]
    );
}

#[tokio::test]
async fn only_the_breakdowns_asked_for_are_filled() {
    let clock = TestApp::noon();
    let app = builder(&clock).start().await;
    called(&app, &clock).await;
    let some = get(
        &app,
        "/v1/usage/summary?dimensions=user&dimensions=status_code&dimensions=user",
    )
    .await;
    assert_eq!(keys(&some["by_user"]).len(), 2);
    assert_eq!(some["errors_by_status_code"][0]["requests"], 1);
    let none = get(&app, "/v1/usage/summary?dimensions=none").await;
    for summary in [&some, &none] {
        assert_eq!(summary["by_model"], json!([]));
        assert_eq!(summary["totals"]["request_count"], 3);
    }
    assert_eq!(none["by_user"], json!([]));
    assert_eq!(none["errors_by_status_code"], json!([]));
    let bobs = get(&app, "/v1/usage/summary?user_id=bob&status=error").await;
    assert_eq!(bobs["totals"]["request_count"], 1);
    assert_eq!(keys(&bobs["by_user"]), [Some("bob")]);
}

#[tokio::test]
async fn a_long_window_is_cut_and_its_hours_are_sparse() {
    let clock = TestApp::noon();
    let app = builder(&clock).start().await;
    called(&app, &clock).await;
    let hours = get(&app, "/v1/usage/summary?bucket=hour&start_date=2000-01-01").await;
    assert_eq!(hours["start_date"], "2024-12-31T13:01:00+00:00");
    let starts: Vec<&Value> = hours["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| &point["bucket_start"])
        .collect();
    assert_eq!(starts, ["2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z"]);
    let full = get(&app, "/v1/usage/summary?bucket=hour&start_date=2026-01-01T10:30:00Z&end_date=2026-01-01T13:00:00Z").await;
    let requests: Vec<&Value> = full["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| &point["requests"])
        .collect();
    assert_eq!(requests, [0, 0, 1]);
    let nothing = get(
        &app,
        "/v1/usage/summary?start_date=2030-01-01&end_date=2029-01-01",
    )
    .await;
    assert_eq!(nothing["series"], json!([]));
    assert_eq!(nothing["totals"]["avg_latency_ms"], Value::Null);
}

#[tokio::test]
async fn a_series_is_grouped_and_bounded() {
    let clock = TestApp::noon();
    let app = builder(&clock).start().await;
    called(&app, &clock).await;
    let series = get(&app, "/v1/usage/series?group_by=user_id&bucket=hour").await;
    assert_eq!(
        (&series["group_by"], keys(&series["groups"])),
        (&json!("user_id"), vec![Some("alice"), Some("bob")])
    );
    let points: Vec<_> = series["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            (
                &point["bucket_start"],
                &point["key"],
                &point["requests"],
                &point["is_other"],
            )
        })
        .collect();
    let point = |start, key, requests| (json!(start), json!(key), json!(requests), json!(false));
    let expected = [
        point("2026-01-01T12:00:00Z", "alice", 1),
        point("2026-01-01T13:00:00Z", "bob", 2),
    ];
    let expected: Vec<_> = expected.iter().map(|(a, b, c, d)| (a, b, c, d)).collect();
    assert_eq!(points, expected);
    for refused in [
        "/v1/usage/series",
        "/v1/usage/series?group_by=endpoint",
        "/v1/usage/series?group_by=model&bucket=hour&start_date=2025-11-01",
        "/v1/usage/series?group_by=model&bucket=week",
        "/v1/usage/summary?dimensions=colour",
        "/v1/usage/summary?bucket=week",
    ] {
        app.client.get(refused, MASTER_KEY).await.expect(422);
    }
}

#[tokio::test]
async fn a_csv_file_cannot_run_what_callers_wrote() {
    let clock = TestApp::noon();
    let app = builder(&clock).start().await;
    called(&app, &clock).await;
    let file = app.client.get("/v1/usage/summary.csv", MASTER_KEY).await;
    assert_eq!(file.status, 200);
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(
        file.header("content-disposition"),
        Some("attachment; filename=\"usage-summary.csv\"")
    );
    let text = file.text();
    let mut lines = text.split("\r\n");
    assert_eq!(lines.next(), Some("dimension,key,cost,tokens,requests"));
    assert!(text.contains("\r\nmodel,'=1+1,0.0,"), "{text}");
    assert!(text.contains("\r\nuser,alice,"), "{text}");
    assert!(text.contains("\r\nsource_label,,"), "{text}");
}

#[tokio::test]
async fn analytics_are_for_the_operator() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    for path in [
        "/v1/usage/summary",
        "/v1/usage/series?group_by=model",
        "/v1/usage/summary.csv",
        "/v1/usage/in-flight",
        "/v1/providers",
    ] {
        app.client.get(path, &key).await.expect(401);
    }
}
