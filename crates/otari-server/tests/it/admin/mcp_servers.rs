//! `/v1/workspaces/{workspace_id}/mcp-servers`

use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::{Value, json};

const SECRET_KEY: &str = "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c=";

async fn start() -> (TestApp, String) {
    let app = TestApp::builder()
        .env("OTARI_SECRET_KEY", SECRET_KEY)
        .start()
        .await;
    let path = format!("/v1/workspaces/{}/mcp-servers", app.app.workspace_id);
    (app, path)
}

#[tokio::test]
async fn a_server_is_stored_without_showing_its_token_again() {
    let (app, path) = start().await;
    let body = json!({
        "name": "docs", "url": "https://127.0.0.1:8099/mcp", "authorization_token": "tok-1", "purpose_hint": "docs",
        "allowed_tools": ["read"],
    });
    let created = app.client.post(&path, MASTER_KEY, &body).await.expect(201);
    assert_eq!(
        (
            &created["has_token"],
            &created["enabled"],
            &created["workspace_id"]
        ),
        (&json!(true), &json!(true), &json!(app.app.workspace_id))
    );
    assert!(!created.to_string().contains("tok-1"));
    app.client.post(&path, MASTER_KEY, &body).await.expect(409);
    let one = format!("{path}/{}", created["id"].as_str().unwrap());
    let patch = async |body: Value| app.client.patch(&one, MASTER_KEY, &body).await.expect(200);
    let renamed = patch(json!({"name": "manual", "enabled": false})).await;
    assert_eq!(
        (&renamed["name"], &renamed["has_token"]),
        (&json!("manual"), &json!(true))
    );
    assert_eq!(
        patch(json!({"authorization_token": "tok-2"})).await["has_token"],
        true
    );
    assert_eq!(
        patch(json!({"authorization_token": null})).await["has_token"],
        false
    );
    patch(json!({"authorization_token": "tok-3"})).await;
    assert_eq!(
        patch(json!({"authorization_token": ""})).await["has_token"],
        false
    );
    assert_eq!(
        patch(json!({"purpose_hint": null})).await["purpose_hint"],
        Value::Null
    );
    let list = app.client.get(&path, MASTER_KEY).await.expect(200);
    assert_eq!(
        (&list["count"], &list["data"][0]["name"]),
        (&json!(1), &json!("manual"))
    );
    app.client.delete(&one, MASTER_KEY).await.expect(200);
    app.client.delete(&one, MASTER_KEY).await.expect(404);
    app.client
        .patch(&one, MASTER_KEY, &json!({}))
        .await
        .expect(404);
}

#[tokio::test]
async fn an_address_that_may_not_be_visited_is_refused_when_it_is_written() {
    let (app, path) = start().await;
    for (body, told) in [
        (json!({"url": "http://169.254.169.254/"}), "169.254.169.254"),
        (json!({"url": "https://10.0.0.1/mcp"}), "10.0.0.1"),
        (
            json!({"url": "http://127.0.0.1:8099/", "authorization_token": "t"}),
            "https",
        ),
        (json!({"url": "file:///etc/passwd"}), "url cannot be used"),
        (
            json!({"url": "https://user:pw@127.0.0.1/"}),
            "url cannot be used",
        ),
    ] {
        let mut body = body;
        body["name"] = json!("x");
        let refused = app.client.post(&path, MASTER_KEY, &body).await.expect(400);
        assert!(
            refused["detail"].as_str().unwrap().contains(told),
            "{refused}"
        );
    }
    let plain = json!({"name": "x", "url": "http://127.0.0.1:8099/"});
    let created = app.client.post(&path, MASTER_KEY, &plain).await.expect(201);
    let one = format!("{path}/{}", created["id"].as_str().unwrap());
    // A token for a server that is reached without TLS, and the other way round.
    app.client
        .patch(&one, MASTER_KEY, &json!({"authorization_token": "t"}))
        .await
        .expect(400);
    let both = json!({"authorization_token": "t", "url": "https://127.0.0.1:8099/"});
    app.client.patch(&one, MASTER_KEY, &both).await.expect(200);
    app.client
        .patch(&one, MASTER_KEY, &json!({"url": "http://127.0.0.1:8099/"}))
        .await
        .expect(400);
}

#[tokio::test]
async fn limits_are_told_and_other_workspaces_do_not_exist() {
    let (app, path) = start().await;
    let body = json!({
        "name": "n".repeat(129), "url": "u".repeat(2049), "purpose_hint": "h".repeat(2001),
        "allowed_tools": vec!["t"; 201],
    });
    let refused = app.client.post(&path, MASTER_KEY, &body).await.expect(422);
    assert_eq!(refused["detail"].as_array().unwrap().len(), 4, "{refused}");
    for at in 0..50 {
        let body = json!({"name": format!("s{at}"), "url": "http://127.0.0.1:8099/"});
        app.client.post(&path, MASTER_KEY, &body).await.expect(201);
    }
    let body = json!({"name": "one more", "url": "http://127.0.0.1:8099/"});
    let refused = app.client.post(&path, MASTER_KEY, &body).await.expect(400);
    assert!(
        refused["detail"].as_str().unwrap().contains("at most 50"),
        "{refused}"
    );
    let page = app
        .client
        .get(&format!("{path}?skip=49&limit=10"), MASTER_KEY)
        .await
        .expect(200);
    assert_eq!(
        (&page["count"], page["data"].as_array().unwrap().len()),
        (&json!(50), 1)
    );
    let other = "/v1/workspaces/00000000-0000-0000-0000-000000000000/mcp-servers";
    app.client.get(other, MASTER_KEY).await.expect(404);
    let key = app.key("ada", json!({})).await;
    app.client.get(&path, &key).await.expect(401);
}
