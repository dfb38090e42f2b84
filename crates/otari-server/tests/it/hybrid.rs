//! Hybrid mode against the reference peer.

mod cost;
mod edge;
mod reports;
mod resolve;
mod stream;
mod tools;
mod walk;

use otari_testkit::{Hybrid, Response, USER_TOKEN};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]})
}

fn chat_stream(model: &str) -> Value {
    json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "Hi"}]})
}

fn message(model: &str) -> Value {
    json!({"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]})
}

async fn post(hybrid: &Hybrid, path: &str, body: &Value) -> Response {
    hybrid.app.client.post(path, USER_TOKEN, body).await
}

/// The members of a report that the protocol has.
fn told(report: &Value) -> Value {
    let mut told = serde_json::Map::new();
    for name in [
        "status",
        "is_final_attempt",
        "usage",
        "error_class",
        "session_label",
    ] {
        if let Some(value) = report.get(name) {
            told.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(told)
}

/// The counts of every usual answer of the scripted upstream.
fn counted() -> Value {
    json!({"prompt_tokens": 11, "completion_tokens": 29, "total_tokens": 40, "cache_read_tokens": 0, "cache_write_tokens": 0})
}

fn success() -> Value {
    json!({"status": "success", "is_final_attempt": true, "usage": counted()})
}

fn failure(class: &str, is_final: bool) -> Value {
    json!({"status": "error", "is_final_attempt": is_final, "error_class": class})
}
