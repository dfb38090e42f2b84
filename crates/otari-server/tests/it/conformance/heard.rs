//! What the client is told, whole or streamed, read as the surface's own clients read it.

use otari_testkit::Response;
use serde_json::Value;

use super::ask::{TOOL, WORD, tool_input};
use super::{Checked, MODEL, Round, Surface, ensure};

#[derive(Debug, Default)]
struct Heard {
    text: String,
    tool: String,
    arguments: String,
    finish: Value,
    model: Value,
}

/// The answer to a round, as far as the built-in provider can give it too.
pub(super) fn check(surface: Surface, round: Round, stream: bool, response: &Response) -> Checked {
    ensure!(
        response.status == 200,
        "{}: {}",
        response.status,
        response.text()
    );
    let kind = response.header("content-type").unwrap_or_default();
    let heard = if stream {
        ensure!(kind.starts_with("text/event-stream"), "answered as {kind}");
        streamed(surface, &response.text())?
    } else {
        ensure!(kind.starts_with("application/json"), "answered as {kind}");
        whole(surface, &response.json())
    };
    ensure!(heard.model == MODEL, "model is {}", heard.model);
    let finish = match (surface, round) {
        (Surface::Chat, Round::Offer) => "tool_calls",
        (Surface::Chat | Surface::Completions, _) => "stop",
        (Surface::Messages, Round::Offer) => "tool_use",
        (Surface::Messages, _) => "end_turn",
        (Surface::Responses, _) => "completed",
        (Surface::Gemini, _) => "STOP",
    };
    ensure!(
        heard.finish == finish,
        "ended with {}: {heard:?}",
        heard.finish
    );
    if round == Round::Offer {
        ensure!(heard.tool == TOOL, "no call: {heard:?}");
    } else {
        ensure!(heard.tool.is_empty(), "a call: {heard:?}");
    }
    Ok(())
}

