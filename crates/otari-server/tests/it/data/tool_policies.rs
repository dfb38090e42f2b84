//! What a workspace takes away from tools, in conversations.

use http::Method;
use otari_testkit::{MASTER_KEY, Script, TestApp, Upstream};
use serde_json::{Value, json};

async fn start() -> (TestApp, Upstream, String) {
    let search = Upstream::start().await;
    let app = TestApp::builder()
        .set("web_search_url", json!(search.base()))
        .set("web_search_extract", json!(false))
        .set("require_pricing", json!(false))
        .start()
        .await;
    let key = app.key("ada", json!({})).await;
    (app, search, key)
}

async fn put(app: &TestApp, what: &str, policy: Value) {
    let path = format!("/v1/workspaces/{}/{what}", app.app.workspace_id);
    let body = policy.to_string().into();
    let answer = app
        .client
        .send(Method::PUT, &path, Some(MASTER_KEY), &[], body)
        .await;
    answer.expect(200);
}

fn asking(tool: &str) -> Value {
    json!({
        "model": "mock:scripted", "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": tool, "allowed_domains": ["a.test", "b.test"]}],
    })
}

fn calling(name: &str, arguments: &Value) -> Script {
    let call = json!({"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments.to_string()}});
    let choice = json!({
        "index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": null, "tool_calls": [call]},
    });
    Script::json(
        200,
        &json!({"id": "x", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice]}),
    )
}

#[tokio::test]
async fn what_is_switched_off_is_refused_before_the_provider_is_asked() {
    let (app, search, key) = start().await;
    put(&app, "web-search", json!({"enabled": false})).await;
    put(&app, "code-execution-policy", json!({"enabled": false})).await;
    for tool in [
        "otari_web_search",
        "otari_web_fetch",
        "otari_code_execution",
    ] {
        let refused = app
            .client
            .post("/v1/chat/completions", &key, &asking(tool))
            .await
            .expect(403);
        assert_eq!(refused["error"]["code"], "tool_switched_off", "{tool}");
        assert!(
            refused["detail"].as_str().unwrap().starts_with(tool),
            "{refused}"
        );
    }
    assert!(app.upstream.captured().is_empty() && search.captured().is_empty());
    app.upstream.enqueue(Script::chat("hello"));
    let plain = json!({"model": "mock:scripted", "messages": [{"role": "user", "content": "hi"}]});
    app.client
        .post("/v1/chat/completions", &key, &plain)
        .await
        .expect(200);
}

#[tokio::test]
async fn searches_and_pages_stay_within_the_workspaces_sites() {
    let (app, search, key) = start().await;
    let policy = json!({"enabled": true, "allowed_domains": ["a.test"], "max_results": 1, "purpose_hint": "for the house"});
    put(&app, "web-search", policy).await;
    let results = json!({"results": [
        {"url": "https://b.test/", "title": "B"}, {"url": "https://a.test/1", "title": "A1"},
        {"url": "https://a.test/2", "title": "A2"},
    ]});
    search.always(Script::json(200, &results));
    app.upstream
        .enqueue(calling("web_search", &json!({"query": "q"})));
    app.upstream.enqueue(Script::chat("done"));
    app.client
        .post("/v1/chat/completions", &key, &asking("otari_web_search"))
        .await
        .expect(200);
    let sent = app.upstream.last().json()["messages"].to_string();
    assert!(
        sent.contains("A1") && !sent.contains("A2") && !sent.contains("b.test"),
        "{sent}"
    );
    assert!(sent.contains("for the house"), "{sent}");
    app.upstream
        .enqueue(calling("web_fetch", &json!({"url": "https://b.test/"})));
    app.upstream.enqueue(Script::chat("done"));
    app.client
        .post("/v1/chat/completions", &key, &asking("otari_web_fetch"))
        .await
        .expect(200);
    let sent = app.upstream.last().json()["messages"].to_string();
    assert!(
        sent.contains("https://b.test/ may not be read here"),
        "{sent}"
    );
}
