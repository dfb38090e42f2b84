//! What the client sends.

use serde_json::{Value, json};

use super::{OUTPUT_LIMIT, Round, Surface};

pub(super) const WORD: &str = "hello";
pub(super) const TOOL: &str = "look";
pub(super) const TOOL_ANSWER: &str = "sunny";

pub(super) fn tool_input() -> Value {
    json!({"place": "Oslo"})
}

/// A request of the surface to `model` (with its instance).
pub(super) fn ask(surface: Surface, model: &str, round: Round, stream: bool) -> Value {
    let mut body = match surface {
        Surface::Chat => chat(round),
        Surface::Messages => messages(round),
        Surface::Responses => responses(round),
        Surface::Completions => {
            json!({"prompt": WORD, "max_tokens": OUTPUT_LIMIT, "temperature": 0.5})
        }
        // The address says the rest.
        Surface::Gemini => return gemini(round),
    };
    body["model"] = json!(model);
    if stream {
        body["stream"] = json!(true);
    }
    body
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]})
}

fn chat(round: Round) -> Value {
    let mut messages = vec![
        json!({"role": "system", "content": "Be brief."}),
        json!({"role": "user", "content": WORD}),
    ];
    if round == Round::Result {
        let function = json!({"name": TOOL, "arguments": tool_input().to_string()});
        let call = json!({"id": "call_1", "type": "function", "function": function});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": "call_1", "content": TOOL_ANSWER}));
    }
    let mut body = json!({"messages": messages, "max_tokens": OUTPUT_LIMIT, "temperature": 0.5});
    if round != Round::Plain {
        let function = json!({"name": TOOL, "description": "Looks.", "parameters": schema()});
        body["tools"] = json!([{"type": "function", "function": function}]);
    }
    body
}

fn messages(round: Round) -> Value {
    let mut messages = vec![json!({"role": "user", "content": WORD})];
    if round == Round::Result {
        let call =
            json!({"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": tool_input()});
        let result =
            json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": TOOL_ANSWER});
        messages.push(json!({"role": "assistant", "content": [call]}));
        messages.push(json!({"role": "user", "content": [result]}));
    }
    let mut body = json!({"messages": messages, "system": "Be brief.", "max_tokens": OUTPUT_LIMIT, "temperature": 0.5});
    if round != Round::Plain {
        body["tools"] = json!([{"name": TOOL, "description": "Looks.", "input_schema": schema()}]);
    }
    body
}

fn responses(round: Round) -> Value {
    let mut input = vec![json!({"role": "user", "content": WORD})];
    if round == Round::Result {
        let arguments = tool_input().to_string();
        input.push(json!({"type": "function_call", "call_id": "call_1", "name": TOOL, "arguments": arguments}));
        input.push(
            json!({"type": "function_call_output", "call_id": "call_1", "output": TOOL_ANSWER}),
        );
    }
    let mut body = json!({"input": input, "instructions": "Be brief.", "max_output_tokens": OUTPUT_LIMIT, "temperature": 0.5, "store": false});
    if round != Round::Plain {
        body["tools"] = json!([{"type": "function", "name": TOOL, "description": "Looks.", "parameters": schema()}]);
    }
    body
}

fn gemini(round: Round) -> Value {
    let mut contents = vec![json!({"role": "user", "parts": [{"text": WORD}]})];
    if round == Round::Result {
        let call = json!({"functionCall": {"name": TOOL, "args": tool_input()}});
        let result =
            json!({"functionResponse": {"name": TOOL, "response": {"result": TOOL_ANSWER}}});
        contents.push(json!({"role": "model", "parts": [call]}));
        contents.push(json!({"role": "user", "parts": [result]}));
    }
    let mut body = json!({
        "contents": contents, "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": OUTPUT_LIMIT, "temperature": 0.5},
    });
    if round != Round::Plain {
        let function = json!({"name": TOOL, "description": "Looks.", "parameters": schema()});
        body["tools"] = json!([{"functionDeclarations": [function]}]);
    }
    body
}
