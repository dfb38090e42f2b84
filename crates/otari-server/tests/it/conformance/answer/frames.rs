//! Answers as they are streamed: one frame or event after the other.

use otari_wire::eventstream::write_frame;
use serde_json::{Value, json};

use super::{
    PIECES, bedrock_usage, cohere_usage, data, event, function_call, gemini, gemini_call, ollama,
    ollama_call, response,
};
use crate::conformance::ask::{TOOL, tool_input};
use crate::conformance::{INPUT_TOKENS, MODEL, OUTPUT_TOKENS, Round, Wire};

pub(super) fn frames(wire: Wire, round: Round) -> Vec<Vec<u8>> {
    let calls = round == Round::Offer;
    match wire {
        Wire::Chat | Wire::Mistral | Wire::BuiltIn => {
            let mut frames: Vec<Vec<u8>> = chat_chunks(calls).iter().map(data).collect();
            frames.push(b"data: [DONE]\n\n".to_vec());
            frames
        }
        Wire::Watsonx => chat_chunks(calls)
            .iter()
            .enumerate()
            .map(|(id, chunk)| format!("id: {id}\nevent: message\ndata: {chunk}\n\n").into_bytes())
            .collect(),
        Wire::Sagemaker => sagemaker(calls),
        Wire::Responses => responses_events(calls),
        Wire::Anthropic => anthropic_events(calls),
        Wire::Gemini => {
            let parts = if calls {
                vec![gemini_call()]
            } else {
                PIECES.map(|piece| json!({"text": piece})).to_vec()
            };
            let last = parts.len() - 1;
            let parts = parts.into_iter().enumerate();
            parts
                .map(|(at, part)| data(&gemini(&part, at == last)))
                .collect()
        }
        Wire::Bedrock => bedrock_frames(calls),
        Wire::Cohere => cohere_events(calls),
        Wire::Ollama => {
            let mut lines = if calls {
                let mut line = ollama("", false);
                line["message"] = ollama_call();
                vec![line]
            } else {
                PIECES.map(|piece| ollama(piece, false)).to_vec()
            };
            lines.push(ollama("", true));
            lines
                .iter()
                .map(|line| format!("{line}\n").into_bytes())
                .collect()
        }
    }
}

fn chat_chunks(calls: bool) -> Vec<Value> {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let mut chunks = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    if calls {
        let mut call = function_call();
        let arguments = tool_input().to_string();
        let (head, tail) = arguments.split_at(4);
        call["index"] = json!(0);
        call["function"]["arguments"] = json!(head);
        chunks.push(chunk(json!({"tool_calls": [call]}), Value::Null));
        let rest = json!({"index": 0, "function": {"arguments": tail}});
        chunks.push(chunk(json!({"tool_calls": [rest]}), Value::Null));
        chunks.push(chunk(json!({}), json!("tool_calls")));
    } else {
        chunks.extend(PIECES.map(|piece| chunk(json!({"content": piece}), Value::Null)));
        chunks.push(chunk(json!({}), json!("stop")));
    }
    let mut last = chunk(Value::Null, Value::Null);
    last["choices"] = json!([]);
    last["usage"] = json!({"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS});
    chunks.push(last);
    chunks
}

/// The container's events in frames that are cut anywhere.
fn sagemaker(calls: bool) -> Vec<Vec<u8>> {
    let headers = [(":message-type", "event"), (":event-type", "PayloadPart")];
    let mut frames = Vec::new();
    for chunk in chat_chunks(calls) {
        let bytes = data(&chunk);
        // In the middle of a line, but not of the word.
        let (head, tail) = bytes.split_at(9);
        frames.push([write_frame(&headers, head), write_frame(&headers, tail)].concat());
    }
    frames.push(write_frame(&headers, b"data: [DONE]\n\n"));
    frames
}

fn responses_events(calls: bool) -> Vec<Vec<u8>> {
    let done = response(calls);
    let mut begun = done.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    let mut item = done["output"][0].clone();
    let mut events = vec![event("response.created", json!({"response": begun}))];
    let delta = |name: &str, text: &str| {
        event(
            name,
            json!({"output_index": 0, "content_index": 0, "item_id": "i", "delta": text}),
        )
    };
    if calls {
        let arguments = item["arguments"].take();
        item["arguments"] = json!("");
        events.push(event(
            "response.output_item.added",
            json!({"output_index": 0, "item": item}),
        ));
        let arguments = arguments.as_str().unwrap_or_default();
        events.push(delta("response.function_call_arguments.delta", arguments));
        events.push(event(
            "response.function_call_arguments.done",
            json!({"output_index": 0, "item_id": "i", "arguments": arguments}),
        ));
    } else {
        item["content"] = json!([]);
        events.push(event(
            "response.output_item.added",
            json!({"output_index": 0, "item": item}),
        ));
        let part = json!({"type": "output_text", "text": ""});
        events.push(event(
            "response.content_part.added",
            json!({"output_index": 0, "content_index": 0, "item_id": "i", "part": part}),
        ));
        events.extend(PIECES.map(|piece| delta("response.output_text.delta", piece)));
    }
    let item = &done["output"][0];
    events.push(event(
        "response.output_item.done",
        json!({"output_index": 0, "item": item}),
    ));
    events.push(event("response.completed", json!({"response": done})));
    events
}

fn anthropic_events(calls: bool) -> Vec<Vec<u8>> {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [], "stop_reason": null,
        "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": 1}});
    let (block, deltas, stop) = if calls {
        let block = json!({"type": "tool_use", "id": "toolu_9", "name": TOOL, "input": {}});
        let arguments = tool_input().to_string();
        (
            block,
            vec![json!({"type": "input_json_delta", "partial_json": arguments})],
            "tool_use",
        )
    } else {
        let deltas = PIECES.map(|piece| json!({"type": "text_delta", "text": piece}));
        (
            json!({"type": "text", "text": ""}),
            deltas.to_vec(),
            "end_turn",
        )
    };
    let mut events = vec![
        event("message_start", json!({"message": message})),
        event(
            "content_block_start",
            json!({"index": 0, "content_block": block}),
        ),
        event("ping", json!({})),
    ];
    events.extend(
        deltas
            .into_iter()
            .map(|delta| event("content_block_delta", json!({"index": 0, "delta": delta}))),
    );
    let end = json!({"delta": {"stop_reason": stop, "stop_sequence": null}, "usage": {"output_tokens": OUTPUT_TOKENS}});
    events.push(event("content_block_stop", json!({"index": 0})));
    events.push(event("message_delta", end));
    events.push(event("message_stop", json!({})));
    events
}

