//! The gateway's tools, as the platform permits them.

use otari_testkit::{Hybrid, Script};
use serde_json::{Value, json};

use super::{CHAT, MESSAGES, chat, message, post};

fn searching(model: &str) -> Value {
    let tools = json!([{"type": "otari_web_search"}]);
    json!({"model": model, "tools": tools, "messages": [{"role": "user", "content": "Hi"}]})
}

fn with_search() -> otari_testkit::HybridBuilder {
    Hybrid::builder().set("web_search_url", json!("http://127.0.0.1:1/search"))
}

/// The failure tables of the three endpoints that are asked for tools.
#[tokio::test]
async fn refusals_of_tools_are_passed_on_and_trouble_is_a_502() {
    let hybrid = with_search()
        .set("sandbox_url", json!("http://127.0.0.1:1"))
        .platform("resolve_timeout_ms", json!(500))
        .start()
        .await;
    let mut coding = chat("mock:m");
    coding["tools"] = json!([{"type": "otari_code_execution"}]);
    let mut connected = chat("mock:m");
    connected["mcp_server_ids"] = json!(["5c4fd2a0-1d39-4b9c-9a3e-000000000001"]);
    for (on, body) in [
        ("web_search", searching("mock:m")),
        ("code_execution", coding),
        ("mcp_servers", connected),
    ] {
        for (fault, status) in [
            (json!({"status": 400, "detail": "x"}), 400),
            (json!({"status": 401, "detail": "x"}), 401),
            (json!({"status": 402, "detail": "x"}), 402),
            (json!({"status": 403, "detail": "x"}), 403),
            (json!({"status": 404, "detail": "x"}), 404),
            (
                json!({"status": 429, "detail": "x", "retry_after": "3"}),
                429,
            ),
            (json!({"status": 422, "detail": "x"}), 502),
            (json!({"status": 500, "detail": "x"}), 502),
            (json!({"status": 200, "body": "<html>"}), 502),
            (json!({"status": 200, "body": "[]"}), 502),
            (json!({"delay_ms": 60_000}), 502),
        ] {
            let mut faulty = fault.clone();
            faulty["on"] = json!(on);
            hybrid.fail(&json!([faulty]));
            let answer = post(&hybrid, CHAT, &body).await;
            assert_eq!(answer.status, status, "{on} {fault}: {}", answer.text());
            let detail = if status == 502 {
                "Authorization service unavailable"
            } else {
                "x"
            };
            assert_eq!(answer.json()["detail"], detail, "{on} {fault}");
            assert_eq!(answer.header("retry-after"), (status == 429).then_some("3"));
        }
    }
    assert!(hybrid.app.upstream.captured().is_empty());
}

#[tokio::test]
async fn a_tool_that_the_workspace_has_not_is_a_403() {
    let workspaces = json!({"default": {"web_search": {"enabled": false}, "code_execution": {"enabled": false}}});
    let hybrid = with_search()
        .set("sandbox_url", json!("http://127.0.0.1:1"))
        .peer("workspaces", workspaces)
        .start()
        .await;
    let answer = post(&hybrid, CHAT, &searching("mock:m")).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let mut body = message("mock:m");
    body["tools"] = json!([{"type": "otari_code_execution"}]);
    let answer = post(&hybrid, MESSAGES, &body).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(answer.json()["error"]["type"], "permission_error");
    // Who asks for neither is not in the way.
    post(&hybrid, CHAT, &chat("mock:m")).await.expect(200);
}

