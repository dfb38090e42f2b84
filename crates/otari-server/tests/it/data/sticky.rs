//! Sticky weighted policies: the calls of one conversation go to one model, those of others may go elsewhere.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Method;
use otari_testkit::TestApp;
use serde_json::{Value, json};

const HEADER: &str = "otari-conversation-id";
/// Enough that an even split sends some of them each way.
const CONVERSATIONS: usize = 20;

async fn app() -> TestApp {
    let weighted = |sticky: bool| {
        json!({"sticky": sticky, "select": [
            {"router": "weighted", "candidates": ["mock:a", "mock:b"], "weights": {"mock:a": 1, "mock:b": 1}},
            {"default": "mock:a"},
        ]})
    };
    let price = json!({"input_price_per_million": 1.0, "output_price_per_million": 1.0});
    TestApp::builder()
        .set("pricing", json!({"mock:a": price, "mock:b": price}))
        .set(
            "routing",
            json!({"policies": {"sticky": weighted(true), "loose": weighted(false)}}),
        )
        .start()
        .await
}

/// The model that got the call.
async fn model_of(
    app: &TestApp,
    key: &str,
    path: &str,
    conversation: Option<&str>,
    body: &Value,
) -> String {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(conversation.map(|id| (HEADER, id)));
    let body = Bytes::from(body.to_string());
    let client = &app.client;
    let answer = client.send(Method::POST, path, Some(key), &headers, body);
    let answer = answer.await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = app.upstream.last().json();
    let model = asked.get("model").and_then(Value::as_str);
    model.unwrap().to_owned()
}

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
const GEMINI: &str = "/v1beta/models/sticky:generateContent";

/// A request of one surface that opens with `first`, after so many more turns.
fn request(path: &str, first: &str, turns: usize) -> Value {
    let says = |who: &str, text: &str| match path {
        GEMINI => {
            json!({"role": if who == "assistant" { "model" } else { who }, "parts": [{"text": text}]})
        }
        _ => json!({"role": who, "content": text}),
    };
    let mut said = vec![says("user", first)];
    for turn in 0..turns {
        said.push(says("assistant", &format!("answer {turn} to {first}")));
        said.push(says("user", &format!("question {turn}")));
    }
    let system = "You are brief.";
    match path {
        CHAT => {
            said.insert(0, json!({"role": "system", "content": system}));
            json!({"model": "sticky", "max_tokens": 10 + turns, "messages": said})
        }
        MESSAGES => {
            json!({"model": "sticky", "max_tokens": 10 + turns, "system": system, "messages": said})
        }
        RESPONSES => json!({"model": "sticky", "instructions": system, "input": said}),
        _ => {
            json!({"systemInstruction": {"parts": [{"text": system}]}, "contents": said,
            "generationConfig": {"maxOutputTokens": 10 + turns}})
        }
    }
}

#[tokio::test]
async fn a_conversation_keeps_its_model_over_its_turns_and_others_spread() {
    let app = app().await;
    let key = app.key("alice", json!({})).await;
    for path in [CHAT, MESSAGES, RESPONSES, GEMINI] {
        let mut models = BTreeSet::new();
        for conversation in 0..CONVERSATIONS {
            let first = format!("conversation {conversation}");
            let model = model_of(&app, &key, path, None, &request(path, &first, 0)).await;
            for turns in [1, 2] {
                let later = model_of(&app, &key, path, None, &request(path, &first, turns)).await;
                assert_eq!(later, model, "{path}, {first}, turn {turns}");
            }
            models.insert(model);
        }
        assert_eq!(models.len(), 2, "{path}: {models:?}");
    }
}

