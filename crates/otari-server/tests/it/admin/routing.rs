//! `/v1/routing/policies`

use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::{Value, json};

async fn app() -> TestApp {
    let policies = json!({"policies": {"written": {"select": [{"default": "mock:written"}]}}});
    TestApp::builder()
        .set("require_pricing", json!(false))
        .set("aliases", json!({"house": "mock:aliased"}))
        .set("routing", policies)
        .start()
        .await
}

fn to(target: &str) -> Value {
    json!({"select": [{"default": target}]})
}

async fn set(app: &TestApp, body: &Value, status: u16) -> Value {
    let answer = app
        .client
        .post("/v1/routing/policies", MASTER_KEY, body)
        .await;
    answer.expect(status)
}

async fn reached(app: &TestApp, key: &str, name: &str) -> String {
    let body = json!({"model": name, "messages": [{"role": "user", "content": "x"}]});
    let answer = app.client.post("/v1/chat/completions", key, &body).await;
    assert_eq!(answer.expect(200).get("model"), Some(&json!(name)));
    let sent = app.upstream.last().json();
    sent.get("model").unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stored_policy_counts_at_once_and_a_users_own_goes_first() {
    let app = app().await;
    let (alice, bob) = (
        app.key("alice", json!({})).await,
        app.key("bob", json!({})).await,
    );
    let made = set(&app, &json!({"name": "best", "spec": to("mock:a")}), 200).await;
    assert_eq!(
        (&made["source"], &made["is_dynamic"]),
        (&json!("stored"), &json!(false))
    );
    set(
        &app,
        &json!({"name": "best", "spec": to("mock:own"), "user_id": "alice"}),
        200,
    )
    .await;
    set(
        &app,
        &json!({"name": "written", "spec": to("mock:own"), "user_id": "alice"}),
        200,
    )
    .await;
    assert_eq!(reached(&app, &alice, "best").await, "own");
    assert_eq!(reached(&app, &bob, "best").await, "a");
    assert_eq!(reached(&app, &alice, "written").await, "own");
    assert_eq!(reached(&app, &bob, "written").await, "written");

    let spec = json!({"select": [{"when": {"user_id": "carol"}, "target": "mock:c"}, {"default": "mock:b"}]});
    let renamed = json!({"name": "finest", "spec": spec, "rename_from": "best"});
    let changed = set(&app, &renamed, 200).await;
    assert_eq!(
        (&changed["created_at"], &changed["is_dynamic"]),
        (&made["created_at"], &json!(true))
    );
    assert_eq!(reached(&app, &bob, "finest").await, "b");
    let list = app
        .client
        .get("/v1/routing/policies", MASTER_KEY)
        .await
        .expect(200);
    let names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| (&policy["name"], &policy["user_id"]))
        .collect();
    let (null, ada) = (Value::Null, json!("alice"));
    let expected = [
        ("best", &ada),
        ("finest", &null),
        ("written", &null),
        ("written", &ada),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, user)| (json!(name), *user))
        .collect();
    assert_eq!(
        names,
        expected
            .iter()
            .map(|(name, user)| (name, *user))
            .collect::<Vec<_>>()
    );

    app.client
        .delete("/v1/routing/policies/best?user_id=alice", MASTER_KEY)
        .await
        .expect(204);
    app.client
        .delete("/v1/routing/policies/best", MASTER_KEY)
        .await
        .expect(404);
    app.client
        .delete("/v1/routing/policies/written", MASTER_KEY)
        .await
        .expect(404);
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_every_mistake_in_its_place() {
    let app = app().await;
    app.key("alice", json!({})).await;
    for (name, why) in [
        ("a:b", "must not be empty or contain"),
        ("mock", "is the name of a provider"),
        ("house", "is the name of an alias"),
        ("written", "is taken by the configuration"),
    ] {
        let refused = set(&app, &json!({"name": name, "spec": to("mock:a")}), 400).await;
        assert!(
            refused["detail"].as_str().unwrap().contains(why),
            "{refused}"
        );
    }
    let spec = json!({"select": [{"default": "mock:a"}], "on_failure": ["nowhere:x", "house:y", "written:z"]});
    let refused = set(&app, &json!({"name": "p", "spec": spec}), 400).await;
    let errors = refused["detail"]["errors"].as_array().unwrap();
    let paths: Vec<_> = errors
        .iter()
        .map(|error| error["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["on_failure.0", "on_failure.1", "on_failure.2"]);
    let refused = set(
        &app,
        &json!({"name": "p", "spec": {"select": [], "extra": 1}}),
        400,
    )
    .await;
    assert_eq!(refused["detail"]["errors"][0]["path"], "extra");
    set(
        &app,
        &json!({"name": "p", "spec": to("mock:a"), "user_id": "nobody"}),
        404,
    )
    .await;
    set(
        &app,
        &json!({"name": "p", "spec": to("mock:a"), "rename_from": "gone"}),
        404,
    )
    .await;
    set(&app, &json!({"name": "p", "spec": to("mock:a")}), 200).await;
    set(&app, &json!({"name": "q", "spec": to("mock:a")}), 200).await;
    set(
        &app,
        &json!({"name": "q", "spec": to("mock:a"), "rename_from": "p"}),
        409,
    )
    .await;
    let key = app.key("alice", json!({})).await;
    let body = json!({"name": "p", "spec": to("mock:a")});
    app.client
        .post("/v1/routing/policies", &key, &body)
        .await
        .expect(401);
    let price =
        json!({"model_key": "p", "input_price_per_million": 1, "output_price_per_million": 1});
    let refused = app
        .client
        .post("/v1/pricing", MASTER_KEY, &price)
        .await
        .expect(400);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("is a routing policy")
    );
}

#[tokio::test]
async fn a_policy_is_explained_without_a_call() {
    let app = app().await;
    let spec = json!({
        "select": [
            {"when": {"budget_used_pct": {"gte": 80}}, "target": "mock:cheap"},
            {"router": "weighted", "candidates": ["mock:a", "mock:b"], "weights": {"mock:a": 3, "mock:b": 1}},
            {"default": "mock:a"},
        ],
        "on_failure": ["mock:c", "openrouter:d"],
        "guardrails": [{"profile": "pii", "mode": "monitor"}],
    });
    let explain = async |body: Value, status: u16| {
        let answer = app
            .client
            .post("/v1/routing/policies/explain", MASTER_KEY, &body)
            .await;
        answer.expect(status)
    };
    let tight = explain(json!({"spec": spec, "budget_used_pct": 90}), 200).await;
    assert_eq!(tight["selection_reason"], "condition:budget_used_pct");
    let models = |answer: &Value| -> Vec<String> {
        let candidates = answer["candidates"].as_array().unwrap().iter();
        candidates
            .map(|candidate| candidate["dispatch_model"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(models(&tight), ["mock:cheap", "mock:c"]);
    assert_eq!(tight["dropped"][0]["selector"], "openrouter:d");
    assert_eq!(tight["dropped"][0]["reason"], "unresolvable");
    assert_eq!(tight["guardrails"][0]["profile"], "pii");

    let split = explain(
        json!({"spec": spec, "allowed_models": ["mock:b", "mock:c"]}),
        200,
    )
    .await;
    assert_eq!(split["router_backend"], "weighted");
    assert_eq!(
        split["router_weights"],
        json!({"mock:a": 0.75, "mock:b": 0.25})
    );
    assert_eq!(models(&split), ["mock:b", "mock:c"]);
    let reasons: Vec<_> = split["dropped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dropped| &dropped["reason"])
        .collect();
    assert!(reasons.contains(&&json!("not_allowed")), "{split}");

    assert_eq!(
        models(&explain(json!({"name": "written"}), 200).await),
        ["mock:written"]
    );
    explain(json!({"name": "nothing"}), 404).await;
    explain(json!({}), 400).await;
    assert!(app.upstream.captured().is_empty());
}
