//! What an upstream answers, in each format: the word in two pieces, or one call of the function.

mod frames;

use bytes::Bytes;
use otari_testkit::{Script, Step};
use otari_wire::eventstream::write_frame;
use serde_json::{Value, json};

use super::ask::{TOOL, tool_input};
use frames::frames;

use super::{INPUT_TOKENS, MODEL, OUTPUT_TOKENS, Round, Wire};

/// The word's pieces.
const PIECES: [&str; 2] = ["hel", "lo"];

/// A whole or streamed answer to a round.
pub(super) fn script(wire: Wire, round: Round, stream: bool) -> Script {
    if stream {
        let steps = frames(wire, round)
            .into_iter()
            .map(|frame| Step::Send(frame.into()));
        Script::steps(200, content_type(wire), steps.collect())
    } else {
        Script::json(200, &whole(wire, round))
    }
}

pub(super) fn content_type(wire: Wire) -> &'static str {
    match wire {
        Wire::Bedrock | Wire::Sagemaker => "application/vnd.amazon.eventstream",
        Wire::Ollama => "application/x-ndjson",
        _ => "text/event-stream",
    }
}

/// The frames of a streamed word up to its first piece: what came before a connection broke.
pub(super) fn beginning(wire: Wire) -> Vec<Bytes> {
    let frames = frames(wire, Round::Plain);
    let first = PIECES[0].as_bytes();
    let has_piece = |frame: &Vec<u8>| frame.windows(first.len()).any(|part| part == first);
    let pieces = frames
        .iter()
        .position(has_piece)
        .expect("a piece of the word");
    frames
        .into_iter()
        .take(pieces + 1)
        .map(Bytes::from)
        .collect()
}

/// The format's own word, inside of a stream, that the provider failed.
pub(super) fn failure(wire: Wire, words: &str) -> Bytes {
    let exception = |kind: &str| {
        let headers = [
            (":exception-type", kind),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ];
        write_frame(&headers, json!({"message": words}).to_string().as_bytes())
    };
    let bytes = match wire {
        Wire::Chat | Wire::Mistral | Wire::BuiltIn => {
            data(&json!({"error": {"message": words, "type": "server_error", "code": 500}}))
        }
        Wire::Responses => event(
            "error",
            json!({"code": "server_error", "message": words, "param": null}),
        ),
        Wire::Anthropic => event(
            "error",
            json!({"error": {"type": "api_error", "message": words}}),
        ),
        Wire::Gemini => {
            data(&json!({"error": {"code": 500, "message": words, "status": "INTERNAL"}}))
        }
        Wire::Bedrock => exception("internalServerException"),
        Wire::Sagemaker => exception("InternalStreamFailure"),
        Wire::Cohere => event(
            "message-end",
            json!({"delta": {"finish_reason": "ERROR", "error": words}}),
        ),
        Wire::Ollama => format!("{}\n", json!({"error": words})).into_bytes(),
        Wire::Watsonx => event(
            "error",
            json!({"errors": [{"code": "x", "message": words}], "status_code": 500}),
        ),
    };
    bytes.into()
}

fn word() -> String {
    PIECES.concat()
}

