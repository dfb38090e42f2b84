//! `/v1/search-tools`

use otari_testkit::{MASTER_KEY, Script, TestApp, Upstream};
use serde_json::{Value, json};

const SECRET_KEY: &str = "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c=";
const OLDER_KEY: &str = "b29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb28=";

async fn start(upstream: &Upstream) -> (TestApp, String) {
    let base = upstream.base().trim_end_matches("/v1").to_owned();
    let app = TestApp::builder()
        .env("OTARI_SECRET_KEY", SECRET_KEY)
        .set(
            "search_tools",
            json!({"exa": {"api_key": "configured-key", "api_base": base}}),
        )
        .start()
        .await;
    (app, base)
}

#[tokio::test]
async fn a_stored_tool_works_at_once_and_goes_before_a_configured_one() {
    let upstream = Upstream::start().await;
    let (app, base) = start(&upstream).await;
    upstream.always(Script::json(200, &json!({"results": []})));
    let key = app.key("ada", json!({})).await;
    let body = json!({
        "name": "exa", "provider": "exa", "api_key": "stored-key-wxyz", "api_base": base, "timeout": 2.5,
        "options": {"type": "keyword"},
    });
    let created = app
        .client
        .post("/v1/search-tools", MASTER_KEY, &body)
        .await
        .expect(201);
    assert_eq!(
        (
            &created["last4"],
            &created["timeout"],
            &created["decryptable"],
            &created["shadows_config"]
        ),
        (&json!("wxyz"), &json!(2.5), &json!(true), &json!(true))
    );
    assert!(!created.to_string().contains("stored-key"));
    app.client
        .post("/v1/search", &key, &json!({"query": "q"}))
        .await
        .expect(200);
    let sent = upstream.last();
    assert_eq!(
        (sent.headers["x-api-key"].as_str(), &sent.json()["type"]),
        ("stored-key-wxyz", &json!("keyword"))
    );
    let list = app
        .client
        .get("/v1/search-tools", MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(
        list["config"],
        json!([{"name": "exa", "provider": "exa", "api_base": base, "has_api_key": true, "shadowed": true}])
    );
    app.client
        .post("/v1/search-tools", MASTER_KEY, &body)
        .await
        .expect(409);
    app.client
        .delete("/v1/search-tools/exa", MASTER_KEY)
        .await
        .expect(204);
    app.client
        .post("/v1/search", &key, &json!({"query": "q"}))
        .await
        .expect(200);
    assert_eq!(upstream.last().headers["x-api-key"], "configured-key");
    app.client
        .delete("/v1/search-tools/exa", MASTER_KEY)
        .await
        .expect(404);
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name_and_minds_other_changes() {
    let upstream = Upstream::start().await;
    let (app, base) = start(&upstream).await;
    let body =
        json!({"name": "web", "provider": "brave", "api_key": "brave-key-0001", "api_base": base});
    let created = app
        .client
        .post("/v1/search-tools", MASTER_KEY, &body)
        .await
        .expect(201);
    let path = "/v1/search-tools/web";
    let patch =
        json!({"options": {"freshness": "pd"}, "expected_updated_at": created["updated_at"]});
    let patched = app.client.patch(path, MASTER_KEY, &patch).await.expect(200);
    assert_eq!(
        (&patched["last4"], &patched["options"], &patched["provider"]),
        (&json!("0001"), &json!({"freshness": "pd"}), &json!("brave"))
    );
    app.client.patch(path, MASTER_KEY, &patch).await.expect(412);
    let refused = app
        .client
        .patch(path, MASTER_KEY, &json!({"api_key": null}))
        .await
        .expect(422);
    assert_eq!(refused["error"]["param"], "api_key", "{refused}");
    app.client
        .patch("/v1/search-tools/nope", MASTER_KEY, &json!({}))
        .await
        .expect(404);
}

#[tokio::test]
async fn what_cannot_work_is_refused() {
    let upstream = Upstream::start().await;
    let (app, _) = start(&upstream).await;
    for (body, param) in [
        (
            json!({"name": "a/b", "provider": "exa", "api_key": "k"}),
            "name",
        ),
        (
            json!({"name": "providers", "provider": "exa", "api_key": "k"}),
            "name",
        ),
        (
            json!({"name": "a", "provider": "google", "api_key": "k"}),
            "provider",
        ),
        (json!({"name": "a", "provider": "exa"}), "api_key"),
        (
            json!({"name": "a", "provider": "exa", "api_key": "k", "timeout": 0}),
            "timeout",
        ),
        (json!({"name": "a", "provider": "searxng"}), "api_base"),
        (
            json!({"name": "a", "provider": "searxng", "api_base": "ftp://x"}),
            "api_base",
        ),
        (json!({"name": "a"}), "provider"),
    ] {
        let refused = app
            .client
            .post("/v1/search-tools", MASTER_KEY, &body)
            .await
            .expect(422);
        assert_eq!(refused["error"]["param"], param, "{refused}");
    }
    let key = app.key("ada", json!({})).await;
    app.client.get("/v1/search-tools", &key).await.expect(401);
    let plain = TestApp::start().await;
    let body = json!({"name": "a", "provider": "exa", "api_key": "k"});
    let refused = plain
        .client
        .post("/v1/search-tools", MASTER_KEY, &body)
        .await
        .expect(400);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("OTARI_SECRET_KEY"),
        "{refused}"
    );
    let wiki = json!({"name": "wiki", "provider": "mediawiki"});
    plain
        .client
        .post("/v1/search-tools", MASTER_KEY, &wiki)
        .await
        .expect(201);
    let list = app
        .client
        .get("/v1/search-tools/providers", MASTER_KEY)
        .await
        .expect(200);
    let exa = json!({"id": "exa", "requires_api_key": true, "requires_api_base": false, "default_api_base": "https://api.exa.ai"});
    assert!(list.as_array().unwrap().contains(&exa), "{list}");
}

#[tokio::test]
async fn keys_move_to_a_new_secret_key() {
    let upstream = Upstream::start().await;
    let app = TestApp::builder()
        .env("OTARI_SECRET_KEY", OLDER_KEY)
        .start()
        .await;
    let body = json!({"name": "exa", "provider": "exa", "api_key": "stored-key-wxyz"});
    app.client
        .post("/v1/search-tools", MASTER_KEY, &body)
        .await
        .expect(201);
    let both = format!("{SECRET_KEY},{OLDER_KEY}");
    let app = TestApp::builder()
        .env("OTARI_SECRET_KEY", &both)
        .restart(app)
        .await;
    let reencrypt = "/v1/search-tools/reencrypt";
    let done = app
        .client
        .post(reencrypt, MASTER_KEY, &json!({}))
        .await
        .expect(200);
    assert_eq!(done, json!({"reencrypted": 1, "unreadable": 0}));
    let app = TestApp::builder()
        .env("OTARI_SECRET_KEY", SECRET_KEY)
        .restart(app)
        .await;
    let tool = async |app: &TestApp| -> Value {
        let list = app
            .client
            .get("/v1/search-tools", MASTER_KEY)
            .await
            .expect(200);
        list["stored"][0].clone()
    };
    assert_eq!(tool(&app).await["decryptable"], true);
    let app = TestApp::builder()
        .env("OTARI_SECRET_KEY", OLDER_KEY)
        .restart(app)
        .await;
    assert_eq!(tool(&app).await["decryptable"], false);
    let key = app.key("ada", json!({})).await;
    let refused = app
        .client
        .post("/v1/search", &key, &json!({"query": "q"}))
        .await
        .expect(400);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("cannot be opened"),
        "{refused}"
    );
    drop(upstream);
}
