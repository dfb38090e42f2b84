//! Tools in namespaces, as Codex declares them: under one name for the provider, under both for the client.

use otari_translate::surface::{Envelope, Renderer, render_reply};
use otari_translate::{
    Call, Collector, Event, Finish, FinishReason, Opening, Surface, Wire, dialect, surface,
};
use serde_json::{Value, json};

fn call() -> Call {
    let function =
        |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object"}});
    let body = json!({
        "model": "m",
        "tools": [
            function("look"),
            {"type": "namespace", "name": "agents", "description": "Others", "tools": [function("spawn"), function("look")]},
        ],
        "input": [
            {"role": "user", "content": "x"},
            {"type": "function_call", "call_id": "a", "namespace": "agents", "name": "spawn", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "ok"},
        ],
    });
    surface::parse(Surface::Responses, body.to_string().as_bytes()).unwrap()
}

#[test]
fn providers_see_one_name() {
    for (wire, model) in [
        (Wire::Anthropic, "claude-sonnet-4-6"),
        (Wire::Gemini, "gemini-3-pro"),
    ] {
        let target = dialect::Target {
            model,
            ..dialect::Target::default()
        };
        let encoded = dialect::encode(wire, &call(), &target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let (tools, spawned) = match wire {
            Wire::Anthropic => (&body["tools"], &body["messages"][1]["content"][0]["name"]),
            _ => (
                &body["tools"][0]["functionDeclarations"],
                &body["contents"][1]["parts"][0]["functionCall"]["name"],
            ),
        };
        let names: Vec<&Value> = tools
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| &tool["name"])
            .collect();
        assert_eq!(names, ["look", "agents__spawn", "agents__look"], "{wire:?}");
        assert_eq!(spawned, "agents__spawn", "{wire:?}");
    }
}

#[test]
fn clients_see_both_names() {
    let mut events = vec![Event::Start {
        id: String::new(),
        model: String::new(),
    }];
    for (id, name) in [("b", "agents__look"), ("c", "look")] {
        events.extend([
            Event::Open(Opening::ToolCall {
                id: id.to_owned(),
                name: name.to_owned(),
            }),
            Event::Delta("{}".to_owned()),
            Event::Close,
        ]);
    }
    events.push(Event::Finish(Finish {
        reason: FinishReason::ToolCalls,
        stop_sequence: None,
    }));
    let envelope = Envelope {
        id: "0a".to_owned(),
        created: 1,
        model: "m".to_owned(),
    };
    let mut renderer = Renderer::new(&call(), envelope.clone());
    let mut streamed = Vec::new();
    for event in &events {
        renderer.event(event, &mut streamed);
    }
    let streamed = String::from_utf8(streamed).unwrap();
    let items: Vec<Value> = streamed
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter(|event| event["type"] == "response.output_item.added")
        .map(|event| event["item"].clone())
        .collect();
    let reply = events
        .into_iter()
        .collect::<Collector>()
        .into_reply()
        .unwrap();
    let whole: Value = serde_json::from_slice(&render_reply(&call(), &envelope, &reply)).unwrap();
    for items in [&items, whole["output"].as_array().unwrap()] {
        let named: Vec<(&Value, &Value)> = items
            .iter()
            .map(|item| (&item["namespace"], &item["name"]))
            .collect();
        assert_eq!(
            named,
            [
                (&json!("agents"), &json!("look")),
                (&Value::Null, &json!("look"))
            ]
        );
    }
}
