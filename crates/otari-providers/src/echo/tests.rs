use serde_json::{Value, json};

use super::*;

fn chat(body: &Value) -> EchoPlan {
    plan("/chat/completions", body.to_string().as_bytes())
}

fn chunks(plan: &EchoPlan) -> Vec<String> {
    let chunks = match &plan.outcome {
        EchoOutcome::Respond { chunks, .. }
        | EchoOutcome::Cut { chunks }
        | EchoOutcome::HangMidStream { chunks } => chunks,
        other => panic!("no body: {other:?}"),
    };
    chunks
        .iter()
        .map(|chunk| String::from_utf8(chunk.to_vec()).unwrap())
        .collect()
}

fn document(plan: &EchoPlan) -> Value {
    serde_json::from_str(&chunks(plan).concat()).unwrap()
}

/// The events of a stream, `[DONE]` apart.
fn events(plan: &EchoPlan) -> (Vec<Value>, bool) {
    let chunks = chunks(plan);
    let done = chunks.last().is_some_and(|last| last == "data: [DONE]\n\n");
    let data = chunks.iter().filter(|chunk| !chunk.contains("[DONE]"));
    let events = data
        .map(|chunk| {
            let data = chunk
                .strip_prefix("data: ")
                .unwrap()
                .strip_suffix("\n\n")
                .unwrap();
            serde_json::from_str(data).unwrap()
        })
        .collect();
    (events, done)
}

fn failure(plan: &EchoPlan) -> (u16, Value, Option<u64>) {
    match &plan.outcome {
        EchoOutcome::Fail {
            status,
            body,
            retry_after,
        } => (*status, serde_json::from_str(body).unwrap(), *retry_after),
        other => panic!("no failure: {other:?}"),
    }
}

