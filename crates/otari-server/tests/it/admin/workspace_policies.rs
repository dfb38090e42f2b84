//! `/v1/workspaces/{workspace_id}/code-execution-policy` and `/web-search`

use http::Method;
use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::{Value, json};

async fn send(app: &TestApp, method: Method, what: &str, body: Value, status: u16) -> Value {
    let path = format!("/api/v1/workspaces/{}/{what}", app.app.workspace_id);
    let body = body.to_string().into();
    app.client
        .send(method, &path, Some(MASTER_KEY), &[], body)
        .await
        .expect(status)
}

#[tokio::test]
async fn a_policy_is_set_read_and_removed() {
    let app = TestApp::start().await;
    for (what, policy) in [
        (
            "code-execution-policy",
            json!({"enabled": false, "max_iterations": 3, "exec_timeout_s": 20, "default_purpose_hint": "sums"}),
        ),
        (
            "web-search",
            json!({"enabled": true, "max_results": 4, "allowed_domains": ["a.test"], "provider_options": {"a": 1}}),
        ),
    ] {
        let before = send(&app, Method::GET, what, json!({}), 200).await;
        assert_eq!(
            (
                &before["configured"],
                &before["enabled"],
                &before["created_at"]
            ),
            (&json!(false), &json!(true), &Value::Null)
        );
        let set = send(&app, Method::PUT, what, policy.clone(), 200).await;
        for (member, value) in policy.as_object().unwrap() {
            assert_eq!(&set[member], value, "{what} {member}");
        }
        assert_eq!(set["configured"], true);
        assert_eq!(send(&app, Method::GET, what, json!({}), 200).await, set);
        let cleared = send(&app, Method::DELETE, what, json!({}), 200).await;
        assert_eq!(cleared, before);
    }
}

#[tokio::test]
async fn a_policy_can_only_narrow() {
    let app = TestApp::start().await;
    for (what, policy, param) in [
        ("code-execution-policy", json!({}), "enabled"),
        ("code-execution-policy", json!({"enabled": 1}), "enabled"),
        (
            "code-execution-policy",
            json!({"enabled": true, "max_iterations": 26}),
            "max_iterations",
        ),
        (
            "code-execution-policy",
            json!({"enabled": true, "max_iterations": true}),
            "max_iterations",
        ),
        (
            "code-execution-policy",
            json!({"enabled": true, "exec_timeout_s": 0}),
            "exec_timeout_s",
        ),
        (
            "code-execution-policy",
            json!({"enabled": true, "tools": ["perl"]}),
            "tools",
        ),
        (
            "web-search",
            json!({"enabled": true, "max_results": 21}),
            "max_results",
        ),
        (
            "web-search",
            json!({"enabled": true, "blocked_domains": vec!["a"; 101]}),
            "blocked_domains",
        ),
    ] {
        let refused = send(&app, Method::PUT, what, policy, 422).await;
        assert_eq!(refused["error"]["param"], param, "{refused}");
    }
    let other = "/v1/workspaces/nope/web-search";
    app.client.get(other, MASTER_KEY).await.expect(404);
}
