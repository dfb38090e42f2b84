//! Answers are checked before they leave, streams included.

use otari_testkit::{Script, TestApp};
use serde_json::{Value, json};

use super::{CARD, chat, free, verdict, with_service};

fn output(profile: &str, mode: &str) -> Value {
    json!([{"profile": profile, "mode": mode, "on": ["output"]}])
}

/// A stream of many words with `special` in the middle, cut into single characters.
fn long_stream(special: &str) -> Script {
    let filler = "the quick brown fox jumps over the lazy dog again and again, ".repeat(12);
    let text = format!("{filler}{special} {filler}");
    let letters: Vec<String> = text.chars().map(String::from).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    Script::chat_stream(&letters)
}

/// What the events of a stream say together, whatever their surface.
fn said(stream: &str) -> String {
    let mut text = String::new();
    for data in stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
    {
        let Ok(event) = serde_json::from_str::<Value>(data) else {
            continue;
        };
        let places = [
            "/choices/0/delta/content",
            "/choices/0/text",
            "/delta/text",
            "/delta",
            "/candidates/0/content/parts/0/text",
        ];
        text.extend(
            places
                .iter()
                .find_map(|place| event.pointer(place)?.as_str()),
        );
    }
    text
}

fn surfaces() -> [(&'static str, Value); 5] {
    let turn = json!([{"role": "user", "content": "hi"}]);
    [
        ("/v1/chat/completions", json!({"messages": turn})),
        ("/v1/messages", json!({"max_tokens": 9, "messages": turn})),
        ("/v1/responses", json!({"input": "hi"})),
        ("/v1/completions", json!({"prompt": "hi"})),
        (
            "/v1beta/models/mock:scripted:",
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ),
    ]
}

fn request(path: &str, body: &Value, guardrails: &Value, stream: bool) -> (String, Value) {
    let mut body = body.as_object().unwrap().clone();
    body.insert("guardrails".to_owned(), guardrails.clone());
    if path.contains("v1beta") {
        let method = if stream {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        return (format!("{path}{method}"), body.into());
    }
    body.insert("model".to_owned(), json!("mock:scripted"));
    body.insert("stream".to_owned(), json!(stream));
    (path.to_owned(), body.into())
}

#[tokio::test]
async fn a_whole_answer_is_refused_redacted_or_only_told_of() {
    let app = free().start().await;
    let key = app.key("alice", json!({})).await;
    app.upstream
        .always(Script::chat(&format!("The card is {CARD}.")));
    for (path, body) in surfaces() {
        let (path, blocked) = request(path, &body, &output("otari:pii", "block"), false);
        let answer = app.client.post(&path, &key, &blocked).await;
        assert_eq!(answer.status, 403, "{path} {}", answer.text());
        let told = answer.json();
        assert_eq!(
            told["detail"]["message"],
            "Response blocked by guardrail policy."
        );
        assert!(!answer.text().contains("4242"), "{path}");
        let row = &app.usage().await[0];
        assert_eq!(
            (&row["status"], &row["status_code"]),
            (&json!("error"), &json!(403))
        );
        assert!(
            row["cost"].as_f64().is_some_and(|cost| cost > 0.0),
            "the answer was made: {row}"
        );

        let mut redacting = blocked.clone();
        redacting["guardrails"][0]["validate_kwargs"] = json!({"action": "redact"});
        let answer = app.client.post(&path, &key, &redacting).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        assert!(
            answer.text().contains("The card is [REDACTED:card]."),
            "{path} {}",
            answer.text()
        );
        assert!(!answer.text().contains("4242"), "{path} {}", answer.text());

        let mut watching = blocked.clone();
        watching["guardrails"][0]["mode"] = json!("monitor");
        let answer = app.client.post(&path, &key, &watching).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains("4242"));
        let header: Value =
            serde_json::from_str(answer.header("x-otari-guardrails").unwrap()).unwrap();
        assert_eq!(
            header,
            json!([{"profile": "otari:pii", "mode": "monitor", "valid": false, "score": 0.95, "on": "output"}])
        );
    }
}

#[tokio::test]
async fn a_stream_ends_before_what_is_forbidden() {
    let app = free().start().await;
    let key = app.key("alice", json!({})).await;
    for (path, body) in surfaces() {
        app.upstream.enqueue(long_stream(CARD));
        let (path, body) = request(path, &body, &output("otari:pii", "block"), true);
        let answer = app.client.post(&path, &key, &body).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        let text = answer.text();
        let said = said(&text);
        assert!(said.starts_with("the quick brown fox"), "{path} {text}");
        assert!(!said.contains("42"), "{path} {said}");
        let event = match path.as_str() {
            "/v1/chat/completions" | "/v1/completions" => r#""code":"guardrail_violation""#,
            "/v1/messages" => r#""type":"permission_error""#,
            "/v1/responses" => "guardrail_violation",
            _ => "guardrail policy",
        };
        assert!(text.contains(event), "{path} {text}");
        assert!(
            text.contains("Response blocked by guardrail policy."),
            "{path} {text}"
        );
        let row = &app.usage().await[0];
        assert_eq!(
            (&row["status"], &row["status_code"]),
            (&json!("error"), &json!(403))
        );
        assert!(
            row["cost"].as_f64().is_some_and(|cost| cost > 0.0),
            "what came so far is charged: {row}"
        );
        assert_eq!(app.user("alice").await["reserved"], 0.0);
    }
}

#[tokio::test]
async fn a_stream_that_is_short_is_refused_before_it_begins() {
    let app = free().start().await;
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(Script::chat_stream(&["card ", CARD]));
    let (path, body) = request(
        "/v1/chat/completions",
        &chat("hi", &json!([])),
        &output("otari:pii", "block"),
        true,
    );
    let answer = app.client.post(&path, &key, &body).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(
        app.usage().await[0]["cost"]
            .as_f64()
            .is_some_and(|cost| cost > 0.0)
    );
}

#[tokio::test]
async fn a_clean_stream_arrives_whole_and_unchanged() {
    let app = free().start().await;
    let key = app.key("alice", json!({})).await;
    let guardrails = json!([
        {"profile": "otari:pii", "mode": "block", "on": ["output"]},
        {"profile": "otari:secrets", "mode": "block", "on": ["input", "output"]},
        {"profile": "otari:prompt-injection", "on": ["output"]},
    ]);
    for (path, body) in surfaces() {
        // A number that is too long to be a card's, and one that fails its check digit.
        let special = "42424242424242424242 and 4242 4242 4242 4241";
        app.upstream.enqueue(long_stream(special));
        let (path, plain) = request(path, &body, &json!([]), true);
        let expected = app.client.post(&path, &key, &plain).await.text();
        app.upstream.enqueue(long_stream(special));
        let mut checked = plain.clone();
        checked["guardrails"] = guardrails.clone();
        let answer = app.client.post(&path, &key, &checked).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        assert_eq!(said(&answer.text()), said(&expected), "{path}");
        assert_eq!(
            answer.text().lines().count(),
            expected.lines().count(),
            "{path}"
        );
        assert_eq!(app.usage().await[0]["status"], "success");
    }
}

#[tokio::test]
async fn a_service_that_judges_answers_holds_streams_back() {
    let (app, service) = with_service().await;
    let key = app.key("alice", json!({})).await;
    for (valid, status) in [(json!(true), 200), (json!(false), 403)] {
        app.upstream
            .enqueue(Script::chat_stream(&["all ", "of ", "it"]));
        service.enqueue(verdict(&valid));
        let (path, body) = request(
            "/v1/chat/completions",
            &chat("hi", &json!([])),
            &output("tone", "block"),
            true,
        );
        let answer = app.client.post(&path, &key, &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(service.last().json()["input_text"], "all of it");
        if status == 200 {
            assert_eq!(said(&answer.text()), "all of it");
            assert!(answer.text().ends_with("data: [DONE]\n\n"));
        }
    }
    app.upstream.enqueue(Script::chat("whole"));
    service.enqueue(Script::refuse());
    let (path, body) = request(
        "/v1/chat/completions",
        &chat("hi", &json!([])),
        &output("tone", "block"),
        false,
    );
    assert_eq!(app.client.post(&path, &key, &body).await.status, 502);
    assert_eq!(app.user("alice").await["reserved"], 0.0);
}

/// A key is one long word: none of it leaves while it may go on.
#[tokio::test]
async fn a_long_token_is_held_back_whole() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let payload = "A1b2C3d4".repeat(120);
    let token = format!("eyJ{payload}.eyJ{payload}.{payload}");
    app.upstream.enqueue(long_stream(&token));
    let (path, body) = request(
        "/v1/chat/completions",
        &chat("hi", &json!([])),
        &output("otari:secrets", "block"),
        true,
    );
    let answer = app.client.post(&path, &key, &body).await;
    let said = said(&answer.text());
    assert!(!said.contains("eyJ"), "{said}");
    assert!(answer.text().contains("guardrail_violation"));
}