fn saying(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

fn with_tools(mut body: Value) -> Value {
    body["tools"] = json!([
        { "type": "function", "function": { "name": "add", "parameters": {} } },
        { "type": "function", "function": { "name": "now" } },
    ]);
    body
}

#[test]
fn it_says_what_the_user_said_and_counts_tokens() {
    let answer = document(&chat(&json!({ "model": "anything", "messages": [
        { "role": "system", "content": "abcd" },
        { "role": "user", "content": "first" },
        { "role": "assistant", "content": null },
        { "role": "user", "content": [{ "type": "text", "text": "hello" }, { "type": "image_url" }] },
    ] })));
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "anything");
    assert_eq!(answer["choices"][0]["message"]["content"], "echo: hello");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    // 4 + 5 + 0 + 5 characters in, 11 out.
    assert_eq!(
        answer["usage"],
        json!({ "prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7 })
    );
}

#[test]
fn the_same_request_gets_the_same_bytes() {
    let body = saying("m", "hello");
    assert_eq!(chat(&body), chat(&body));
    assert_ne!(
        document(&chat(&body))["id"],
        document(&chat(&saying("m", "other")))["id"]
    );
}

#[test]
fn a_stream_carries_the_same_answer_one_token_an_event() {
    let mut body = saying("m", "hello wörld");
    let whole = document(&chat(&body));
    body["stream"] = json!(true);
    body["stream_options"] = json!({ "include_usage": true });
    let plan = chat(&body);
    let (events, done) = events(&plan);
    assert!(done);
    assert!(matches!(
        &plan.outcome,
        EchoOutcome::Respond {
            content_type: "text/event-stream",
            ..
        }
    ));
    let text: String = events
        .iter()
        .filter_map(|e| e.pointer("/choices/0/delta/content")?.as_str())
        .collect();
    assert_eq!(Value::from(text), whole["choices"][0]["message"]["content"]);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let usage = events.last().unwrap();
    assert_eq!(
        (&usage["choices"], &usage["usage"]),
        (&json!([]), &whole["usage"])
    );
    let finish = &events[events.len() - 2];
    assert_eq!(
        finish["choices"][0],
        json!({ "index": 0, "delta": {}, "finish_reason": "stop" })
    );
    assert!(
        events[..events.len() - 1]
            .iter()
            .all(|e| e.get("usage") == Some(&Value::Null))
    );
}

#[test]
fn usage_is_streamed_only_when_asked_for() {
    let mut body = saying("m", "x");
    body["stream"] = json!(true);
    let (events, done) = events(&chat(&body));
    assert!(done && events.iter().all(|event| event.get("usage").is_none()));
}

#[test]
fn an_output_limit_cuts_and_says_so() {
    for member in ["max_tokens", "max_completion_tokens"] {
        let mut body = saying("m", "a long story");
        body[member] = json!(2);
        let answer = document(&chat(&body));
        assert_eq!(answer["choices"][0]["message"]["content"], "echo: a ");
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
        assert_eq!(answer["usage"]["completion_tokens"], 2);
        body[member] = json!(-1);
        assert_eq!(failure(&chat(&body)).0, 400);
    }
}

#[test]
fn the_answer_has_the_length_asked_for() {
    let answer = document(&chat(&saying("m+tokens=100", "hi")));
    assert_eq!(answer["usage"]["completion_tokens"], 100);
    assert_eq!(
        document(&chat(&saying("m+tokens=0", "hi")))["choices"][0]["message"]["content"],
        ""
    );
}

#[test]
fn a_tool_is_called_when_the_user_asks() {
    let answer = document(&chat(&with_tools(saying(
        "m",
        r#"call add {"a": 1, "b": 2}"#,
    ))));
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let function = &choice["message"]["tool_calls"][0]["function"];
    assert_eq!(
        function,
        &json!({ "name": "add", "arguments": r#"{"a": 1, "b": 2}"# })
    );
    for (text, arguments) in [
        ("call now", "{}"),
        ("call now or never", r#"{"input":"or never"}"#),
    ] {
        let answer = document(&chat(&with_tools(saying("m", text))));
        assert_eq!(
            answer.pointer("/choices/0/message/tool_calls/0/function/arguments"),
            Some(&json!(arguments))
        );
    }
    for body in [
        saying("m", "call add {}"),
        with_tools(saying("m", "call other {}")),
        with_tools(saying("m", "hi")),
    ] {
        assert_eq!(
            document(&chat(&body))["choices"][0]["finish_reason"],
            "stop"
        );
    }
}

#[test]
fn a_forced_tool_is_called_and_a_tool_result_ends_it() {
    let named = json!({ "type": "function", "function": { "name": "now" } });
    for (choice, name) in [(json!("required"), "add"), (named, "now")] {
        let mut body = with_tools(saying("m", "hi"));
        body["tool_choice"] = choice;
        let answer = document(&chat(&body));
        assert_eq!(
            answer.pointer("/choices/0/message/tool_calls/0/function/name"),
            Some(&json!(name))
        );
        body["messages"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "role": "tool", "content": "noon" }));
        assert_eq!(
            document(&chat(&body))["choices"][0]["message"]["content"],
            "echo: noon"
        );
    }
    let mut body = with_tools(saying("m", "call add {}"));
    body["tool_choice"] = json!("none");
    assert_eq!(
        document(&chat(&body))["choices"][0]["finish_reason"],
        "stop"
    );
}

#[test]
fn a_streamed_call_opens_once_and_adds_up() {
    let mut body = with_tools(saying("m", r#"call add {"a": 1, "b": 2}"#));
    body["stream"] = json!(true);
    let (events, _) = events(&chat(&body));
    let calls: Vec<&Value> = events
        .iter()
        .filter_map(|e| e.pointer("/choices/0/delta/tool_calls/0"))
        .collect();
    assert!(calls[0]["id"].is_string() && calls[1..].iter().all(|call| call.get("id").is_none()));
    let arguments: String = calls
        .iter()
        .filter_map(|call| call.pointer("/function/arguments")?.as_str())
        .collect();
    assert_eq!(arguments, r#"{"a": 1, "b": 2}"#);
    assert_eq!(
        events.last().unwrap()["choices"][0]["finish_reason"],
        "tool_calls"
    );
}

#[test]
fn waits_are_planned_not_waited() {
    let plan = chat(&saying("m+latency=200ms+ttft=50ms+gap=10ms", "x"));
    let millis = |wait: Duration| wait.as_millis();
    assert_eq!(
        (
            millis(plan.delay),
            millis(plan.first_chunk_delay),
            millis(plan.chunk_gap)
        ),
        (200, 50, 10)
    );
}

#[test]
fn failures_come_as_asked() {
    let (status, body, retry_after) = failure(&chat(&saying("m+fail=429+retry_after=3", "x")));
    assert_eq!((status, retry_after), (429, Some(3)));
    assert_eq!(body["error"]["type"], "rate_limit_error");
    let failed = (0..1_000)
        .filter(|i| {
            matches!(
                chat(&saying("m+fail_rate=10%", &format!("try {i}"))).outcome,
                EchoOutcome::Fail { .. }
            )
        })
        .count();
    // The share is fixed by the texts above, not by chance.
    assert!((70..130).contains(&failed), "{failed}");
}

#[test]
fn connections_break_and_hang_as_asked() {
    let mut body = saying("m+cut=2", "a longer text");
    let whole = chunks(&chat(&saying("m", "a longer text"))).concat();
    let EchoOutcome::Cut { chunks: half } = chat(&body).outcome else {
        panic!("not cut")
    };
    assert!(!half.concat().is_empty() && half.concat().len() < whole.len());
    body["stream"] = json!(true);
    assert!(matches!(chat(&body).outcome, EchoOutcome::Cut { chunks } if chunks.len() == 2));
    body["model"] = json!("m+hang=1");
    assert!(
        matches!(chat(&body).outcome, EchoOutcome::HangMidStream { chunks } if chunks.len() == 1)
    );
    body["model"] = json!("m+hang");
    assert_eq!(chat(&body).outcome, EchoOutcome::Hang);
}

#[test]
fn what_it_cannot_read_is_a_400() {
    let (status, body, _) = failure(&chat(&saying("m+nonsense=1", "x")));
    assert_eq!(status, 400);
    assert_eq!(body["error"]["param"], "model");
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("latency=")
    );
    for body in [
        "",
        "[]",
        "{}",
        r#"{"model":1}"#,
        r#"{"model":"m"}"#,
        r#"{"model":"m","messages":"x"}"#,
    ] {
        assert_eq!(
            failure(&plan("/chat/completions", body.as_bytes())).0,
            400,
            "{body}"
        );
    }
}

#[test]
fn vectors_have_length_one_and_follow_the_text() {
    let embed = |body: Value| document(&plan("/embeddings", body.to_string().as_bytes()));
    let answer = embed(json!({ "model": "m", "input": ["one", "two", "one"] }));
    let vector = |i: usize| -> Vec<f64> {
        answer["data"][i]["embedding"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect()
    };
    assert_eq!(vector(0).len(), 8);
    assert_eq!(vector(0), vector(2));
    assert_ne!(vector(0), vector(1));
    let length: f64 = vector(0).iter().map(|v| v * v).sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
    let tokens = embed(
        json!({ "model": "m", "input": [1, 2, 3], "dimensions": 3, "encoding_format": "base64" }),
    );
    // Three floats of four bytes are sixteen characters of base64.
    assert_eq!(tokens["data"][0]["embedding"].as_str().unwrap().len(), 16);
    let refused = plan(
        "/embeddings",
        br#"{"model":"m","input":"x","dimensions":0}"#,
    );
    assert_eq!(failure(&refused).0, 400);
}

#[test]
fn two_models_are_listed() {
    assert_eq!(
        document(&plan("/models", b""))["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}
