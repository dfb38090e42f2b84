//! `POST /v1/search`

use otari_testkit::{MASTER_KEY, Script, TestApp, Upstream};
use serde_json::{Value, json};

fn root(upstream: &Upstream) -> String {
    upstream.base().trim_end_matches("/v1").to_owned()
}

/// Two tools, each at the scripted upstream.
async fn start(more: &[(&str, Value)]) -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let tools = json!({
        "exa": {"api_key": "exa-key", "api_base": root(&upstream), "options": {"type": "auto"}},
        "house": {"provider": "searxng", "api_base": root(&upstream)},
    });
    let mut app = TestApp::builder().set("search_tools", tools);
    for (key, value) in more {
        app = app.set(key, value.clone());
    }
    let app = app.start().await;
    let key = app.key("ada", json!({})).await;
    (app, upstream, key)
}

fn exa_answer() -> Value {
    json!({"costDollars": {"total": 0.005}, "results": [
        {"url": "https://a.test/1", "title": "One", "text": "page text", "publishedDate": "2026-01-02"},
        {"url": "https://b.test/2", "title": "", "summary": "short"},
    ]})
}

#[tokio::test]
async fn a_search_is_answered_in_one_form_and_billed_at_what_the_service_says() {
    let price =
        json!({"exa:exa": {"input_price_per_million": 1000, "output_price_per_million": 0}});
    let (app, upstream, key) = start(&[("pricing", price)]).await;
    upstream.enqueue(Script::json(200, &exa_answer()));
    let body = json!({
        "query": "rust", "search_tool_name": "exa", "max_results": 3, "country": "de",
        "search_domain_filter": ["a.test", "b.test", "-c.test"], "max_tokens_per_page": 100,
    });
    let answer = app.client.post("/v1/search", &key, &body).await.expect(200);
    assert_eq!(
        answer,
        json!({"object": "search", "search_tool": "exa", "results": [
            {"title": "One", "url": "https://a.test/1", "snippet": "page text", "date": "2026-01-02"},
            {"title": null, "url": "https://b.test/2", "snippet": "short", "date": null},
        ]})
    );
    let sent = upstream.last();
    assert_eq!(
        (sent.path.as_str(), sent.headers["x-api-key"].as_str()),
        ("/search", "exa-key")
    );
    assert_eq!(
        sent.json(),
        json!({
            "type": "auto", "query": "rust", "numResults": 3, "userLocation": "DE",
            "includeDomains": ["a.test", "b.test"], "excludeDomains": ["c.test"],
            "contents": {"text": {"maxCharacters": 400}},
        })
    );
    let row = &app.usage().await[0];
    assert_eq!(
        (
            &row["model"],
            &row["provider"],
            &row["cost"],
            &row["endpoint"],
            &row["status"]
        ),
        (
            &json!("exa"),
            &json!("exa"),
            &json!(0.005),
            &json!("/v1/search"),
            &json!("success")
        )
    );
    let user = app.user("ada").await;
    assert_eq!(user["spend"], json!(0.005));
    let mut silent = exa_answer();
    silent["costDollars"] = json!(null);
    upstream.enqueue(Script::json(200, &silent));
    let body = json!({"query": "rust"});
    app.client
        .post("/api/v1/search/exa", &key, &body)
        .await
        .expect(200);
    assert_eq!(app.usage().await[0]["cost"], json!(0.001), "the flat price");
}

#[tokio::test]
async fn which_tool_is_meant_must_be_clear() {
    let (app, upstream, key) = start(&[]).await;
    for (path, body, told) in [
        ("/v1/search", json!({"query": "q"}), "Several search tools"),
        (
            "/v1/search",
            json!({"query": "q", "search_tool_name": "nope"}),
            "Unknown search tool 'nope'",
        ),
        (
            "/v1/search/nope",
            json!({"query": "q", "search_tool_name": "exa"}),
            "exa, house",
        ),
    ] {
        let refused = app.client.post(path, &key, &body).await.expect(400);
        assert!(
            refused["detail"].as_str().unwrap().contains(told),
            "{refused}"
        );
        assert_eq!(refused["error"]["code"], "search_tool_not_found");
    }
    assert!(upstream.captured().is_empty());
    let rows = app.usage().await;
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter()
            .all(|row| row["status_code"] == 400 && row["cost"] == Value::Null),
        "{rows:?}"
    );
    let none = TestApp::start().await;
    let key = none.key("ada", json!({})).await;
    let refused = none
        .client
        .post("/v1/search", &key, &json!({"query": "q"}))
        .await
        .expect(400);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .starts_with("No search tools are configured.")
    );
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_member_by_member() {
    let (app, _, key) = start(&[]).await;
    let body = json!({
        "query": " ", "max_results": 21, "country": "deu", "max_tokens_per_page": 0, "search_domain_filter": "a.test",
    });
    let refused = app
        .client
        .post("/v1/search/exa", &key, &body)
        .await
        .expect(422);
    let members: Vec<&str> = refused["detail"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["loc"][1].as_str().unwrap())
        .collect();
    assert_eq!(
        members,
        [
            "query",
            "max_results",
            "max_tokens_per_page",
            "search_domain_filter",
            "country"
        ]
    );
    app.client
        .post("/v1/search/exa", "gw-unknown", &json!({"query": "q"}))
        .await
        .expect(401);
}