/// What the scripted upstreams said, exactly.
pub(super) fn check_words(
    surface: Surface,
    round: Round,
    stream: bool,
    response: &Response,
) -> Checked {
    let heard = if stream {
        streamed(surface, &response.text())?
    } else {
        whole(surface, &response.json())
    };
    if round == Round::Offer {
        let arguments: Value = serde_json::from_str(&heard.arguments).unwrap_or_default();
        ensure!(arguments == tool_input(), "arguments {:?}", heard.arguments);
        ensure!(heard.text.is_empty(), "text {:?}", heard.text);
    } else {
        ensure!(heard.text == WORD, "text {:?}", heard.text);
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn whole(surface: Surface, body: &Value) -> Heard {
    let mut heard = Heard {
        model: body["model"].clone(),
        ..Heard::default()
    };
    match surface {
        Surface::Chat => {
            let choice = &body["choices"][0];
            let function = &choice["message"]["tool_calls"][0]["function"];
            text(&choice["message"]["content"]).clone_into(&mut heard.text);
            text(&function["name"]).clone_into(&mut heard.tool);
            text(&function["arguments"]).clone_into(&mut heard.arguments);
            heard.finish = choice["finish_reason"].clone();
        }
        Surface::Messages => {
            for block in body["content"].as_array().into_iter().flatten() {
                heard.text.push_str(text(&block["text"]));
                if block["type"] == "tool_use" {
                    text(&block["name"]).clone_into(&mut heard.tool);
                    heard.arguments = block["input"].to_string();
                }
            }
            heard.finish = body["stop_reason"].clone();
        }
        Surface::Responses => {
            for item in body["output"].as_array().into_iter().flatten() {
                heard.text.push_str(text(&item["content"][0]["text"]));
                if item["type"] == "function_call" {
                    text(&item["name"]).clone_into(&mut heard.tool);
                    text(&item["arguments"]).clone_into(&mut heard.arguments);
                }
            }
            heard.finish = body["status"].clone();
        }
        Surface::Completions => completions_event(&mut heard, body),
        Surface::Gemini => gemini_event(&mut heard, body),
    }
    heard
}

fn streamed(surface: Surface, stream: &str) -> Result<Heard, String> {
    let mut heard = Heard::default();
    let (mut last, mut done) = (Value::Null, false);
    for data in stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
    {
        if data == "[DONE]" {
            done = true;
            continue;
        }
        ensure!(!done, "goes on after its end: {stream}");
        // What some clients of Messages wait for beyond the last event.
        if surface == Surface::Messages && data == "{}" {
            done = true;
            continue;
        }
        let event: Value = serde_json::from_str(data).map_err(|_| format!("not JSON: {data}"))?;
        ensure!(event.get("error").is_none(), "an error: {data}");
        match surface {
            Surface::Chat => chat_event(&mut heard, &event),
            Surface::Messages => messages_event(&mut heard, &event),
            Surface::Responses => responses_event(&mut heard, &event),
            Surface::Completions => completions_event(&mut heard, &event),
            Surface::Gemini => gemini_event(&mut heard, &event),
        }
        last = event;
    }
    let complete = match surface {
        Surface::Chat | Surface::Completions => done,
        Surface::Gemini => !last["candidates"][0]["finishReason"].is_null(),
        Surface::Messages => last["type"] == "message_stop",
        Surface::Responses => last["type"] == "response.completed",
    };
    ensure!(complete, "the stream ends with {last}: {stream}");
    Ok(heard)
}

fn chat_event(heard: &mut Heard, event: &Value) {
    let choice = &event["choices"][0];
    let function = &choice["delta"]["tool_calls"][0]["function"];
    heard.text.push_str(text(&choice["delta"]["content"]));
    heard.tool.push_str(text(&function["name"]));
    heard.arguments.push_str(text(&function["arguments"]));
    if !choice["finish_reason"].is_null() {
        heard.finish = choice["finish_reason"].clone();
    }
    heard.model = event["model"].clone();
}

fn messages_event(heard: &mut Heard, event: &Value) {
    match text(&event["type"]) {
        "message_start" => heard.model = event["message"]["model"].clone(),
        "content_block_start" => heard.tool.push_str(text(&event["content_block"]["name"])),
        "content_block_delta" => {
            heard.text.push_str(text(&event["delta"]["text"]));
            heard
                .arguments
                .push_str(text(&event["delta"]["partial_json"]));
        }
        "message_delta" => heard.finish = event["delta"]["stop_reason"].clone(),
        _ => {}
    }
}

fn responses_event(heard: &mut Heard, event: &Value) {
    match text(&event["type"]) {
        "response.output_item.added" => heard.tool.push_str(text(&event["item"]["name"])),
        "response.output_text.delta" => heard.text.push_str(text(&event["delta"])),
        "response.function_call_arguments.delta" => heard.arguments.push_str(text(&event["delta"])),
        "response.completed" => {
            heard.finish = event["response"]["status"].clone();
            heard.model = event["response"]["model"].clone();
        }
        _ => {}
    }
}

/// Whole answers look the same.
fn completions_event(heard: &mut Heard, event: &Value) {
    let choice = &event["choices"][0];
    heard.text.push_str(text(&choice["text"]));
    if !choice["finish_reason"].is_null() {
        heard.finish = choice["finish_reason"].clone();
    }
    heard.model = event["model"].clone();
}

/// Whole answers look the same.
fn gemini_event(heard: &mut Heard, event: &Value) {
    let candidate = &event["candidates"][0];
    for part in candidate["content"]["parts"]
        .as_array()
        .into_iter()
        .flatten()
    {
        heard.text.push_str(text(&part["text"]));
        if let Some(call) = part.get("functionCall") {
            heard.tool.push_str(text(&call["name"]));
            heard.arguments.push_str(&call["args"].to_string());
        }
    }
    heard.finish = candidate["finishReason"].clone();
    heard.model = event["modelVersion"].clone();
}
