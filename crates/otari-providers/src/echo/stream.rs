//! The same reply as server-sent events, one token each.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::reply::{CHARS_PER_TOKEN, Finish, Reply, Said, Usage};
use super::to_json;

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: &'a [Choice],
    /// Null on all chunks but the last when usage was asked for, absent when it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    delta: Value,
    finish_reason: Option<Finish>,
}

/// The order of OpenAI's stream: role, content, finish reason, usage when asked for, `[DONE]`.
pub(super) fn events(reply: &Reply<'_>, wants_usage: bool) -> Vec<Bytes> {
    let id = reply.id();
    let event = |choices: &[Choice], usage: Option<Usage>| {
        let chunk = Chunk {
            id: &id,
            object: "chat.completion.chunk",
            created: 0,
            model: reply.model,
            choices,
            usage: wants_usage.then(|| json!(usage)),
        };
        Bytes::from(format!("data: {}\n\n", to_json(&chunk)))
    };
    let choice = |delta: Value, finish_reason| {
        [Choice {
            index: 0,
            delta,
            finish_reason,
        }]
    };
    let mut events: Vec<Bytes> = deltas(reply)
        .into_iter()
        .map(|delta| event(&choice(delta, None), None))
        .collect();
    events.push(event(&choice(json!({}), Some(reply.finish)), None));
    if wants_usage {
        events.push(event(&[], Some(reply.usage)));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

fn deltas(reply: &Reply<'_>) -> Vec<Value> {
    match &reply.said {
        Said::Text(text) => std::iter::once(json!({ "role": "assistant", "content": "" }))
            .chain(
                pieces(text)
                    .into_iter()
                    .map(|piece| json!({ "content": piece })),
            )
            .collect(),
        Said::Call { name, arguments } => {
            let opening = json!([{
                "index": 0,
                "id": reply.call_id(),
                "type": "function",
                "function": { "name": name, "arguments": "" },
            }]);
            let first = json!({ "role": "assistant", "content": null, "tool_calls": opening });
            let fragment = |piece: String| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": piece } }] });
            std::iter::once(first)
                .chain(pieces(arguments).into_iter().map(fragment))
                .collect()
        }
    }
}

/// A text in tokens.
fn pieces(text: &str) -> Vec<String> {
    let mut chars = text.chars().peekable();
    let mut pieces = Vec::new();
    while chars.peek().is_some() {
        pieces.push(chars.by_ref().take(CHARS_PER_TOKEN).collect());
    }
    pieces
}
