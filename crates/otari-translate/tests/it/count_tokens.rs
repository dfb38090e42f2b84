//! Counting tokens: what each wire is asked, and what is counted here where none can be asked.

use otari_translate::count_tokens::{decode, encode, parse, texts};
use otari_translate::{Wire, dialect};
use serde_json::{Value, json};

fn request() -> Value {
    json!({"model": "m", "system": "Brief.", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Which?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "tide", "input": {"d": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "06:10"}]}],
        "tools": [{"name": "tide", "description": "Tides.", "input_schema": {"type": "object"}}]})
}

fn asked(wire: Wire, model: &str) -> Value {
    let call = parse(request().to_string().as_bytes()).unwrap();
    let target = dialect::Target {
        model,
        ..dialect::Target::default()
    };
    let encoded = encode(wire, &call, &target).unwrap().unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

#[test]
fn providers_that_count_are_asked_for_the_prompt_only() {
    let body = asked(Wire::Anthropic, "claude-opus-4-6");
    assert_eq!(body["model"], "claude-opus-4-6");
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
    assert_eq!(body.get("max_tokens"), None);
    assert_eq!(body["tools"][0]["name"], "tide");

    let body = asked(Wire::Gemini, "gemini-3-pro");
    let inner = &body["generateContentRequest"];
    assert_eq!(inner["model"], "models/gemini-3-pro");
    assert_eq!(inner["contents"].as_array().unwrap().len(), 3);

    let body = asked(Wire::Bedrock, "eu.anthropic.claude-sonnet-4-5-v1:0");
    let inner = &body["input"]["converse"];
    assert_eq!(inner["system"][0]["text"], "Brief.");
    assert!(inner.get("inferenceConfig").is_none() && inner.get("toolConfig").is_some());
}

#[test]
fn each_answer_names_its_count_otherwise() {
    for (wire, body) in [
        (Wire::Anthropic, r#"{"input_tokens":42}"#),
        (
            Wire::Gemini,
            r#"{"totalTokens":42,"promptTokensDetails":[]}"#,
        ),
        (Wire::Bedrock, r#"{"inputTokens":42}"#),
    ] {
        assert_eq!(decode(wire, body.as_bytes()), Ok(42));
        assert!(decode(wire, b"{}").is_err());
    }
    assert!(decode(Wire::Ollama, br#"{"input_tokens":42}"#).is_err());
}

#[test]
fn elsewhere_every_text_is_there_to_be_counted() {
    let call = parse(request().to_string().as_bytes()).unwrap();
    let target = dialect::Target::default();
    assert_eq!(encode(Wire::Cohere, &call, &target), Ok(None));
    let countable = texts(&call);
    assert_eq!(
        countable.texts,
        [
            "Brief.",
            "Which?",
            "tide",
            "{\"d\":1}",
            "06:10",
            "tide",
            "Tides.",
            "{\"type\":\"object\"}"
        ]
    );
    assert_eq!(
        (countable.turns, countable.images, countable.files),
        (4, 1, 0)
    );
}

#[test]
fn a_request_without_messages_is_refused() {
    let error = parse(br#"{"model":"m"}"#).unwrap_err();
    assert_eq!(error.member(), "messages");
}
