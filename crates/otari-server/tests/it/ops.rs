//! Health, metrics, headers.

use bytes::Bytes;
use http::Method;
use otari_testkit::TestApp;
use serde_json::json;

#[tokio::test]
async fn health_needs_no_key_and_is_not_marked_private() {
    let app = TestApp::start().await;
    for prefix in ["", "/api/v1"] {
        let health = app.client.get(&format!("{prefix}/health"), "none").await;
        assert_eq!(health.expect(200)["status"], "healthy");
        let live = app
            .client
            .get(&format!("{prefix}/health/liveness"), "none")
            .await;
        assert_eq!(live.expect(200), "I'm alive!");
        let ready = app
            .client
            .get(&format!("{prefix}/health/readiness"), "none")
            .await
            .expect(200);
        assert_eq!(
            (&ready["database"], &ready["version"]),
            (&json!("connected"), &json!("test"))
        );
    }
    assert_eq!(
        app.client
            .get("/health", "none")
            .await
            .header("cache-control"),
        None
    );
}

#[tokio::test]
async fn every_answer_has_the_security_headers_and_a_request_id() {
    let app = TestApp::start().await;
    let sent = [("x-request-id", "my-id-1")];
    let answer = app
        .client
        .send(Method::GET, "/v1/bootstrap", None, &sent, Bytes::new())
        .await;
    for (name, value) in [
        ("x-request-id", "my-id-1"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("cache-control", "private, no-store, no-cache"),
        ("vary", "Authorization"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn metrics_are_off_by_default_and_can_ask_for_a_token() {
    let app = TestApp::start().await;
    app.client.get("/metrics", "x").await.expect(404);
    let app = TestApp::builder()
        .set("enable_metrics", json!(true))
        .set("metrics_token", json!("scrape-me"))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let body = json!({"model": "mock:scripted", "messages": [{"role": "user", "content": "x"}]});
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(200);
    assert_eq!(app.usage().await.len(), 1);
    app.client.get("/metrics", "wrong").await.expect(401);
    let metrics = app.client.get("/metrics", "scrape-me").await;
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    for line in [
        "gateway_requests_total{method=\"POST\",endpoint=\"/v1/chat/completions\",status=\"200\"} 1",
        "gateway_tokens_total{provider=\"mock\",model=\"scripted\",type=\"output\"} 29",
        "gateway_request_cost_dollars_count{provider=\"mock\",model=\"scripted\"} 1",
        "gateway_usage_log_rows_total{writer=\"batch\",result=\"written\"} 1",
        "# TYPE gateway_requests_total counter\n",
        "process_resident_memory_bytes ",
        "process_start_time_seconds ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains(&key) && !text.contains("# EOF"));
    let plain = metrics.header("content-type");
    assert_eq!(plain, Some("text/plain; version=0.0.4; charset=utf-8"));
}

#[tokio::test]
async fn a_scraper_that_asks_for_openmetrics_gets_it() {
    let app = TestApp::builder()
        .set("enable_metrics", json!(true))
        .start()
        .await;
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
    let metrics = app
        .client
        .send(
            Method::GET,
            "/metrics",
            None,
            &[("accept", accept)],
            Bytes::new(),
        )
        .await;
    assert_eq!(
        metrics.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = metrics.text();
    assert!(text.contains("# TYPE process_cpu_seconds counter\n") && text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_api_document_lists_every_route() {
    let app = TestApp::start().await;
    let document = app.client.get("/openapi.json", "none").await.expect(200);
    for path in [
        "/v1/chat/completions",
        "/v1/keys/{key_id}/rotate",
        "/v1/usage/count",
        "/v1/pricing/{model_key}",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    assert!(
        app.client
            .get("/docs", "none")
            .await
            .text()
            .contains("openapi.json")
    );
}

#[tokio::test]
async fn cross_origin_answers_only_to_configured_origins() {
    let preflight = [
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "PUT"),
    ];
    let app = TestApp::start().await;
    let answer = app
        .client
        .send(Method::OPTIONS, "/v1/keys", None, &preflight, Bytes::new())
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let app = TestApp::builder()
        .set("cors_allow_origins", json!(["https://app.example.com"]))
        .start()
        .await;
    let answer = app
        .client
        .send(Method::OPTIONS, "/v1/keys", None, &preflight, Bytes::new())
        .await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example.com")
    );
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    assert!(
        answer
            .header("access-control-allow-methods")
            .unwrap()
            .contains("PUT")
    );
}
