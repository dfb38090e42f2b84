//! Several answers to one call, and the probabilities of their tokens.

use bytes::Bytes;
use otari_translate::dialect::{self, Decoder, Reading, decode_reply_with};
use otari_translate::surface::{self, Renderer, render_reply};
use otari_translate::{Block, Collector, DecodeError, Event, Reply, Surface, Wire};
use serde_json::{Value, json};

use crate::streams::envelope;

const REQUEST: &[u8] = br#"{"model":"m","messages":[{"role":"user","content":"x"}],"n":2,"logprobs":true,"top_logprobs":1}"#;

const STREAM: &str = r#"data: {"id":"c","model":"m","choices":[{"index":1,"delta":{"role":"assistant","content":"Lo"},"logprobs":{"content":[{"token":"Lo","logprob":-0.5,"bytes":[76,111],"top_logprobs":[]}],"refusal":null}}]}

data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"High"}}]}

data: {"id":"c","model":"m","choices":[{"index":1,"delta":{"content":"w"},"logprobs":{"content":[{"token":"w","logprob":-0.25,"bytes":[119],"top_logprobs":[]}],"refusal":null}}]}

data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]}}]}

data: {"id":"c","model":"m","choices":[{"index":1,"delta":{},"finish_reason":"length"}]}

data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}

data: [DONE]

"#;

fn reading(choices: i64) -> Reading<'static> {
    Reading {
        seed: "seed",
        choices,
        ..Reading::default()
    }
}

fn decode(stream: &[u8], choices: i64) -> (Vec<Event>, Result<(), DecodeError>) {
    let mut decoder = Decoder::with(Wire::OpenAiChat, &reading(choices));
    let mut events = Vec::new();
    if let Err(error) = decoder.push(Bytes::copy_from_slice(stream), &mut events) {
        return (events, Err(error));
    }
    let result = decoder.finish(&mut events);
    (events, result)
}

fn reply(events: Vec<Event>) -> Reply {
    let collector: Collector = events.into_iter().collect();
    collector.into_reply().unwrap()
}

fn texts(blocks: &[otari_translate::ReplyBlock]) -> Vec<String> {
    let text = |block: &otari_translate::ReplyBlock| match &block.block {
        Block::Text(text) => text.clone(),
        Block::ToolCall(call) => call.name.clone(),
        other => panic!("{other:?}"),
    };
    blocks.iter().map(text).collect()
}

#[test]
fn answers_that_come_mixed_are_told_apart() {
    let (events, result) = decode(STREAM.as_bytes(), 2);
    assert_eq!(result, Ok(()));
    let reply = reply(events);
    assert_eq!(texts(&reply.blocks), ["High", "f"]);
    assert_eq!(reply.finish.chat(), "tool_calls");
    let other = &reply.others[0];
    assert_eq!((other.index, other.finish.chat()), (1, "length"));
    assert_eq!(texts(&other.blocks), ["Low"]);
    assert_eq!(other.logprobs.content.len(), 2);
    assert!(reply.logprobs.is_empty());
    assert_eq!(reply.usage.unwrap().output, 4);
}

#[test]
fn one_answer_is_read_where_one_was_asked_for() {
    let (events, result) = decode(STREAM.as_bytes(), 1);
    assert_eq!(result, Ok(()));
    assert!(!events.iter().any(|event| matches!(event, Event::Choice(_))));
    assert_eq!(texts(&reply(events).blocks), ["High", "f"]);
}

#[test]
fn an_answer_that_is_missing_is_noticed() {
    let (_, result) = decode(STREAM.as_bytes(), 3);
    assert_eq!(result, Err(DecodeError::Truncated));
    let cut =
        STREAM.find("data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},");
    let (_, result) = decode(&STREAM.as_bytes()[..cut.unwrap()], 2);
    assert_eq!(result, Err(DecodeError::Truncated));
}

#[test]
fn chat_shows_every_answer_whole_and_streamed() {
    let call = surface::parse(Surface::Chat, REQUEST).unwrap();
    let (events, _) = decode(STREAM.as_bytes(), 2);
    let original = reply(events.clone());
    let body = render_reply(&call, &envelope(), &original);
    let value: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(value["choices"][1]["message"]["content"], "Low");
    assert_eq!(value["choices"][1]["logprobs"]["content"][1]["token"], "w");
    assert_eq!(value["choices"][0]["logprobs"], Value::Null);
    let whole = decode_reply_with(Wire::OpenAiChat, &body, &reading(2)).unwrap();
    let mut renderer = Renderer::new(&call, envelope());
    let mut out = Vec::new();
    for event in &events {
        renderer.event(event, &mut out);
    }
    let text = String::from_utf8(out.clone()).unwrap();
    assert_eq!(text.matches("[DONE]").count(), 1);
    assert!(text.ends_with("data: [DONE]\n\n"));
    let (streamed, result) = decode(&out, 2);
    assert_eq!(result, Ok(()));
    for read in [reply(whole), reply(streamed)] {
        assert_eq!(texts(&read.blocks), texts(&original.blocks));
        assert_eq!(read.logprobs, original.logprobs);
        assert_eq!(read.others, original.others);
        assert_eq!(read.finish, original.finish);
    }
    assert_eq!(reply(original.clone().into_events()), original);
}

#[test]
fn only_wires_that_hold_them_are_asked_for_several() {
    let call = surface::parse(Surface::Chat, REQUEST).unwrap();
    let target = dialect::Target {
        model: "m",
        ..dialect::Target::default()
    };
    for wire in [Wire::OpenAiChat, Wire::Sagemaker, Wire::Watsonx] {
        let encoded = dialect::encode(wire, &call, &target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(body["n"], 2);
        assert_eq!(
            (&body["logprobs"], &body["top_logprobs"]),
            (&json!(true), &json!(1))
        );
    }
    for (wire, member) in [
        (Wire::Mistral, "logprobs"),
        (Wire::OpenAiResponses, "n"),
        (Wire::Anthropic, "n"),
        (Wire::Gemini, "n"),
        (Wire::Cohere, "n"),
        (Wire::Bedrock, "n"),
        (Wire::Ollama, "n"),
    ] {
        let error = dialect::encode(wire, &call, &target).unwrap_err();
        assert_eq!(error.member(), member, "{wire:?}");
    }
    let none = surface::parse(
        Surface::Chat,
        br#"{"model":"m","messages":[{"role":"user","content":"x"}],"n":0}"#,
    );
    assert_eq!(none.unwrap_err().member(), "n");
}