#[tokio::test]
async fn a_cache_mark_that_moves_on_changes_nothing() {
    let app = app().await;
    let key = app.key("alice", json!({})).await;
    for conversation in 0..CONVERSATIONS {
        let first = format!("conversation {conversation}");
        let marked =
            json!([{"type": "text", "text": first, "cache_control": {"type": "ephemeral"}}]);
        let mut body = request(MESSAGES, &first, 1);
        let later = model_of(&app, &key, MESSAGES, None, &body).await;
        body["messages"] = json!([{"role": "user", "content": marked}]);
        let model = model_of(&app, &key, MESSAGES, None, &body).await;
        assert_eq!(later, model, "{first}");
    }
}

#[tokio::test]
async fn without_sticky_the_calls_of_a_conversation_are_spread() {
    let app = app().await;
    let key = app.key("alice", json!({})).await;
    let mut body = request(CHAT, "hello", 0);
    body["model"] = json!("loose");
    let mut models = BTreeSet::new();
    // By chance: after so many calls one in 2^63 runs has seen one model only.
    for _ in 0..64 {
        models.insert(model_of(&app, &key, CHAT, Some("one"), &body).await);
    }
    assert_eq!(models.len(), 2);
}

#[tokio::test]
async fn the_name_of_a_conversation_goes_before_how_it_opens() {
    let app = app().await;
    let key = app.key("alice", json!({})).await;
    for path in [CHAT, MESSAGES, RESPONSES, GEMINI] {
        let mut models = BTreeSet::new();
        for conversation in 0..CONVERSATIONS {
            let id = format!("c-{conversation}");
            let same = request(path, "the same opening", 0);
            let model = model_of(&app, &key, path, Some(&id), &same).await;
            let mut other = request(path, &format!("another opening {conversation}"), 1);
            // The header goes before the key of the cache too.
            if path != GEMINI && path != MESSAGES {
                other["prompt_cache_key"] = json!(format!("k-{conversation}"));
            }
            let again = model_of(&app, &key, path, Some(&id), &other).await;
            assert_eq!(again, model, "{path}, {id}");
            models.insert(model);
        }
        assert_eq!(models.len(), 2, "{path}");
    }
}

#[tokio::test]
async fn the_key_of_the_prompt_cache_names_a_conversation() {
    let app = app().await;
    let key = app.key("alice", json!({})).await;
    for path in [CHAT, RESPONSES] {
        let mut models = BTreeSet::new();
        for conversation in 0..CONVERSATIONS {
            let ask = |first: String| {
                let mut body = request(path, &first, 0);
                body["prompt_cache_key"] = json!(format!("k-{conversation}"));
                body
            };
            let same = ask("the same opening".to_owned());
            let model = model_of(&app, &key, path, None, &same).await;
            let other = ask(format!("another opening {conversation}"));
            assert_eq!(model_of(&app, &key, path, None, &other).await, model);
            models.insert(model);
        }
        assert_eq!(models.len(), 2, "{path}");
    }
}

#[tokio::test]
async fn a_response_asked_for_with_one_text_opens_a_conversation_too() {
    let app = app().await;
    let key = app.key("alice", json!({})).await;
    let mut models = BTreeSet::new();
    for conversation in 0..CONVERSATIONS {
        let body = json!({"model": "sticky", "input": format!("conversation {conversation}")});
        let model = model_of(&app, &key, RESPONSES, None, &body).await;
        let again = model_of(&app, &key, RESPONSES, None, &body).await;
        assert_eq!(again, model);
        models.insert(model);
    }
    assert_eq!(models.len(), 2);
}

#[tokio::test]
async fn the_names_of_two_users_are_two_conversations() {
    let app = app().await;
    let (alice, bob) = (
        app.key("alice", json!({})).await,
        app.key("bob", json!({})).await,
    );
    let body = request(CHAT, "hello", 0);
    let mut apart = 0;
    for conversation in 0..CONVERSATIONS {
        let id = format!("c-{conversation}");
        let of_alice = model_of(&app, &alice, CHAT, Some(&id), &body).await;
        let of_bob = model_of(&app, &bob, CHAT, Some(&id), &body).await;
        apart += usize::from(of_alice != of_bob);
    }
    assert!((1..CONVERSATIONS).contains(&apart), "{apart}");
}
