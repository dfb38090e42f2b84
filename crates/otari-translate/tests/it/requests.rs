//! Every request case of every surface, encoded for every dialect.

use std::fmt::Write as _;

use otari_translate::{Call, Surface, Wire, dialect, surface};
use serde_json::Value;

use crate::golden::{SURFACES, WIRES, cases, differs, dir};

fn model(wire: Wire) -> &'static str {
    match wire {
        Wire::OpenAiChat | Wire::OpenAiResponses => "gpt-x",
        Wire::Anthropic => "claude-opus-4-6",
        Wire::Gemini => "gemini-3-pro",
        Wire::Cohere => "command-a",
    }
}

fn target(wire: Wire) -> dialect::Target<'static> {
    dialect::Target {
        model: model(wire),
        ..dialect::Target::default()
    }
}

fn snapshot(call: &Call, wire: Wire) -> String {
    match dialect::encode(wire, call, &target(wire)) {
        Err(error) => format!("400 {}: {error}\n", error.member()),
        Ok(encoded) => {
            let mut text = format!("POST {}\n", encoded.path);
            for (name, value) in &encoded.headers {
                writeln!(text, "{name}: {value}").unwrap();
            }
            let body: Value = serde_json::from_slice(&encoded.body).unwrap();
            text + &serde_json::to_string_pretty(&body).unwrap() + "\n"
        }
    }
}

#[test]
fn every_request_becomes_what_its_golden_file_says() {
    let mut wrong = Vec::new();
    for (name, surface) in SURFACES {
        for (case, body) in cases(name, "json") {
            match surface::parse(surface, &body) {
                Err(error) => {
                    let file = dir(name).join(format!("{case}.refused.txt"));
                    let text = format!("400 {}: {error}\n", error.member());
                    if differs(&file, &text) {
                        wrong.push(file);
                    }
                }
                Ok(call) => {
                    for (wire_name, wire) in WIRES {
                        let file = dir(name).join(format!("{case}.{wire_name}.txt"));
                        if differs(&file, &snapshot(&call, wire)) {
                            wrong.push(file);
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn tool_arguments_pass_byte_for_byte() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"x"},
        {"role":"assistant","tool_calls":[{"id":"a","type":"function","function":
            {"name":"f","arguments":"{\"n\": 12345678901234567890123, \"x\":1.50}"}}]},
        {"role":"tool","tool_call_id":"a","content":"ok"}]}"#;
    let call = surface::parse(Surface::Chat, body).unwrap();
    for (wire, expected) in [
        (
            Wire::OpenAiChat,
            r#""arguments":"{\"n\": 12345678901234567890123, \"x\":1.50}""#,
        ),
        (
            Wire::OpenAiResponses,
            r#""arguments":"{\"n\": 12345678901234567890123, \"x\":1.50}""#,
        ),
        (
            Wire::Anthropic,
            r#""input":{"n": 12345678901234567890123, "x":1.50}"#,
        ),
        (
            Wire::Gemini,
            r#""args":{"n": 12345678901234567890123, "x":1.50}"#,
        ),
    ] {
        let encoded = dialect::encode(wire, &call, &target(wire)).unwrap();
        let text = String::from_utf8(encoded.body).unwrap();
        assert!(text.contains(expected), "{wire:?}: {text}");
    }
    let body = br#"{"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":
        [{"type":"tool_use","id":"a","name":"f","input":{"n": 12345678901234567890123}}]}]}"#;
    let call = surface::parse(Surface::Messages, body).unwrap();
    let encoded = dialect::encode(Wire::OpenAiChat, &call, &target(Wire::OpenAiChat)).unwrap();
    let text = String::from_utf8(encoded.body).unwrap();
    assert!(
        text.contains(r#""{\"n\": 12345678901234567890123}""#),
        "{text}"
    );
}

#[test]
fn what_cannot_be_carried_is_left_out_on_request() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"x"}],"logit_bias":{"1":1},"frequency_penalty":1}"#;
    let call = surface::parse(Surface::Chat, body).unwrap();
    let strict = dialect::encode(Wire::Anthropic, &call, &target(Wire::Anthropic));
    assert_eq!(strict.unwrap_err().member(), "frequency_penalty");
    let lenient = dialect::Target {
        drop_unsupported: true,
        ..target(Wire::Anthropic)
    };
    let encoded = dialect::encode(Wire::Anthropic, &call, &lenient).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body.get("frequency_penalty").or(body.get("logit_bias")),
        None
    );
}

#[test]
fn older_models_get_what_they_know() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"x"}],"reasoning_effort":"high","max_tokens":100}"#;
    let call = surface::parse(Surface::Chat, body).unwrap();
    let encode = |wire, model| {
        let target = dialect::Target {
            model,
            ..dialect::Target::default()
        };
        let encoded = dialect::encode(wire, &call, &target).unwrap();
        serde_json::from_slice::<Value>(&encoded.body).unwrap()
    };
    // The budget counts inside the limit, so the limit grows.
    let claude = encode(Wire::Anthropic, "claude-sonnet-4-5-20250929");
    assert_eq!(claude["thinking"]["budget_tokens"], 24_576);
    assert_eq!(claude["max_tokens"], 24_676);
    assert_eq!(
        encode(Wire::Anthropic, "claude-3-haiku-20240307").get("thinking"),
        None
    );
    let gemini = encode(Wire::Gemini, "gemini-2.5-flash");
    assert_eq!(
        gemini["generationConfig"]["thinkingConfig"]["thinkingBudget"],
        24_576
    );
}
