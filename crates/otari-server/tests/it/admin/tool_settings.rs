//! `/v1/tool-settings`

use otari_testkit::{MASTER_KEY, Script, TestApp, Upstream};
use serde_json::{Value, json};

const PATH: &str = "/v1/tool-settings";

fn value(settings: &Value, key: &str) -> Value {
    let fields = settings["fields"].as_array().unwrap();
    let field = fields.iter().find(|field| field["key"] == key).unwrap();
    field["value"].clone()
}

#[tokio::test]
async fn a_service_can_be_set_changed_and_taken_away_while_the_gateway_runs() {
    let app = TestApp::builder()
        .set("web_search_max_results", json!(3))
        .start()
        .await;
    let listed = async || {
        let tools = app.client.get("/v1/tools", MASTER_KEY).await.expect(200);
        tools["data"][0]["available"].clone()
    };
    assert_eq!(listed().await, false);
    let patch = json!({"web_search_url": "http://127.0.0.1:9/", "web_search_max_results": 7, "web_search_intercept": true});
    let settings = app.client.patch(PATH, MASTER_KEY, &patch).await.expect(200);
    assert_eq!(
        (
            value(&settings, "web_search_url"),
            value(&settings, "web_search_max_results")
        ),
        (json!("http://127.0.0.1:9/"), json!(7))
    );
    assert_eq!(listed().await, true);
    let app = TestApp::builder()
        .set("web_search_max_results", json!(3))
        .restart(app)
        .await;
    let settings = app.client.get(PATH, MASTER_KEY).await.expect(200);
    assert_eq!(
        value(&settings, "web_search_max_results"),
        7,
        "stored goes before configured"
    );
    let patch = json!({"web_search_url": "  ", "web_search_max_results": null});
    let settings = app.client.patch(PATH, MASTER_KEY, &patch).await.expect(200);
    assert_eq!(
        (
            value(&settings, "web_search_url"),
            value(&settings, "web_search_max_results")
        ),
        (Value::Null, json!(3))
    );
}

#[tokio::test]
async fn the_guardrail_service_is_one_of_them() {
    let upstream = Upstream::start().await;
    let app = TestApp::start().await;
    let key = app.key("ada", json!({})).await;
    let patch = json!({"guardrails_url": upstream.base()});
    let settings = app.client.patch(PATH, MASTER_KEY, &patch).await.expect(200);
    assert_eq!(value(&settings, "guardrails_url"), upstream.base());
    upstream.always(Script::json(
        200,
        &json!({"result": {"valid": false, "score": 1.0}}),
    ));
    let body = json!({
        "model": "mock:scripted", "messages": [{"role": "user", "content": "hi"}],
        "guardrails": [{"profile": "house", "mode": "block"}],
    });
    let refused = app
        .client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(403);
    assert_eq!(refused["error"]["code"], "guardrail_violation");
    app.client
        .patch(PATH, MASTER_KEY, &json!({"guardrails_url": null}))
        .await
        .expect(200);
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(502);
}

#[tokio::test]
async fn wrong_values_change_nothing() {
    let app = TestApp::start().await;
    let patch = json!({
        "web_search_url": "ftp://x", "web_search_max_results": 21, "web_search_extract": "perhaps", "tools_header": "x",
        "web_search_engines": "bing",
    });
    let refused = app.client.patch(PATH, MASTER_KEY, &patch).await.expect(422);
    assert_eq!(refused["detail"].as_array().unwrap().len(), 4, "{refused}");
    let settings = app.client.get(PATH, MASTER_KEY).await.expect(200);
    assert_eq!(value(&settings, "web_search_engines"), Value::Null);
    let key = app.key("ada", json!({})).await;
    app.client.patch(PATH, &key, &json!({})).await.expect(401);
}

#[tokio::test]
async fn a_service_is_reachable_when_anything_answers() {
    let upstream = Upstream::start().await;
    let app = TestApp::start().await;
    let test = async |service: &str, url: &str| {
        let path = format!("{PATH}/{service}/test");
        app.client
            .post(&path, MASTER_KEY, &json!({"url": url}))
            .await
    };
    for script in [
        Script::whole(404, "text/plain", "no"),
        Script::whole(302, "text/plain", "").header("location", "http://127.0.0.1:8099/"),
    ] {
        upstream.enqueue(script);
        let answer = test("sandbox", &upstream.base()).await.expect(200);
        assert_eq!(answer, json!({"ok": true, "reason": null}));
    }
    let answer = test("web_search", "http://127.0.0.1:8099/")
        .await
        .expect(200);
    assert_eq!(answer["ok"], false, "{answer}");
    assert!(!answer["reason"].as_str().unwrap().is_empty());
    test("printer", "http://127.0.0.1:8099/").await.expect(404);
}
