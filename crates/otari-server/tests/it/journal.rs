//! Nothing settled is lost between two lives of a process.

use otari_testkit::TestApp;
use serde_json::json;

#[tokio::test]
async fn rows_and_counters_survive_a_restart_exactly_once() {
    let app = TestApp::start().await;
    let key = app
        .budgeted_key("alice", json!({"request_limit": 10}))
        .await;
    let body = json!({"model": "mock:scripted", "messages": [{"role": "user", "content": "x"}]});
    for _ in 0..3 {
        app.client
            .post("/v1/chat/completions", &key, &body)
            .await
            .expect(200);
    }
    let app = TestApp::builder().restart(app).await;
    assert_eq!(app.usage().await.len(), 3);
    assert_eq!(app.user("alice").await["current_requests"], json!(3));
    for _ in 0..7 {
        app.client
            .post("/v1/chat/completions", &key, &body)
            .await
            .expect(200);
    }
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(403);
    assert_eq!(app.user("alice").await["current_requests"], json!(10));
}
