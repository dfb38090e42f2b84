//! Every request case of every surface, encoded for every dialect.

use std::fmt::Write as _;

use otari_translate::{Block, Call, Surface, Tool, Wire, dialect, surface};
use serde_json::{Value, json};

use crate::golden::{SURFACES, WIRES, cases, differs, dir};

fn model(wire: Wire) -> &'static str {
    match wire {
        Wire::OpenAiChat | Wire::OpenAiResponses => "gpt-x",
        Wire::Sagemaker => "my-endpoint",
        Wire::Mistral => "mistral-medium",
        Wire::Ollama => "qwen3:8b",
        Wire::Watsonx => "ibm/granite-4",
        Wire::Anthropic => "claude-opus-4-6",
        Wire::Gemini => "gemini-3-pro",
        Wire::Cohere => "command-a",
        Wire::Bedrock => "eu.anthropic.claude-opus-4-6-v1:0",
    }
}

fn target(wire: Wire) -> dialect::Target<'static> {
    dialect::Target {
        model: model(wire),
        project_id: Some("project-1"),
        ..dialect::Target::default()
    }
}

fn snapshot(call: &Call, wire: Wire) -> String {
    match dialect::encode(wire, call, &target(wire)) {
        Err(error) => format!("400 {}: {error}\n", error.member()),
        Ok(encoded) => {
            let mut text = String::new();
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

fn bedrock(model: &str, body: &Value) -> Value {
    let call = surface::parse(Surface::Chat, body.to_string().as_bytes()).unwrap();
    let target = dialect::Target {
        model,
        ..dialect::Target::default()
    };
    let encoded = dialect::encode(Wire::Bedrock, &call, &target).unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

#[test]
fn each_family_behind_bedrock_gets_what_it_knows() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}],
        "top_k": 5, "top_p": 0.5, "temperature": 2, "reasoning_effort": "high"});
    let claude = bedrock("anthropic.claude-sonnet-4-5-20250929-v1:0", &body);
    let fields = &claude["additionalModelRequestFields"];
    assert_eq!(fields["thinking"]["budget_tokens"], 24_576);
    // The budget counts inside the limit, so the limit is said; thinking takes no sampling.
    assert_eq!(claude["inferenceConfig"], json!({"maxTokens": 64_000}));
    let nova = bedrock("us.amazon.nova-2-lite-v1:0", &body);
    assert_eq!(
        nova["additionalModelRequestFields"],
        json!({"inferenceConfig": {"topK": 5},
            "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}})
    );
    assert_eq!(
        nova["inferenceConfig"],
        json!({"temperature": 1.0, "topP": 0.5})
    );
    let open = bedrock("openai.gpt-oss-120b-1:0", &body);
    assert_eq!(
        open["additionalModelRequestFields"],
        json!({"reasoning_effort": "high"})
    );
    let llama = bedrock("meta.llama4-scout-17b-instruct-v1:0", &body);
    assert_eq!(llama.get("additionalModelRequestFields"), None);
}

#[test]
fn tool_ids_of_mistral_are_nine_letters_and_stay_together() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [
            {"id": "call_long_id_of_another", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "abcDEF123", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_long_id_of_another", "content": "ok"},
        {"role": "tool", "tool_call_id": "abcDEF123", "content": "ok"}],
        "tools": [{"type": "function", "function": {"name": "f"}}]});
    let body = bedrock("mistral.mistral-large-2407-v1:0", &body);
    let calls = &body["messages"][1]["content"];
    let results = &body["messages"][2]["content"];
    for at in 0..2 {
        let id = calls[at]["toolUse"]["toolUseId"].as_str().unwrap();
        assert_eq!(results[at]["toolResult"]["toolUseId"], id);
        assert!(id.len() == 9 && id.chars().all(|letter| letter.is_ascii_alphanumeric()));
    }
    assert_eq!(calls[1]["toolUse"]["toolUseId"], "abcDEF123");
    assert_ne!(calls[0]["toolUse"], calls[1]["toolUse"]);
}

