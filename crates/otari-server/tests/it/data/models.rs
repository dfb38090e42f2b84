//! `GET /v1/models`

use otari_testkit::{Script, TestApp};
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<&str> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn discovered_priced_and_aliased_models_are_listed_for_who_may_use_them() {
    let app = TestApp::builder()
        .set("aliases", json!({"house": "mock:hidden"}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let narrow = app
        .key("alice", json!({"allowed_models": ["mock:b*"]}))
        .await;
    let list = json!({"object": "list", "data": [{"id": "beta", "created": 7, "owned_by": "lab"}, {"id": "hidden"}]});
    app.upstream.enqueue(Script::json(200, &list));

    let all = app.client.get("/v1/models", &key).await.expect(200);
    assert_eq!(ids(&all), ["house", "mock:beta", "mock:scripted"]);
    assert_eq!(
        (&all["data"][1]["created"], &all["data"][1]["owned_by"]),
        (&json!(7), &json!("lab"))
    );
    assert_eq!(
        (
            &all["data"][2]["pricing_source"],
            &all["data"][2]["pricing"]["input_price_per_million"]
        ),
        (&json!("configured"), &json!(2.5))
    );
    assert_eq!(
        ids(&app.client.get("/v1/models", &narrow).await.expect(200)),
        ["mock:beta"]
    );
    assert_eq!(
        ids(&app
            .client
            .get("/v1/models?provider=mock", &key)
            .await
            .expect(200)),
        ["mock:beta", "mock:scripted"]
    );
    assert_eq!(
        app.upstream.captured().len(),
        1,
        "the list is asked for once and kept"
    );

    let one = app
        .client
        .get("/v1/models/mock:beta", &key)
        .await
        .expect(200);
    assert_eq!(
        (&one["id"], &one["pricing_source"], &one["pricing"]),
        (&json!("mock:beta"), &json!("none"), &Value::Null)
    );
    app.client.get("/v1/models/house", &key).await.expect(200);
    app.client
        .get("/v1/models/mock:scripted", &narrow)
        .await
        .expect(404);
    app.client
        .get("/v1/models/mock:nothing", &key)
        .await
        .expect(404);
    app.client
        .send(
            http::Method::GET,
            "/v1/models",
            None,
            &[],
            bytes::Bytes::new(),
        )
        .await
        .expect(401);
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_still_has_its_declared_models() {
    let app = TestApp::start().await;
    let provider = json!({"mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": "http://127.0.0.1:9/v1", "models": ["declared"]}});
    let app = TestApp::builder()
        .set("providers", provider)
        .restart(app)
        .await;
    let key = app.key("alice", json!({})).await;
    assert_eq!(
        ids(&app.client.get("/v1/models", &key).await.expect(200)),
        ["mock:declared", "mock:scripted"]
    );
}

#[tokio::test]
async fn context_windows_are_shown_also_without_default_prices() {
    let provider = json!({"openai": {"api_key": "k", "api_base": "http://127.0.0.1:9/v1", "models": ["gpt-4o", "homemade"]}});
    let app = TestApp::builder()
        .set("providers", provider)
        .set("aliases", json!({"house": "openai:gpt-4o"}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let known = app
        .client
        .get("/v1/models/openai:gpt-4o", &key)
        .await
        .expect(200);
    assert_eq!(
        (&known["context_window"], &known["pricing_source"]),
        (&json!(128_000), &json!("none"))
    );
    let list = app.client.get("/v1/models", &key).await.expect(200);
    assert_eq!(ids(&list), ["house", "openai:homemade"]);
    assert_eq!(
        (
            &list["data"][0]["context_window"],
            &list["data"][1]["context_window"]
        ),
        (&json!(128_000), &Value::Null)
    );
}