fn whole(wire: Wire, round: Round) -> Value {
    let calls = round == Round::Offer;
    let usage = json!({"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS});
    match wire {
        Wire::Chat | Wire::Mistral | Wire::Sagemaker | Wire::Watsonx | Wire::BuiltIn => {
            let message = if calls {
                json!({"role": "assistant", "content": null, "tool_calls": [function_call()]})
            } else {
                json!({"role": "assistant", "content": word()})
            };
            let finish = if calls { "tool_calls" } else { "stop" };
            let choice = json!({"index": 0, "message": message, "finish_reason": finish});
            json!({"id": "c1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice], "usage": usage})
        }
        Wire::Responses => response(calls),
        Wire::Anthropic => {
            let content = if calls {
                json!({"type": "tool_use", "id": "toolu_9", "name": TOOL, "input": tool_input()})
            } else {
                json!({"type": "text", "text": word()})
            };
            let stop = if calls { "tool_use" } else { "end_turn" };
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [content], "stop_reason": stop,
                "stop_sequence": null, "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}})
        }
        Wire::Gemini => {
            let part = if calls {
                gemini_call()
            } else {
                json!({"text": word()})
            };
            gemini(&part, true)
        }
        Wire::Bedrock => {
            let content = if calls {
                json!({"toolUse": {"toolUseId": "tooluse_9", "name": TOOL, "input": tool_input()}})
            } else {
                json!({"text": word()})
            };
            let stop = if calls { "tool_use" } else { "end_turn" };
            json!({"output": {"message": {"role": "assistant", "content": [content]}}, "stopReason": stop, "usage": bedrock_usage(), "metrics": {"latencyMs": 1}})
        }
        Wire::Cohere => {
            let (message, finish) = if calls {
                (
                    json!({"role": "assistant", "tool_calls": [function_call()]}),
                    "TOOL_CALL",
                )
            } else {
                (
                    json!({"role": "assistant", "content": [{"type": "text", "text": word()}]}),
                    "COMPLETE",
                )
            };
            json!({"id": "co-1", "finish_reason": finish, "message": message, "usage": cohere_usage()})
        }
        Wire::Ollama => {
            let mut last = ollama("", true);
            last["message"] = if calls {
                ollama_call()
            } else {
                json!({"role": "assistant", "content": word()})
            };
            last
        }
    }
}

fn data(value: &Value) -> Vec<u8> {
    format!("data: {value}\n\n").into_bytes()
}

/// A named event whose data repeats the name as `type`.
fn event(name: &str, mut value: Value) -> Vec<u8> {
    value["type"] = json!(name);
    format!("event: {name}\ndata: {value}\n\n").into_bytes()
}

fn function_call() -> Value {
    json!({"id": "call_9", "type": "function", "function": {"name": TOOL, "arguments": tool_input().to_string()}})
}

fn response(calls: bool) -> Value {
    let item = if calls {
        json!({"type": "function_call", "id": "fc_1", "call_id": "call_9", "name": TOOL, "arguments": tool_input().to_string(), "status": "completed"})
    } else {
        let part = json!({"type": "output_text", "text": word(), "annotations": []});
        json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]})
    };
    json!({"id": "resp_1", "object": "response", "created_at": 1, "model": MODEL, "status": "completed", "output": [item],
        "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS}})
}

fn gemini(part: &Value, last: bool) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": [part]}});
    if last {
        candidate["finishReason"] = json!("STOP");
    }
    json!({"candidates": [candidate], "modelVersion": MODEL, "responseId": "r1",
        "usageMetadata": {"promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS, "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS}})
}

fn gemini_call() -> Value {
    json!({"functionCall": {"name": TOOL, "args": tool_input()}, "thoughtSignature": "c2ln"})
}

fn bedrock_usage() -> Value {
    json!({"inputTokens": INPUT_TOKENS, "outputTokens": OUTPUT_TOKENS, "totalTokens": INPUT_TOKENS + OUTPUT_TOKENS})
}

fn cohere_usage() -> Value {
    let tokens = json!({"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS});
    json!({"billed_units": tokens, "tokens": {"input_tokens": 500, "output_tokens": 50}})
}

fn ollama(text: &str, done: bool) -> Value {
    let mut line = json!({"model": MODEL, "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}, "done": done});
    if done {
        line["done_reason"] = json!("stop");
        line["prompt_eval_count"] = json!(INPUT_TOKENS);
        line["eval_count"] = json!(OUTPUT_TOKENS);
    }
    line
}

fn ollama_call() -> Value {
    let function = json!({"name": TOOL, "arguments": tool_input()});
    json!({"role": "assistant", "content": "", "tool_calls": [{"function": function}]})
}
