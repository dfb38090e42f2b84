//! `POST /v1/moderations`

use otari_testkit::{Script, TestApp, Upstream};
use serde_json::{Value, json};

async fn start(price: Option<f64>) -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let base = upstream.base();
    let mut builder = TestApp::builder()
        .set(
            "providers",
            json!({
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
                "spare": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
                "mistral": {"api_key": "k", "api_base": base},
                "claude": {"provider_type": "anthropic-compatible", "api_key": "k", "api_base": base},
            }),
        )
        .set("aliases", json!({"guard": "mock:omni"}))
        .set("routing", json!({"policies": {"two": {"select": [{"default": "mock:omni"}], "on_failure": ["spare:omni"]}}}))
        .set("require_pricing", json!(true));
    if let Some(price) = price {
        let price = json!({"input_price_per_million": price, "output_price_per_million": 0.0});
        builder = builder.set("pricing", json!({"mock:omni": price}));
    } else {
        builder = builder.set("pricing", json!({}));
    }
    let app = builder.start().await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn judged() -> Value {
    json!({"id": "modr-1", "model": "omni-2024", "results": [{
        "flagged": true, "categories": {"violence": true}, "category_scores": {"violence": 0.9},
        "category_applied_input_types": {"violence": ["text"]},
    }]})
}

#[tokio::test]
async fn a_moderation_costs_a_millionth_of_the_input_price() {
    let (app, upstream, key) = start(Some(500.0)).await;
    upstream.always(Script::json(200, &judged()));
    let body = json!({"model": "guard", "input": [{"type": "text", "text": "a"}], "user": "alice", "api_key": "x"});
    let answer = app
        .client
        .post("/v1/moderations", &key, &body)
        .await
        .expect(200);
    let mut expected = judged();
    expected["model"] = json!("guard");
    assert_eq!(answer, expected);
    let sent = upstream.last();
    assert!(sent.path.ends_with("/moderations"), "{}", sent.path);
    assert_eq!(
        sent.json(),
        json!({"model": "omni", "input": [{"type": "text", "text": "a"}]})
    );
    let row = &app.usage().await[0];
    assert_eq!(
        (&row["cost"], &row["endpoint"], &row["status"]),
        (&json!(0.0005), &json!("/v1/moderations"), &json!("success"))
    );
    assert_eq!(app.user("alice").await["spend"], 0.0005);

    // The answer to a plain selector keeps the provider's name of the model; the newer prefix serves the same.
    let body = json!({"model": "mock:omni", "input": "a"});
    let path = "/api/v1/moderations?include_raw=true";
    let answer = app.client.post(path, &key, &body).await.expect(200);
    assert_eq!(answer["model"], "omni-2024");
    assert_eq!(answer["results"][0]["provider_raw"], judged()["results"][0]);
}

#[tokio::test]
async fn no_price_is_no_refusal_but_a_full_budget_is() {
    let (app, upstream, key) = start(None).await;
    upstream.always(Script::json(200, &judged()));
    let body = json!({"model": "guard", "input": ["a", "b"]});
    app.client
        .post("/v1/moderations", &key, &body)
        .await
        .expect(200);
    assert_eq!(app.user("alice").await["spend"], 0.0);

    let (app, upstream, _) = start(Some(500.0)).await;
    upstream.always(Script::json(200, &judged()));
    let key = app.budgeted_key("bob", json!({"max_budget": 0.0009})).await;
    let post = || app.client.post("/v1/moderations", &key, &body);
    assert_eq!(post().await.status, 200);
    assert_eq!(post().await.status, 403);
    assert_eq!(app.user("bob").await["spend"], 0.0005);
}

#[tokio::test]
async fn what_a_provider_leaves_out_is_added() {
    let (app, upstream, key) = start(None).await;
    let answered = json!({"model": "mistral-moderation", "results": [
        {"categories": {"pii": true, "law": false}, "category_scores": {"pii": 0.8}},
        {"categories": {"pii": false}, "category_scores": {"pii": 0.1}},
    ]});
    upstream.always(Script::json(200, &answered));
    let body = json!({"model": "mistral:mistral-moderation", "input": ["a", "b"]});
    let answer = app
        .client
        .post("/v1/moderations", &key, &body)
        .await
        .expect(200);
    assert_eq!(answer["results"][0]["flagged"], true);
    assert_eq!(answer["results"][1]["flagged"], false);
    assert!(answer["id"].as_str().unwrap().starts_with("modr-"));
    assert!(answer["results"][0].get("provider_raw").is_none());
}

#[tokio::test]
async fn failures_are_told_apart_and_fail_over() {
    let (app, upstream, key) = start(Some(500.0)).await;
    let body = json!({"model": "mock:omni", "input": "a"});
    for (script, status) in [
        (Script::json(401, &json!({})), 502),
        (Script::json(429, &json!({})), 429),
        (
            Script::json(404, &json!({"error": {"message": "no such model"}})),
            404,
        ),
        (
            Script::json(400, &json!({"error": {"message": "bad input"}})),
            400,
        ),
        (
            Script::json(200, &json!({"error": {"message": "boom"}})),
            502,
        ),
        (Script::json(200, &json!({"results": 1})), 502),
        (Script::whole(200, "text/html", "<html>"), 502),
        (Script::refuse(), 502),
    ] {
        upstream.enqueue(script.clone());
        let answer = app.client.post("/v1/moderations", &key, &body).await;
        assert_eq!(answer.status, status, "{script:?}: {}", answer.text());
    }
    assert_eq!(app.user("alice").await["spend"], 0.0);

    upstream.enqueue(Script::json(500, &json!({})));
    upstream.enqueue(Script::json(200, &judged()));
    let body = json!({"model": "two", "input": "a"});
    let answer = app
        .client
        .post("/v1/moderations", &key, &body)
        .await
        .expect(200);
    assert_eq!(answer["model"], "two");
    let rows = app.usage().await;
    let said: Vec<_> = rows[..2]
        .iter()
        .map(|row| {
            (
                row["provider"].as_str().unwrap(),
                row["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(said.contains(&("spare", "success")), "{said:?}");
    assert!(said.contains(&("mock", "absorbed")), "{said:?}");
}

#[tokio::test]
async fn bad_requests_name_what_is_wrong() {
    let (app, _, key) = start(None).await;
    for (body, status, says) in [
        (json!({"input": "a"}), 422, "model"),
        (json!({"model": "mock:omni"}), 422, "input"),
        (json!({"model": "mock:omni", "input": 5}), 422, "input"),
        (
            json!({"model": "mock:omni", "input": ["a", {}]}),
            422,
            "input",
        ),
        (json!({"model": 7, "input": "a"}), 422, "model"),
        (
            json!({"model": "claude:opus", "input": "a"}),
            400,
            "no moderations",
        ),
        (json!({"model": "nobody:m", "input": "a"}), 400, "nobody:m"),
    ] {
        let answer = app.client.post("/v1/moderations", &key, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(says), "{body}: {}", answer.text());
    }
    let body = json!({"model": "mock:omni", "input": "a"});
    let path = "/v1/moderations?include_raw=perhaps";
    assert_eq!(app.client.post(path, &key, &body).await.status, 422);
    assert_eq!(
        app.client
            .post("/v1/moderations", "gw-no", &body)
            .await
            .status,
        401
    );
}
