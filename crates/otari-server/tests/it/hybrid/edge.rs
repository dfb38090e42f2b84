//! What there is in hybrid mode beside the calls, and what there is not.

use bytes::Bytes;
use http::Method;
use otari_testkit::{Hybrid, USER_TOKEN};
use serde_json::json;

use super::{CHAT, chat, post};

#[tokio::test]
async fn health_asks_the_platform() {
    let hybrid = Hybrid::start().await;
    let client = &hybrid.app.client;
    let healthy = json!({"status": "healthy", "mode": "hybrid", "platform_reachable": "yes"});
    assert_eq!(client.get("/health", "").await.expect(200), healthy);
    let ready =
        json!({"status": "healthy", "mode": "hybrid", "platform": "connected", "version": "test"});
    assert_eq!(client.get("/health/readiness", "").await.expect(200), ready);
    // Any answer but the platform's own trouble says that it is there.
    hybrid.fail(&json!([{"on": "health", "status": 404}]));
    assert_eq!(client.get("/health", "").await.expect(200), healthy);
    hybrid.fail(&json!([{"on": "health", "status": 500}]));
    let answer = client.get("/health", "").await.expect(200);
    assert_eq!(answer["platform_reachable"], "no");
    let away = json!({"status": "unhealthy", "mode": "hybrid", "platform": "unavailable", "version": "test"});
    assert_eq!(
        client.get("/health/readiness", "").await.expect(503)["detail"],
        away
    );
    assert_eq!(
        client.get("/health/liveness", "").await.expect(200),
        "I'm alive!"
    );
}

#[tokio::test]
async fn what_the_platform_manages_says_so() {
    let pages = json!("https://llm.example.com");
    let hybrid = Hybrid::builder()
        .platform("management_url", pages)
        .start()
        .await;
    for prefix in ["/v1", "/api/v1"] {
        for path in [
            "/users",
            "/keys",
            "/budgets",
            "/usage",
            "/settings",
            "/aliases",
            "/providers",
            "/pricing",
            "/organizations",
            "/workspaces",
            "/invitations",
            "/users/a",
            "/keys/a/rotate",
            "/workspaces/w/mcp-servers/s",
            "/usage/summary.csv",
        ] {
            for method in [
                Method::GET,
                Method::POST,
                Method::PATCH,
                Method::DELETE,
                Method::PUT,
            ] {
                let path = format!("{prefix}{path}");
                let client = &hybrid.app.client;
                let answer = client
                    .send(method.clone(), &path, None, &[], Bytes::new())
                    .await;
                let detail = answer.expect(404)["detail"].as_str().unwrap().to_owned();
                let says =
                    detail.contains("hybrid mode") && detail.contains("https://llm.example.com");
                assert!(says, "{method} {path}: {detail}");
            }
        }
    }
}

#[tokio::test]
async fn what_only_standalone_has_is_a_plain_404() {
    let hybrid = Hybrid::start().await;
    for (method, path) in [
        (Method::POST, "/v1/embeddings"),
        (Method::GET, "/v1/models"),
        (Method::POST, "/v1/images/generations"),
        (Method::POST, "/v1/images/edits"),
        (Method::POST, "/v1/images/variations"),
        (Method::POST, "/v1/audio/speech"),
        (Method::POST, "/v1/audio/transcriptions"),
        (Method::POST, "/v1/audio/translations"),
        (Method::POST, "/v1/moderations"),
        (Method::POST, "/v1/rerank"),
        (Method::GET, "/v1/files"),
        (Method::GET, "/v1/files/file-1"),
        (Method::POST, "/v1/batches"),
        (Method::POST, "/v1/search"),
        (Method::GET, "/v1/tools"),
        (Method::GET, "/v1/responses/resp_1"),
        (Method::POST, "/mcp"),
    ] {
        let client = &hybrid.app.client;
        let answer = client
            .send(method, path, Some(USER_TOKEN), &[], Bytes::new())
            .await;
        assert_eq!(answer.expect(404)["detail"], "Not Found", "{path}");
    }
}

#[tokio::test]
async fn clients_learn_where_they_are() {
    let hybrid = Hybrid::start().await;
    let answer = hybrid.app.client.get("/v1/bootstrap", "").await.expect(200);
    let expected = json!({"deployment_type": "hybrid", "session_type": "none", "surfaces": [],
        "management_url": "https://otari.ai", "sign_in_methods": [], "mail_ready": false});
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn nothing_is_written_here() {
    let hybrid = Hybrid::start().await;
    post(&hybrid, CHAT, &chat("mock:m")).await.expect(200);
    hybrid.reports(1).await;
    for name in ["data", "files", "otari.db"] {
        assert!(!hybrid.app.path(name).exists(), "{name}");
    }
    assert_eq!(hybrid.app.app.gateway.ledger.waiting(), 0);
}