fn bedrock_frames(calls: bool) -> Vec<Vec<u8>> {
    let frame = |name: &str, payload: &Value| {
        let headers = [
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        write_frame(&headers, payload.to_string().as_bytes())
    };
    let delta = |delta: &Value| {
        frame(
            "contentBlockDelta",
            &json!({"contentBlockIndex": 0, "delta": delta}),
        )
    };
    let mut frames = vec![frame("messageStart", &json!({"role": "assistant"}))];
    if calls {
        let start = json!({"toolUse": {"toolUseId": "tooluse_9", "name": TOOL}});
        frames.push(frame(
            "contentBlockStart",
            &json!({"contentBlockIndex": 0, "start": start}),
        ));
        frames.push(delta(
            &json!({"toolUse": {"input": tool_input().to_string()}}),
        ));
    } else {
        frames.extend(PIECES.map(|piece| delta(&json!({"text": piece}))));
    }
    let stop = if calls { "tool_use" } else { "end_turn" };
    frames.push(frame("contentBlockStop", &json!({"contentBlockIndex": 0})));
    frames.push(frame("messageStop", &json!({"stopReason": stop})));
    frames.push(frame(
        "metadata",
        &json!({"usage": bedrock_usage(), "metrics": {"latencyMs": 1}}),
    ));
    frames
}

fn cohere_events(calls: bool) -> Vec<Vec<u8>> {
    let message = |name: &str, message: Value| {
        event(name, json!({"index": 0, "delta": {"message": message}}))
    };
    let mut events = vec![message(
        "message-start",
        json!({"role": "assistant", "content": [], "tool_calls": []}),
    )];
    if calls {
        let mut call = function_call();
        let arguments = call["function"]["arguments"].take();
        call["function"]["arguments"] = json!("");
        events.push(message("tool-call-start", json!({"tool_calls": call})));
        events.push(message(
            "tool-call-delta",
            json!({"tool_calls": {"function": {"arguments": arguments}}}),
        ));
        events.push(event("tool-call-end", json!({"index": 0})));
    } else {
        events.push(message(
            "content-start",
            json!({"content": {"type": "text", "text": ""}}),
        ));
        events.extend(
            PIECES.map(|piece| message("content-delta", json!({"content": {"text": piece}}))),
        );
        events.push(event("content-end", json!({"index": 0})));
    }
    let finish = if calls { "TOOL_CALL" } else { "COMPLETE" };
    events.push(event(
        "message-end",
        json!({"delta": {"finish_reason": finish, "usage": cohere_usage()}}),
    ));
    events
}
