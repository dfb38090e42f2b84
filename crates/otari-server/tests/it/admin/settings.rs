//! `/v1/settings`

use otari_store::testing;
use otari_testkit::{MASTER_KEY, Script, TestApp};
use serde_json::{Value, json};

fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "x"}]})
}

async fn settings(app: &TestApp) -> Value {
    app.client.get("/v1/settings", MASTER_KEY).await.expect(200)
}

async fn change(app: &TestApp, changes: Value) -> Value {
    app.client
        .patch("/v1/settings", MASTER_KEY, &changes)
        .await
        .expect(200)
}

fn field<'a>(settings: &'a Value, key: &str) -> Option<&'a Value> {
    let fields = settings["config"].as_array().unwrap();
    fields.iter().find(|field| field["key"] == key)
}

#[tokio::test]
async fn the_settings_show_what_is_in_force_and_no_secret() {
    let app = TestApp::builder()
        .set(
            "sandbox_url",
            json!("http://user:HUSH@127.0.0.1:1/run?key=HUSH"),
        )
        .set("smtp_password", json!("HUSH"))
        .start()
        .await;
    let shown = settings(&app).await;
    assert!(!shown.to_string().contains("HUSH"), "{shown}");
    assert!(!shown.to_string().contains(MASTER_KEY), "{shown}");
    for (member, value) in [
        ("mode", json!("standalone")),
        ("version", json!("test")),
        ("model_discovery", json!(true)),
        ("default_pricing", json!(false)),
        ("require_pricing", json!(true)),
        ("master_key_source", json!("configured")),
        ("secret_key_configured", json!(false)),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    for (key, value, kind, settable, group, options, minimum, exclusive_minimum) in [
        (
            "mode",
            json!("standalone"),
            "str",
            false,
            "Server & database",
            json!(["standalone", "hybrid"]),
            json!(null),
            json!(null),
        ),
        (
            "sandbox_url",
            json!("http://***@127.0.0.1:1/run?key=***"),
            "str",
            false,
            "Tools & network access",
            json!(null),
            json!(null),
            json!(null),
        ),
        (
            "require_pricing",
            json!(true),
            "bool",
            true,
            "Metering & budgets",
            json!(null),
            json!(null),
            json!(null),
        ),
        (
            "stream_missing_usage_policy",
            json!("estimate"),
            "str",
            true,
            "Metering & budgets",
            json!(["estimate", "fail", "allow_free"]),
            json!(null),
            json!(null),
        ),
        (
            "budget_estimate_default_output_tokens",
            json!(1024),
            "int",
            true,
            "Metering & budgets",
            json!(null),
            json!(0.0),
            json!(null),
        ),
        (
            "model_discovery_timeout_seconds",
            json!(10.0),
            "float",
            true,
            "Models & discovery",
            json!(null),
            json!(null),
            json!(0.0),
        ),
        (
            "cors_allow_origins",
            json!([]),
            "list",
            false,
            "Rate limiting & CORS",
            json!(null),
            json!(null),
            json!(null),
        ),
        (
            "rate_limit_rpm",
            json!(null),
            "int",
            false,
            "Rate limiting & CORS",
            json!(null),
            json!(1.0),
            json!(null),
        ),
    ] {
        let mut expected = json!({
            "key": key, "value": value, "type": kind, "settable": settable, "group": group, "options": options,
            "minimum": minimum, "exclusive_minimum": exclusive_minimum,
        });
        let found = field(&shown, key).unwrap_or_else(|| panic!("{key} is not shown"));
        assert!(!found["description"].as_str().unwrap().is_empty(), "{key}");
        expected["description"] = found["description"].clone();
        assert_eq!(*found, expected);
    }
    for key in [
        "master_key",
        "smtp_password",
        "providers",
        "pricing",
        "platform",
    ] {
        assert_eq!(field(&shown, key), None, "{key}");
    }
    let key = app.key("alice", json!({})).await;
    app.client.get("/v1/settings", &key).await.expect(401);
    app.client
        .patch("/v1/settings", &key, &json!({"require_pricing": false}))
        .await
        .expect(401);
}

#[tokio::test]
async fn pricing_settings_count_from_the_next_call_and_after_a_restart() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    app.client
        .post("/v1/chat/completions", &key, &hello("mock:unpriced"))
        .await
        .expect(402);
    let shown = change(
        &app,
        json!({"require_pricing": false, "model_cache_ttl_seconds": 7}),
    )
    .await;
    assert_eq!(shown["require_pricing"], false);
    assert_eq!(field(&shown, "require_pricing").unwrap()["value"], false);
    app.client
        .post("/v1/chat/completions", &key, &hello("mock:unpriced"))
        .await
        .expect(200);
    let app = TestApp::builder()
        .set("require_pricing", json!(true))
        .restart(app)
        .await;
    let shown = settings(&app).await;
    assert_eq!(
        shown["require_pricing"], false,
        "stored goes before configured"
    );
    assert_eq!(
        field(&shown, "model_cache_ttl_seconds").unwrap()["value"],
        7
    );
    app.client
        .post("/v1/chat/completions", &key, &hello("mock:unpriced"))
        .await
        .expect(200);
}