#[tokio::test]
async fn a_key_searches_only_with_what_it_is_allowed() {
    let (app, upstream, _) = start(&[]).await;
    upstream.always(Script::json(200, &json!({"results": []})));
    let body = json!({"query": "q"});
    let by_tool = app
        .key("bea", json!({"allowed_tools": ["search:house"]}))
        .await;
    app.client
        .post("/v1/search/house", &by_tool, &body)
        .await
        .expect(200);
    let refused = app
        .client
        .post("/v1/search/exa", &by_tool, &body)
        .await
        .expect(403);
    assert_eq!(refused["error"]["code"], "tool_not_permitted");
    assert!(
        refused["detail"].as_str().unwrap().contains("'search:exa'"),
        "{refused}"
    );
    assert_eq!(app.usage().await[0]["status_code"], 403);
    let by_model = app.key("cid", json!({"allowed_models": ["exa:*"]})).await;
    app.client
        .post("/v1/search/exa", &by_model, &body)
        .await
        .expect(200);
    app.client
        .post("/v1/search/house", &by_model, &body)
        .await
        .expect(403);
}

#[tokio::test]
async fn a_service_that_fails_costs_nothing_and_shows_nothing() {
    let price = json!({"exa:exa": {"input_price_per_million": 1e6, "output_price_per_million": 0}});
    let (app, upstream, _) = start(&[("pricing", price)]).await;
    let key = app.budgeted_key("dora", json!({"max_budget": 1.0})).await;
    for (script, status) in [
        (Script::whole(500, "text/plain", "secret stack trace"), 502),
        (Script::whole(401, "text/plain", "bad key exa-key"), 502),
        (Script::whole(429, "text/plain", "slow down"), 429),
        (Script::whole(200, "text/html", "<html>"), 502),
        (Script::refuse(), 502),
    ] {
        upstream.enqueue(script);
        let refused = app
            .client
            .post("/v1/search/exa", &key, &json!({"query": "q"}))
            .await
            .expect(status);
        let text = refused.to_string();
        assert!(
            !text.contains("secret") && !text.contains("exa-key"),
            "{text}"
        );
    }
    assert_eq!(app.user("dora").await["spend"], json!(0.0));
    let rows = app.usage().await;
    assert!(
        rows.iter()
            .any(|row| row["error_message"] == "secret stack trace"),
        "{rows:?}"
    );
    upstream.enqueue(Script::json(200, &json!({"results": []})));
    app.client
        .post("/v1/search/exa", &key, &json!({"query": "q"}))
        .await
        .expect(200);
    // The whole budget is spent now.
    let refused = app
        .client
        .post("/v1/search/exa", &key, &json!({"query": "q"}))
        .await
        .expect(403);
    assert_eq!(refused["error"]["code"], "insufficient_quota");
}

#[tokio::test]
async fn a_workspace_can_narrow_the_search_and_switch_it_off() {
    let (app, upstream, key) = start(&[]).await;
    let workspace = app.app.workspace_id.clone();
    let path = format!("/v1/workspaces/{workspace}/web-search");
    let put = async |body: Value| {
        let body = body.to_string().into();
        app.client
            .send(http::Method::PUT, &path, Some(MASTER_KEY), &[], body)
            .await
            .expect(200)
    };
    put(json!({"enabled": true, "max_results": 2, "allowed_domains": ["a.test"], "blocked_domains": ["x.a.test"],
        "provider_options": {"category": "news"}}))
    .await;
    let results = json!({"results": [
        {"url": "https://a.test/1"}, {"url": "https://x.a.test/2"}, {"url": "https://b.test/3"},
    ]});
    upstream.always(Script::json(200, &results));
    let ask = async |filter: Value| {
        let body = json!({"query": "q", "max_results": 9, "search_domain_filter": filter});
        app.client
            .post("/v1/search/exa", &key, &body)
            .await
            .expect(200)["results"]
            .clone()
    };
    assert_eq!(ask(json!(null)).await.as_array().unwrap().len(), 1);
    let sent = upstream.last().json();
    assert_eq!(
        (&sent["numResults"], &sent["category"]),
        (&json!(2), &json!("news"))
    );
    assert_eq!(ask(json!(["b.test"])).await, json!([]), "no site in common");
    put(json!({"enabled": false})).await;
    let refused = app
        .client
        .post("/v1/search/exa", &key, &json!({"query": "q"}))
        .await
        .expect(403);
    assert_eq!(refused["error"]["code"], "tool_switched_off");
}
