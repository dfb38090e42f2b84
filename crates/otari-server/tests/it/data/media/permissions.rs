//! Who may make these calls, and what they are told otherwise.

use otari_testkit::{TestApp, TestAppBuilder, Upstream};
use serde_json::json;

use super::Door;

async fn start(upstream: &Upstream, builder: TestAppBuilder) -> TestApp {
    let price = json!({"input_price_per_million": 1_000_000.0, "output_price_per_million": 0.0});
    builder
        .set(
            "providers",
            json!({"mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": upstream.base()}}),
        )
        .set("pricing", json!({"mock:m": price}))
        .start()
        .await
}

#[tokio::test]
async fn a_key_is_for_its_models() {
    let upstream = Upstream::start().await;
    let app = start(&upstream, TestApp::builder()).await;
    let key = app
        .key(
            "alice",
            json!({"allowed_models": ["mock:other", "mock:n*"]}),
        )
        .await;
    for door in Door::ALL {
        let answer = door.ask(&app, &key, "mock:m").await;
        assert_eq!(answer.status, 403, "{door:?}: {}", answer.text());
        assert!(answer.text().contains("mock:m"), "{}", answer.text());
        assert_eq!(app.usage().await[0]["status_code"], 403, "{door:?}");
        upstream.enqueue(door.answer());
        let answer = door.ask(&app, &key, "mock:nine").await;
        assert_ne!(answer.status, 403, "{door:?}: {}", answer.text());
    }
    assert_eq!(app.user("alice").await["reserved"], 0.0);
}

#[tokio::test]
async fn a_budget_ends_them() {
    let upstream = Upstream::start().await;
    let app = start(&upstream, TestApp::builder()).await;
    let budget = json!({"max_budget": 0.5});
    let key = app.budgeted_key("bob", budget).await;
    for door in Door::ALL {
        let answer = door.ask(&app, &key, "mock:m").await;
        assert_eq!(answer.status, 403, "{door:?}: {}", answer.text());
        assert!(answer.text().contains("budget"), "{}", answer.text());
    }
    assert!(upstream.captured().is_empty());
    let user = app.user("bob").await;
    assert_eq!(
        (&user["spend"], &user["reserved"]),
        (&json!(0.0), &json!(0.0))
    );
}

#[tokio::test]
async fn a_price_may_be_required() {
    let upstream = Upstream::start().await;
    let builder = TestApp::builder().set("require_pricing", json!(true));
    let app = start(&upstream, builder).await;
    let key = app.key("alice", json!({})).await;
    for door in Door::ALL {
        upstream.always(door.answer());
        let answer = door.ask(&app, &key, "mock:unpriced").await;
        let expected = if door.needs_price() { 402 } else { 200 };
        assert_eq!(answer.status, expected, "{door:?}: {}", answer.text());
        if door.needs_price() {
            assert!(answer.text().contains("/v1/pricing"), "{}", answer.text());
        }
    }
    assert_eq!(app.user("alice").await["spend"], 0.0);
}

#[tokio::test]
async fn a_rate_limit_counts_them() {
    let upstream = Upstream::start().await;
    let builder = TestApp::builder()
        .clock(&TestApp::noon())
        .set("rate_limit_rpm", json!(1));
    let app = start(&upstream, builder).await;
    for door in Door::ALL {
        let key = app.key(&format!("{door:?}"), json!({})).await;
        upstream.always(door.answer());
        let answer = door.ask(&app, &key, "mock:m").await;
        assert_eq!(answer.status, 200, "{door:?}: {}", answer.text());
        assert_eq!(
            answer.header("x-ratelimit-remaining"),
            Some("0"),
            "{door:?}"
        );
        let answer = door.ask(&app, &key, "mock:m").await;
        assert_eq!(answer.status, 429, "{door:?}: {}", answer.text());
        assert!(answer.header("retry-after").is_some(), "{door:?}");
    }
}

#[tokio::test]
async fn somebody_must_ask() {
    let upstream = Upstream::start().await;
    let app = start(&upstream, TestApp::builder()).await;
    for door in Door::ALL {
        let answer = door.ask(&app, "sk-nobody", "mock:m").await;
        assert_eq!(answer.status, 401, "{door:?}: {}", answer.text());
        let answer = door.ask(&app, otari_testkit::MASTER_KEY, "mock:m").await;
        assert_eq!(answer.status, 400, "{door:?}: {}", answer.text());
        assert!(answer.text().contains("user"), "{}", answer.text());
    }
    assert!(upstream.captured().is_empty());
}
