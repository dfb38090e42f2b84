//! `/v1/aliases`

use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::{Value, json};

async fn set(app: &TestApp, body: &Value) -> Value {
    app.client
        .post("/v1/aliases", MASTER_KEY, body)
        .await
        .expect(200)
}

/// The model the upstream is asked for when the key's owner says `name`; the status where it is not asked.
async fn reached(app: &TestApp, key: &str, name: &str) -> Result<String, u16> {
    let body = json!({"model": name, "messages": [{"role": "user", "content": "x"}]});
    let answer = app.client.post("/v1/chat/completions", key, &body).await;
    if answer.status != 200 {
        return Err(answer.status.as_u16());
    }
    let answer = answer.json();
    assert_eq!(
        answer.get("model"),
        Some(&json!(name)),
        "answers carry the alias"
    );
    let sent = app.upstream.last().json();
    Ok(sent.get("model").unwrap().as_str().unwrap().to_owned())
}

async fn app() -> TestApp {
    TestApp::builder()
        .set("aliases", json!({"house": "mock:configured"}))
        .set("require_pricing", json!(false))
        .set(
            "routing",
            json!({"policies": {"smart": {"select": [{"default": "mock:a"}]}}}),
        )
        .start()
        .await
}

#[tokio::test]
async fn a_users_own_alias_goes_before_a_configured_one_and_that_before_a_stored_one() {
    let app = app().await;
    let (alice, bob) = (
        app.key("alice", json!({})).await,
        app.key("bob", json!({})).await,
    );
    assert_eq!(
        reached(&app, &alice, "house").await,
        Ok("configured".to_owned())
    );
    let own = json!({"name": "house", "target": "mock/alices", "user_id": "alice"});
    let shown = set(&app, &own).await;
    assert_eq!(
        (&shown["target"], &shown["source"], &shown["user_id"]),
        (&json!("mock:alices"), &json!("stored"), &json!("alice"))
    );
    assert_eq!(
        reached(&app, &alice, "house").await,
        Ok("alices".to_owned())
    );
    assert_eq!(
        reached(&app, &bob, "house").await,
        Ok("configured".to_owned())
    );

    set(&app, &json!({"name": "cottage", "target": "mock:one"})).await;
    assert_eq!(reached(&app, &bob, "cottage").await, Ok("one".to_owned()));
    set(&app, &json!({"name": "cottage", "target": "mock:two"})).await;
    assert_eq!(reached(&app, &bob, "cottage").await, Ok("two".to_owned()));

    let restarted = TestApp::builder()
        .set("aliases", json!({"cottage": "mock:configured"}))
        .set("require_pricing", json!(false))
        .restart(app)
        .await;
    assert_eq!(
        reached(&restarted, &bob, "cottage").await,
        Ok("configured".to_owned())
    );
    assert_eq!(
        reached(&restarted, &alice, "house").await,
        Ok("alices".to_owned())
    );
}

#[tokio::test]
async fn aliases_are_listed_shown_as_models_and_deleted_by_scope() {
    let app = app().await;
    let alice = app.key("alice", json!({})).await;
    let bob = app.key("bob", json!({})).await;
    set(
        &app,
        &json!({"name": "cottage", "target": "mock:scripted", "user_id": "alice"}),
    )
    .await;
    set(&app, &json!({"name": "annex", "target": "mock:shared"})).await;
    let list = app.client.get("/v1/aliases", MASTER_KEY).await.expect(200);
    let seen: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|alias| {
            (
                &alias["name"],
                &alias["source"],
                &alias["user_id"],
                alias["created_at"].is_string(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("annex"), &json!("stored"), &Value::Null, true),
            (&json!("cottage"), &json!("stored"), &json!("alice"), true),
            (&json!("house"), &json!("config"), &Value::Null, false),
        ]
    );
    for (key, status) in [(&alice, 200), (&bob, 404)] {
        app.client
            .get("/v1/models/cottage", key)
            .await
            .expect(status);
    }
    let ids = async |key: &str| {
        let models = app.client.get("/v1/models", key).await.expect(200);
        let models = models["data"].as_array().unwrap().clone();
        models
            .into_iter()
            .map(|model| model["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(&alice).await,
        ["annex", "cottage", "house", "smart"],
        "an alias conceals its target"
    );
    assert_eq!(
        ids(&bob).await,
        ["annex", "house", "mock:scripted", "smart"]
    );

    for (path, status) in [
        ("/v1/aliases/cottage", 404),
        ("/v1/aliases/cottage?user_id=bob", 404),
        ("/v1/aliases/cottage?user_id=alice", 204),
        ("/v1/aliases/cottage?user_id=alice", 404),
        ("/v1/aliases/house", 404),
        ("/v1/aliases/annex", 204),
    ] {
        app.client.delete(path, MASTER_KEY).await.expect(status);
    }
    assert!(reached(&app, &alice, "cottage").await.is_err());
    assert_eq!(
        reached(&app, &alice, "house").await,
        Ok("configured".to_owned())
    );
    app.client.get("/v1/aliases", &alice).await.expect(401);
}

#[tokio::test]
async fn an_alias_that_could_not_work_is_refused() {
    let app = app().await;
    app.key("alice", json!({})).await;
    app.key("gone", json!({})).await;
    app.client
        .delete("/v1/users/gone", MASTER_KEY)
        .await
        .expect(204);
    set(&app, &json!({"name": "fast", "target": "groq:llama"})).await;
    for (body, status, words) in [
        (json!({"name": "", "target": "mock:a"}), 400, "empty"),
        (json!({"name": "a:b", "target": "mock:a"}), 400, "':'"),
        (json!({"name": "mock", "target": "mock:a"}), 400, "provider"),
        (
            json!({"name": "smart", "target": "mock:a"}),
            400,
            "routing policy",
        ),
        (
            json!({"name": "house", "target": "mock:a"}),
            400,
            "configuration",
        ),
        (json!({"name": "groq", "target": "mock:a"}), 400, "'fast'"),
        (
            json!({"name": "new", "target": "plain"}),
            400,
            "provider:model",
        ),
        (
            json!({"name": "new", "target": "nobody:a"}),
            400,
            "neither configured nor known",
        ),
        (
            json!({"name": "new", "target": "openai-compatible:a"}),
            400,
            "neither configured nor known",
        ),
        (json!({"name": "new", "target": "house:a"}), 400, "chain"),
        (json!({"name": "new", "target": "new:a"}), 400, "chain"),
        (
            json!({"name": "new", "target": "mock:a", "user_id": "nobody"}),
            404,
            "User with id 'nobody' not found",
        ),
        (
            json!({"name": "new", "target": "mock:a", "user_id": "gone"}),
            404,
            "User with id 'gone' not found",
        ),
        (json!({"name": "new"}), 422, "target"),
    ] {
        let answer = app.client.post("/v1/aliases", MASTER_KEY, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
        assert!(
            answer.json()["detail"].to_string().contains(words),
            "{}",
            answer.text()
        );
    }
    set(
        &app,
        &json!({"name": "house", "target": "mock:a", "user_id": "alice"}),
    )
    .await;
}