#[test]
fn bedrock_tells_old_tool_calls_as_text_when_no_tool_is_declared() {
    let messages = json!([{"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "tide", "arguments": "{\"d\":1}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "{\"high\":\"06:10\"}"}]);
    let tools = json!([{"type": "function", "function": {"name": "tide"}}]);
    for body in [
        json!({"model": "m", "messages": messages}),
        json!({"model": "m", "messages": messages, "tools": tools, "tool_choice": "none"}),
    ] {
        let body = bedrock("anthropic.claude-sonnet-4-5-20250929-v1:0", &body);
        assert_eq!(body.get("toolConfig"), None);
        let text = body["messages"].to_string();
        assert!(text.contains("tide: ") && text.contains("06:10"), "{text}");
        assert!(
            !text.contains("toolUse") && !text.contains("toolResult"),
            "{text}"
        );
    }
}

/// What the model is told: every block but thoughts, with the raw texts they came with. Gemini gives calls ids anew.
fn told(call: &Call) -> Vec<String> {
    let turns = call.turns.iter().flat_map(|turn| &turn.parts);
    let blocks = call.system.iter().chain(turns).map(|part| &part.block);
    let told = blocks.filter(|block| match block {
        Block::Text(text) => !text.trim().is_empty(),
        Block::Reasoning(_) => false,
        _ => true,
    });
    // Neighbouring texts may be joined, and places in the request are others.
    let mut words: Vec<String> = told
        .map(|block| match block {
            Block::Unknown(unknown) => unknown.raw.get().to_owned(),
            Block::Text(text) => text.trim_end().to_owned(),
            Block::ToolCall(call) => format!("{} {}", call.name, call.arguments),
            Block::ToolResult(result) => format!("{:?} {}", result.content, result.is_error),
            block => format!("{block:?}"),
        })
        .collect();
    words.sort();
    words
}

/// A surface and the dialect of the same format lose no block between them.
#[test]
fn a_request_written_in_its_own_format_says_the_same() {
    let mut compared = 0;
    for (name, surface, wire) in [
        ("messages", Surface::Messages, Wire::Anthropic),
        ("responses", Surface::Responses, Wire::OpenAiResponses),
        ("gemini", Surface::Gemini, Wire::Gemini),
    ] {
        for (case, body) in cases(name, "json") {
            let Ok(call) = surface::parse(surface, &body) else {
                continue;
            };
            let Ok(encoded) = dialect::encode(wire, &call, &target(wire)) else {
                continue;
            };
            let again = surface::parse(surface, &encoded.body).unwrap();
            assert_eq!(told(&again), told(&call), "{name} {case}");
            let allowed = |tool: &&Tool| match tool {
                Tool::Function(tool) => call.allows(&tool.name),
                Tool::Native(_) => true,
            };
            let declared = call.tools.iter().filter(allowed).count();
            assert!(again.tools.len() >= declared, "{name} {case}");
            compared += 1;
        }
    }
    assert!(compared > 30, "only {compared} cases were compared");
}

/// Claude with a budget refuses to think on after calls it made no thought about.
#[test]
fn claude_is_not_made_to_think_on_from_calls_of_another_model() {
    let thought = |maker: &str| json!({maker: {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}]}});
    let encoded = |extra: Value, last: Value, model: &str| {
        let called =
            json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let messages = json!([
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [called], "extra_content": extra},
            {"role": "tool", "tool_call_id": "a", "content": "ok"},
            last,
        ]);
        let messages: Vec<&Value> = messages
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| !m.is_null())
            .collect();
        let body =
            json!({"model": "m", "reasoning_effort": "medium", "messages": messages}).to_string();
        let call = surface::parse(Surface::Chat, body.as_bytes()).unwrap();
        let target = dialect::Target {
            model,
            ..dialect::Target::default()
        };
        let encoded = dialect::encode(Wire::Anthropic, &call, &target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        body["thinking"]["type"].as_str().map(str::to_owned)
    };
    let more = json!({"role": "user", "content": "and now?"});
    let (old, new) = ("claude-sonnet-4-5", "claude-sonnet-4-6");
    let cases = [
        (Value::Null, Value::Null, old, None),
        (thought("openai"), Value::Null, old, None),
        (thought("anthropic"), Value::Null, old, Some("enabled")),
        (Value::Null, more, old, Some("enabled")),
        (Value::Null, Value::Null, new, Some("adaptive")),
    ];
    for (extra, last, model, expected) in cases {
        let told = format!("{extra} {last} {model}");
        assert_eq!(encoded(extra, last, model).as_deref(), expected, "{told}");
    }
}