/// What cannot be read is no permission to run code; of web search anything that says yes is one.
#[tokio::test]
async fn only_a_plain_yes_runs_code() {
    let hybrid = with_search()
        .set("sandbox_url", json!("http://127.0.0.1:1"))
        .start()
        .await;
    let mut coding = chat("mock:m");
    coding["tools"] = json!([{"type": "otari_code_execution"}]);
    for body in [
        "{}",
        r#"{"enabled":"yes"}"#,
        r#"{"enabled":null}"#,
        r#"{"enabled":true,"max_iterations":true}"#,
    ] {
        hybrid.fail(&json!([{"on": "code_execution", "status": 200, "body": body}]));
        let answer = post(&hybrid, CHAT, &coding).await;
        assert_eq!(answer.status, 502, "{body}: {}", answer.text());
        assert_eq!(
            answer.json()["detail"],
            "Authorization service unavailable",
            "{body}"
        );
    }
    for (body, status) in [
        ("{}", 403),
        (r#"{"enabled":0}"#, 403),
        (r#"{"enabled":null}"#, 403),
        (r#"{"enabled":1}"#, 200),
    ] {
        hybrid.fail(&json!([{"on": "web_search", "status": 200, "body": body}]));
        let answer = post(&hybrid, CHAT, &searching("mock:m")).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_server_of_another_workspace_is_not_found() {
    let id = "5c4fd2a0-1d39-4b9c-9a3e-000000000001";
    let servers = json!({id: {"name": "docs", "url": "http://127.0.0.1:1/mcp"}});
    let hybrid = Hybrid::builder()
        .peer("mcp_servers", servers)
        .peer("workspaces", json!({"other": {"mcp_servers": [id]}}))
        .start()
        .await;
    let mut body = chat("mock:m");
    body["mcp_server_ids"] = json!([id]);
    let answer = post(&hybrid, CHAT, &body).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
}

/// Each turn of the model is counted, in one report; the search service that is not the platform's sees no token.
#[tokio::test]
async fn a_conversation_with_tools_is_one_report() {
    let search = otari_testkit::Upstream::start().await;
    search.always(Script::json(
        200,
        &json!({"results": [{"url": "https://a.example", "title": "A", "content": "found"}]}),
    ));
    let hybrid = Hybrid::builder()
        .set("web_search_url", json!(search.base()))
        .set("web_search_extract", json!(false))
        .start()
        .await;
    let call = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
            "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "web_search", "arguments": "{\"query\":\"x\"}"}}]}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    });
    hybrid.app.upstream.enqueue(Script::json(200, &call));
    let answer = post(&hybrid, CHAT, &searching("smart")).await;
    let told = answer.expect(200);
    assert_eq!(told["choices"][0]["message"]["content"], "hello");
    assert_eq!(told["usage"]["total_tokens"], 47);
    assert_eq!(told["usage"]["cost_usd"], "0.000350");
    let reports = hybrid.reports(1).await;
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0]["usage"]["prompt_tokens"], 16);
    assert_eq!(reports[0]["usage"]["completion_tokens"], 31);
    let asked = search.last();
    assert!(
        !asked.headers.contains_key("x-gateway-token"),
        "{:?}",
        asked.headers
    );
}

/// Once a turn was answered no other attempt is asked: its tools may have run.
#[tokio::test]
async fn after_the_first_turn_nothing_moves_on() {
    let search = otari_testkit::Upstream::start().await;
    search.always(Script::json(200, &json!({"results": []})));
    let hybrid = Hybrid::builder()
        .set("web_search_url", json!(search.base()))
        .start()
        .await;
    let call = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
            "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "web_search", "arguments": "{\"query\":\"x\"}"}}]}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    });
    hybrid.app.upstream.enqueue(Script::json(200, &call));
    hybrid
        .app
        .upstream
        .enqueue(Script::json(500, &json!({"error": {"message": "oops"}})));
    let answer = post(&hybrid, CHAT, &searching("smart")).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert_eq!(hybrid.app.upstream.captured().len(), 2);
    let reports = hybrid.reports(1).await;
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0]["is_final_attempt"], true);
    // What the first turn consumed is owed all the same.
    assert_eq!(reports[0]["usage"]["total_tokens"], 7);
}

fn tool_call(name: &str, arguments: &str) -> Script {
    let function = json!({"name": name, "arguments": arguments});
    Script::json(
        200,
        &json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
                "tool_calls": [{"id": "t1", "type": "function", "function": function}]}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        }),
    )
}