#[tokio::test]
async fn default_prices_come_and_go() {
    let provider = json!({"openai": {"api_key": "k", "api_base": "http://127.0.0.1:9/v1", "models": ["gpt-4o"]}});
    let app = TestApp::builder().set("providers", provider).start().await;
    let source = async || {
        let model = app
            .client
            .get("/v1/models/openai:gpt-4o", MASTER_KEY)
            .await
            .expect(200);
        model["pricing_source"].clone()
    };
    assert_eq!(source().await, "none");
    change(&app, json!({"default_pricing": true})).await;
    assert_eq!(source().await, "default");
    change(&app, json!({"default_pricing": false})).await;
    assert_eq!(source().await, "none");
}

#[tokio::test]
async fn the_rest_of_the_hot_settings_change_what_calls_do() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let mut named = hello("mock:scripted");
    named["user"] = json!("someone");
    app.client
        .post("/v1/chat/completions", &key, &named)
        .await
        .expect(403);
    change(&app, json!({"reject_user_mismatch": false})).await;
    app.client
        .post("/v1/chat/completions", &key, &named)
        .await
        .expect(200);

    // A hold of 1024 tokens does not fit; one of 10 does.
    let poor = app.budgeted_key("poor", json!({"token_limit": 100})).await;
    app.client
        .post("/v1/chat/completions", &poor, &hello("mock:scripted"))
        .await
        .expect(403);
    change(&app, json!({"budget_estimate_default_output_tokens": 10})).await;
    app.client
        .post("/v1/chat/completions", &poor, &hello("mock:scripted"))
        .await
        .expect(200);

    change(&app, json!({"stream_missing_usage_policy": "allow_free"})).await;
    let chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n";
    app.upstream
        .enqueue(Script::stream([chunk, "data: [DONE]\n\n"]));
    let mut streaming = hello("mock:scripted");
    streaming["stream"] = json!(true);
    let answer = app
        .client
        .post("/v1/chat/completions", &key, &streaming)
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(app.usage().await[0]["cost"], Value::Null);
}

#[tokio::test]
async fn discovery_can_be_switched_off_and_told_to_keep_nothing() {
    let app = TestApp::start().await;
    let list = |id: &str| Script::json(200, &json!({"data": [{"id": id}]}));
    let listed = async |id: &str| {
        let models = app.client.get("/v1/models", MASTER_KEY).await.expect(200);
        models.to_string().contains(id)
    };
    change(&app, json!({"model_discovery": false})).await;
    app.upstream.enqueue(list("first"));
    assert!(!listed("first").await);
    change(
        &app,
        json!({"model_discovery": true, "model_cache_ttl_seconds": 0}),
    )
    .await;
    assert!(listed("first").await);
    app.upstream.enqueue(list("second"));
    assert!(listed("second").await, "a list is not kept");
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_and_nothing_changes() {
    let app = TestApp::start().await;
    let before = settings(&app).await;
    for (changes, status, words) in [
        (json!({"require_pricing": null}), 400, "require_pricing"),
        (json!({"require_pricing": "maybe"}), 422, "require_pricing"),
        (
            json!({"budget_estimate_default_output_tokens": -1}),
            422,
            "budget_estimate_default_output_tokens",
        ),
        (
            json!({"model_discovery_timeout_seconds": 0}),
            422,
            "greater than 0",
        ),
        (
            json!({"model_discovery_negative_ttl_seconds": -0.5}),
            422,
            "model_discovery_negative_ttl_seconds",
        ),
        (
            json!({"stream_missing_usage_policy": "later"}),
            422,
            "stream_missing_usage_policy",
        ),
        (json!({"port": 1}), 400, "restart"),
        (json!({"colour": "red"}), 400, "'colour' is not a setting"),
        (json!({"master_key_hash": "x"}), 400, "master_key_hash"),
        (json!({"default_pricing": true, "port": 1}), 400, "port"),
        (
            json!({"default_pricing": true, "model_discovery_timeout_seconds": -1}),
            422,
            "greater than 0",
        ),
    ] {
        let answer = app.client.patch("/v1/settings", MASTER_KEY, &changes).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{changes}: {}",
            answer.text()
        );
        assert!(
            answer.json()["detail"].to_string().contains(words),
            "{}",
            answer.text()
        );
    }
    assert_eq!(settings(&app).await, before);
    assert_eq!(change(&app, json!({})).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_one_node_is_in_force_on_the_other() {
    let Some(database) = testing::postgres().await else {
        return;
    };
    let here = TestApp::builder().database(&database.url).start().await;
    let there = TestApp::builder().database(&database.url).start().await;
    change(&here, json!({"require_pricing": false})).await;
    let alias = json!({"name": "house", "target": "mock:unpriced"});
    here.client
        .post("/v1/aliases", MASTER_KEY, &alias)
        .await
        .expect(200);
    let key = here.key("alice", json!({})).await;
    let followed = async {
        while there
            .client
            .post("/v1/chat/completions", &key, &hello("house"))
            .await
            .status
            != 200
        {}
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), followed)
        .await
        .expect("the other node follows");
    drop((here, there));
    database.finish().await;
}
