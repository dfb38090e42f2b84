//! `/v1/pricing`

use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::{Value, json};

fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "x"}]})
}

#[tokio::test]
async fn a_price_counts_at_once_and_keeps_its_history() {
    let clock = TestApp::noon();
    let app = TestApp::builder().clock(&clock).start().await;
    let key = app.key("alice", json!({})).await;
    app.client
        .post("/v1/chat/completions", &key, &hello("mock:new"))
        .await
        .expect(402);
    let first = json!({"model_key": "mock:new", "input_price_per_million": 1, "output_price_per_million": 2, "cache_read_price_per_million": 0.1});
    let set = app
        .client
        .post("/v1/pricing", MASTER_KEY, &first)
        .await
        .expect(200);
    assert_eq!(
        (&set["origin"], &set["unit"], &set["pricing_tiers"]),
        (&json!("api"), &json!("tokens"), &json!([]))
    );
    app.client
        .post("/v1/chat/completions", &key, &hello("mock:new"))
        .await
        .expect(200);

    clock.advance_secs(60);
    let second = json!({"model_key": "mock:new", "input_price_per_million": 3, "output_price_per_million": 4});
    let set = app
        .client
        .post("/v1/pricing", MASTER_KEY, &second)
        .await
        .expect(200);
    assert_eq!(
        set["cache_read_price_per_million"],
        json!(0.1),
        "an omitted cache rate is kept"
    );
    let history = app
        .client
        .get("/v1/pricing/mock:new/history", &key)
        .await
        .expect(200);
    assert_eq!(history.as_array().unwrap().len(), 2);
    let old = app
        .client
        .get("/v1/pricing/mock:new?as_of=2026-01-01T12:00:30Z", &key)
        .await
        .expect(200);
    assert_eq!(old["input_price_per_million"], json!(1.0));
    let legacy = app
        .client
        .get("/v1/pricing/mock/new", &key)
        .await
        .expect(200);
    assert_eq!(legacy["input_price_per_million"], json!(3.0));

    app.client
        .delete("/v1/pricing/mock:new", MASTER_KEY)
        .await
        .expect(204);
    let gone = app
        .client
        .get("/v1/pricing/mock:new", &key)
        .await
        .expect(404);
    assert_eq!(gone["detail"], "Pricing for model 'mock:new' not found");
    app.client
        .post("/v1/chat/completions", &key, &hello("mock:new"))
        .await
        .expect(402);
}

#[tokio::test]
async fn a_future_price_begins_when_it_says() {
    let clock = TestApp::noon();
    let app = TestApp::builder().clock(&clock).start().await;
    let key = app.key("alice", json!({})).await;
    app.client
        .post("/v1/chat/completions", &key, &hello("mock:scripted"))
        .await
        .expect(200);
    let later = json!({"model_key": "mock:scripted", "input_price_per_million": 0, "output_price_per_million": 0, "effective_at": "2026-01-01T13:00:00Z"});
    app.client
        .post("/v1/pricing", MASTER_KEY, &later)
        .await
        .expect(200);
    app.client
        .post("/v1/chat/completions", &key, &hello("mock:scripted"))
        .await
        .expect(200);
    clock.advance_secs(3_600);
    app.client
        .post("/v1/chat/completions", &key, &hello("mock:scripted"))
        .await
        .expect(200);
    let costs: Vec<Value> = app
        .usage()
        .await
        .into_iter()
        .map(|row| row["cost"].clone())
        .collect();
    assert_eq!(costs, [json!(0.0), json!(0.000_317_5), json!(0.000_317_5)]);
}

#[tokio::test]
async fn prices_that_cannot_count_are_refused() {
    let app = TestApp::builder()
        .set("aliases", json!({"house": "mock:scripted"}))
        .start()
        .await;
    for (body, status, words) in [
        (
            json!({"model_key": "house", "input_price_per_million": 1, "output_price_per_million": 1}),
            400,
            "mock:scripted",
        ),
        (
            json!({"model_key": "nothing", "input_price_per_million": 1, "output_price_per_million": 1}),
            400,
            "provider:model",
        ),
        (
            json!({"model_key": "mock:x", "input_price_per_million": -1, "output_price_per_million": 1}),
            422,
            "input_price_per_million",
        ),
        (
            json!({"model_key": "mock:x", "output_price_per_million": 1}),
            422,
            "input_price_per_million",
        ),
        (
            json!({"model_key": "mock:x", "input_price_per_million": 1, "output_price_per_million": 1, "pricing_tiers": [{"min_input_tokens": 5}]}),
            422,
            "pricing_tiers",
        ),
        (
            json!({"model_key": "mock:x", "input_price_per_million": 1, "output_price_per_million": 1, "unit": "bananas"}),
            400,
            "tokens",
        ),
    ] {
        let answer = app.client.post("/v1/pricing", MASTER_KEY, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
        assert!(
            answer.json()["detail"].to_string().contains(words),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn a_price_set_by_api_survives_a_restart_with_another_in_the_configuration() {
    let app = TestApp::start().await;
    let set = json!({"model_key": "mock:scripted", "input_price_per_million": 7, "output_price_per_million": 7});
    app.client
        .post("/v1/pricing", MASTER_KEY, &set)
        .await
        .expect(200);
    let app = TestApp::builder().restart(app).await;
    let price = app
        .client
        .get("/v1/pricing/mock:scripted", MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(price["input_price_per_million"], json!(7.0));
}

#[tokio::test]
async fn cached_tokens_and_tiers_are_priced_as_the_rates_say() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let price = json!({
        "model_key": "mock:tiered", "input_price_per_million": 10, "output_price_per_million": 20, "cache_read_price_per_million": 1,
        "pricing_tiers": [{"min_input_tokens": 1000, "input_price_per_million": 100}],
    });
    app.client
        .post("/v1/pricing", MASTER_KEY, &price)
        .await
        .expect(200);
    for (prompt, cached, cost) in [(100, 40, 0.000_84), (1_000, 0, 0.100_2)] {
        let answer = json!({
            "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": cached}},
        });
        app.upstream
            .enqueue(otari_testkit::Script::json(200, &answer));
        app.client
            .post("/v1/chat/completions", &key, &hello("mock:tiered"))
            .await
            .expect(200);
        let row = &app.usage().await[0];
        assert_eq!(
            (&row["cost"], &row["cache_read_tokens"]),
            (&json!(cost), &json!(cached))
        );
    }
}