/// The platform's own search service knows the gateway by its token.
#[tokio::test]
async fn the_platforms_own_search_is_let_in() {
    let documents = json!([
        {"url": "https://a.example/moon", "title": "Moon", "content": "It is far."},
        {"url": "https://b.example/sun", "title": "Sun", "content": "It is hot."},
    ]);
    let hybrid = Hybrid::builder()
        .search_at_peer()
        .set("web_search_extract", json!(false))
        .peer("documents", documents)
        .peer(
            "workspaces",
            json!({"default": {"web_search": {"enabled": true, "blocked_domains": ["b.example"]}}}),
        )
        .start()
        .await;
    hybrid
        .app
        .upstream
        .enqueue(tool_call("web_search", r#"{"query":"far sun"}"#));
    let answer = post(&hybrid, CHAT, &searching("mock:m")).await;
    answer.expect(200);
    let sent = hybrid.app.upstream.last().json().to_string();
    assert!(sent.contains("a.example/moon"), "{sent}");
    // Found too, but the workspace does without it.
    assert!(!sent.contains("b.example"), "{sent}");
}

/// A sandbox of the platform's knows the caller by its own token; one elsewhere is not told it.
#[tokio::test]
async fn the_callers_token_goes_to_the_platforms_sandbox_only() {
    for is_platforms in [true, false] {
        // Platform, provider and sandbox, in the order they are asked.
        let all = otari_testkit::Upstream::start().await;
        let elsewhere = otari_testkit::Upstream::start().await;
        let sandbox = if is_platforms { &all } else { &elsewhere };
        let hybrid = Hybrid::builder()
            .platform("base_url", json!(all.base()))
            .set("sandbox_url", json!(format!("{}/sandbox", sandbox.base())))
            .start()
            .await;
        // The gateway asked for the platform's health when it started, or did not: what was asked so far is answered.
        let resolved = json!({"attempts": [{"attempt_id": "a", "provider": "openai-compatible", "model": "m", "api_key": "k",
            "api_base": hybrid.app.upstream.base()}]});
        all.enqueue(Script::json(200, &resolved));
        all.enqueue(Script::json(200, &json!({"enabled": true})));
        sandbox.enqueue(Script::json(201, &json!({"session_id": "s"})));
        let mut body = chat("mock:m");
        body["tools"] = json!([{"type": "otari_code_execution"}]);
        let answer = post(&hybrid, CHAT, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let asked = sandbox.captured();
        let opened = asked
            .iter()
            .find(|asked| asked.path == "/v1/sandbox/sessions");
        let bearer = opened
            .unwrap()
            .headers
            .get("authorization")
            .map(String::as_str);
        assert_eq!(bearer, is_platforms.then_some("Bearer ut-alice"));
        assert!(!opened.unwrap().headers.contains_key("x-gateway-token"));
    }
}

/// With tools streams may take longer to begin, and then make way as well.
#[tokio::test]
async fn a_conversation_that_does_not_begin_in_time_makes_way() {
    let hybrid = with_search()
        .platform("streaming_first_chunk_timeout_ms", json!(60_000))
        .platform("streaming_first_chunk_timeout_ms_tool_loop", json!(400))
        .platform(
            "streaming_final_attempt_extra_first_chunk_timeout_ms",
            json!(60_000),
        )
        .start()
        .await;
    hybrid.app.upstream.enqueue(Script::hang());
    hybrid.app.upstream.enqueue(Script::chat_stream(&["a"]));
    let mut body = searching("smart");
    body["stream"] = json!(true);
    let answer = post(&hybrid, CHAT, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer.text().contains("\"cost_usd\":\"0.000318\""),
        "{}",
        answer.text()
    );
    let mut reports = hybrid.reports(2).await;
    reports.sort_by_key(|report| report["model"].to_string());
    assert_eq!(reports[0]["error_class"], "timeout");
    assert_eq!(reports[1]["status"], "success");
}
