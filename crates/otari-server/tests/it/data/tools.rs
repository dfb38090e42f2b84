//! `GET /v1/tools`, and which tools a key may use.

use otari_testkit::{MASTER_KEY, TestApp};
use serde_json::{Value, json};

fn tool<'a>(list: &'a Value, id: &str) -> &'a Value {
    let tools = list["data"].as_array().unwrap();
    tools.iter().find(|tool| tool["id"] == id).unwrap()
}

#[tokio::test]
async fn every_tool_is_listed_with_what_it_takes_to_use_it() {
    let app = TestApp::builder()
        .set("web_search_url", json!("http://127.0.0.1:9"))
        .set("web_search_intercept", json!(true))
        .start()
        .await;
    let key = app.key("ada", json!({})).await;
    for path in ["/v1/tools", "/api/v1/tools"] {
        let list = app.client.get(path, &key).await.expect(200);
        assert_eq!(
            (&list["object"], list["data"].as_array().unwrap().len()),
            (&json!("list"), 3)
        );
        let search = tool(&list, "otari_web_search");
        assert_eq!(
            (&search["available"], &search["permitted"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(search["example"], json!({"type": "otari_web_search"}));
        assert_eq!(search["input_schema"]["required"], json!(["query"]));
        let types = search["accepted_types"].as_array().unwrap();
        assert!(types.contains(&json!("web_search")), "{types:?}");
        assert_eq!(tool(&list, "otari_code_execution")["available"], false);
        assert_eq!(tool(&list, "otari_web_fetch")["available"], true);
    }
    app.client.get("/v1/tools", "gw-unknown").await.expect(401);
}

#[tokio::test]
async fn without_a_service_web_search_is_not_available_and_takes_nobodys_name() {
    let app = TestApp::builder()
        .set("web_search_intercept", json!(true))
        .set("web_fetch", json!(false))
        .start()
        .await;
    let list = app.client.get("/v1/tools", MASTER_KEY).await.expect(200);
    let search = tool(&list, "otari_web_search");
    assert_eq!(search["available"], false);
    assert_eq!(search["accepted_types"], json!(["otari_web_search"]));
    assert_eq!(tool(&list, "otari_web_fetch")["available"], false);
}

#[tokio::test]
async fn a_key_can_be_narrowed_to_some_tools_and_widened_again() {
    let app = TestApp::start().await;
    let body = json!({"user_id": "ada", "allowed_tools": ["otari_web_fetch", "mcp:docs"]});
    let created = app
        .client
        .post("/v1/keys", MASTER_KEY, &body)
        .await
        .expect(200);
    assert_eq!(created["allowed_tools"], body["allowed_tools"]);
    let key = created["key"].as_str().unwrap();
    let permitted = async || {
        let list = app.client.get("/v1/tools", key).await.expect(200);
        ["otari_web_fetch", "otari_web_search"].map(|id| tool(&list, id)["permitted"] == true)
    };
    assert_eq!(permitted().await, [true, false]);
    let path = format!("/v1/keys/{}", created["id"].as_str().unwrap());
    let patch = json!({"key_name": "n"});
    let patched = app
        .client
        .patch(&path, MASTER_KEY, &patch)
        .await
        .expect(200);
    assert_eq!(patched["allowed_tools"], body["allowed_tools"]);
    let patch = json!({"allowed_tools": null});
    app.client
        .patch(&path, MASTER_KEY, &patch)
        .await
        .expect(200);
    assert_eq!(permitted().await, [true, true]);
    let patch = json!({"allowed_tools": ["web search"]});
    let refused = app
        .client
        .patch(&path, MASTER_KEY, &patch)
        .await
        .expect(400);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("use otari_web_search"),
        "{refused}"
    );
}
