//! Streams: the gate before the first chunk, and what is reported of those that end early.

use bytes::Bytes;
use http::Method;
use otari_testkit::{Hybrid, Script, Step, USER_TOKEN};
use serde_json::{Value, json};

use super::{
    CHAT, MESSAGES, RESPONSES, chat_stream, counted, failure, message, post, success, told,
};

const LAST_EXTRA: &str = "streaming_final_attempt_extra_first_chunk_timeout_ms";

fn with_patience(millis: u64) -> otari_testkit::HybridBuilder {
    Hybrid::builder().platform("streaming_first_chunk_timeout_ms", json!(millis))
}

#[tokio::test]
async fn an_attempt_that_does_not_begin_in_time_makes_way() {
    let hybrid = with_patience(400)
        .platform(LAST_EXTRA, json!(60_000))
        .start()
        .await;
    // Neither headers nor, once there are some, a first chunk.
    let silent = Script::steps(200, "text/event-stream", vec![Step::Hang]);
    for (round, slow) in [Script::hang(), silent].into_iter().enumerate() {
        hybrid.app.upstream.enqueue(slow);
        hybrid
            .app
            .upstream
            .enqueue(Script::chat_stream(&["a", "b"]));
        let answer = post(&hybrid, CHAT, &chat_stream("smart")).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.text().ends_with("data: [DONE]\n\n"),
            "{}",
            answer.text()
        );
        hybrid.app.upstream.abandoned().await;
        let mut reports = hybrid.reports(2 * round + 2).await.split_off(2 * round);
        reports.sort_by_key(|report| report["model"].to_string());
        assert_eq!(told(&reports[0]), failure("timeout", false));
        assert_eq!(told(&reports[1]), success());
        let correlation = answer.header("x-correlation-id").map(Value::from);
        assert_eq!(correlation.as_ref(), Some(&reports[1]["correlation_id"]));
    }
}

#[tokio::test]
async fn the_last_attempt_is_waited_for_a_little_longer() {
    let hybrid = with_patience(300)
        .platform(LAST_EXTRA, json!(60_000))
        .start()
        .await;
    let upstream = &hybrid.app.upstream;
    let late = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"late\"},\"finish_reason\":\"stop\"}]}\n\n";
    let late = Step::Send(Bytes::from(format!("{late}data: [DONE]\n\n")));
    upstream.enqueue(Script::hang());
    upstream.enqueue(Script::steps(
        200,
        "text/event-stream",
        vec![Step::Pause, late],
    ));
    let body = chat_stream("smart");
    let first = post(&hybrid, CHAT, &body);
    let second = async {
        upstream.arrived(2).await;
        // Another call whose first attempt makes way: so long the first call's last attempt has been silent.
        upstream.enqueue(Script::hang());
        upstream.enqueue(Script::chat_stream(&["soon"]));
        let answer = post(&hybrid, CHAT, &body).await;
        upstream.go_on();
        answer
    };
    let (first, second) = tokio::join!(first, second);
    assert!(second.text().contains("soon"), "{}", second.text());
    assert!(first.text().contains("late"), "{}", first.text());

    let hybrid = with_patience(300).start().await;
    hybrid.app.upstream.always(Script::hang());
    for model in ["mock:m", "smart"] {
        let answer = post(&hybrid, CHAT, &chat_stream(model)).await;
        assert_eq!(answer.status, 504, "{}", answer.text());
    }
}

/// The usual limit is there to move on: where nothing follows, it does not end the call.
#[tokio::test]
async fn unless_a_limit_is_set_the_last_attempt_may_think_for_long() {
    let hybrid = Hybrid::start().await;
    let upstream = &hybrid.app.upstream;
    let late = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"late\"},\"finish_reason\":\"stop\"}]}\n\n";
    let late = Bytes::from(format!("{late}data: [DONE]\n\n"));
    let steps = vec![Step::Pause, Step::Send(late)];
    upstream.enqueue(Script::steps(200, "text/event-stream", steps));
    let (sole, walked) = (chat_stream("mock:m"), chat_stream("smart"));
    let first = post(&hybrid, CHAT, &sole);
    let second = async {
        upstream.arrived(1).await;
        // Another call whose first attempt makes way: so long the first call has been silent.
        upstream.enqueue(Script::hang());
        upstream.enqueue(Script::chat_stream(&["soon"]));
        let answer = post(&hybrid, CHAT, &walked).await;
        upstream.go_on();
        answer
    };
    let (first, second) = tokio::join!(first, second);
    assert!(second.text().contains("soon"), "{}", second.text());
    assert!(first.text().contains("late"), "{}", first.text());
}

#[tokio::test]
async fn after_the_first_chunk_nothing_moves_on() {
    let hybrid = Hybrid::start().await;
    let text = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    let cut = Script::stream([text]).then(Step::Cut);
    hybrid.app.upstream.enqueue(cut);
    let answer = post(&hybrid, CHAT, &chat_stream("smart")).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.text().contains("An error occurred during streaming"),
        "{}",
        answer.text()
    );
    let reports = hybrid.reports(1).await;
    // No class: the caller has part of an answer.
    assert_eq!(
        told(&reports[0]),
        json!({"status": "error", "is_final_attempt": true})
    );
    assert_eq!(hybrid.app.upstream.captured().len(), 1);
}

#[tokio::test]
async fn a_caller_that_leaves_is_reported() {
    let hybrid = Hybrid::start().await;
    let text = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":29,\"total_tokens\":40}}\n\n";
    hybrid
        .app
        .upstream
        .enqueue(Script::stream([text, text]).then(Step::Hang));
    let body = Bytes::from(chat_stream("mock:m").to_string());
    let client = &hybrid.app.client;
    let mut answer = client
        .open(Method::POST, CHAT, Some(USER_TOKEN), &[], body)
        .await;
    assert!(answer.next().await.is_some());
    drop(answer);
    let reports = hybrid.reports(1).await;
    let expected = json!({"status": "error", "is_final_attempt": true, "usage": counted()});
    assert_eq!(told(&reports[0]), expected);
}

/// Usage is asked for whatever the caller says: the platform bills by it.
#[tokio::test]
async fn the_provider_is_always_asked_for_usage() {
    let hybrid = Hybrid::start().await;
    hybrid.app.upstream.always(Script::chat_stream(&["a"]));
    for options in [
        Value::Null,
        json!({}),
        json!({"include_usage": false}),
        json!({"include_usage": false, "other": 1}),
    ] {
        let mut body = chat_stream("mock:m");
        if !options.is_null() {
            body["stream_options"] = options.clone();
        }
        post(&hybrid, CHAT, &body).await;
        let sent = hybrid.app.upstream.last().json();
        assert_eq!(sent["stream_options"]["include_usage"], true, "{options}");
        assert_eq!(sent["stream_options"].get("other"), options.get("other"));
    }
}

/// The last counts of a stream say what it cost, on each surface, and no event is lost around them.
#[tokio::test]
async fn a_stream_tells_its_cost_with_its_counts() {
    let hybrid = Hybrid::start().await;
    let events = |path: &'static str, mut body: Value| {
        body["stream"] = json!(true);
        let hybrid = &hybrid;
        async move {
            hybrid
                .app
                .upstream
                .enqueue(Script::chat_stream(&["a", "b"]));
            let answer = post(hybrid, path, &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let text = answer.text();
            let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            let documents: Vec<Value> = data
                .filter_map(|data| serde_json::from_str(data).ok())
                .collect();
            (documents, text)
        }
    };
    let cost = json!({"cost_usd": "0.000318", "pricing_source": "organization"});
    let priced = |usage: &Value| json!({"cost_usd": usage["cost_usd"], "pricing_source": usage["pricing_source"]});
    let (documents, text) = events(CHAT, chat_stream("mock:m")).await;
    assert_eq!(priced(&documents.last().unwrap()["usage"]), cost);
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let (documents, text) = events(MESSAGES, message("mock:m")).await;
    let delta = documents
        .iter()
        .find(|event| event["type"] == "message_delta");
    assert_eq!(priced(&delta.unwrap()["usage"]), cost, "{text}");
    assert!(
        documents
            .iter()
            .any(|event| event["type"] == "message_stop"),
        "{text}"
    );
    let body = json!({"model": "mock:m", "input": "Hi"});
    let (documents, text) = events(RESPONSES, body).await;
    let completed = documents
        .iter()
        .find(|event| event["type"] == "response.completed");
    assert_eq!(
        priced(&completed.unwrap()["response"]["usage"]),
        cost,
        "{text}"
    );
}

/// Anthropic's own stream passes as it is, but for the cost; its prompt tokens are without the cached ones.
#[tokio::test]
async fn anthropics_stream_keeps_its_own_counts() {
    let hybrid = Hybrid::start().await;
    let event = |data: Value| {
        format!(
            "event: {}\ndata: {data}\n\n",
            data["type"].as_str().unwrap()
        )
    };
    let events = [
        event(
            json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "c",
            "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 13, "output_tokens": 1, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 0}}}),
        ),
        event(
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
        event(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}),
        ),
        event(json!({"type": "content_block_stop", "index": 0})),
        event(
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 7}}),
        ),
        event(json!({"type": "message_stop"})),
    ];
    hybrid
        .app
        .upstream
        .enqueue(Script::stream(events.iter().map(String::as_str)));
    let mut body = message("claude:m");
    body["stream"] = json!(true);
    let answer = post(&hybrid, MESSAGES, &body).await;
    let text = answer.text();
    assert!(
        text.contains("\"output_tokens\":7,\"cost_usd\":\"0.000123\""),
        "{text}"
    );
    assert!(text.contains("message_stop"), "{text}");
    let reports = hybrid.reports(1).await;
    let expected = json!({"prompt_tokens": 13, "completion_tokens": 7, "total_tokens": 20, "cache_read_tokens": 8, "cache_write_tokens": 0});
    assert_eq!(reports[0]["usage"], expected);
}

/// While the platform is asked for the cost the connection is kept alive, and nothing is lost after it.
#[tokio::test]
async fn a_cost_that_is_waited_for_does_not_silence_the_stream() {
    let hybrid = Hybrid::builder()
        .set("streaming_keepalive_interval_ms", json!(50))
        .start()
        .await;
    hybrid.fail(&json!([{"on": "usage", "delay_ms": 60_000}]));
    hybrid.app.upstream.enqueue(Script::chat_stream(&["a"]));
    let answer = post(&hybrid, CHAT, &chat_stream("mock:m")).await.text();
    let counts = answer.find("\"total_tokens\":40").expect("the counts");
    let stop = answer
        .find("\"finish_reason\":\"stop\"")
        .expect("the end of the text");
    assert!(
        answer.get(stop..counts).unwrap().contains(": keepalive"),
        "{answer}"
    );
    assert!(
        !answer.contains("cost_usd") && answer.ends_with("data: [DONE]\n\n"),
        "{answer}"
    );
}

/// Counts that wait for their cost leave before the error that ends the stream.
#[tokio::test]
async fn a_stream_that_breaks_after_its_counts_keeps_them() {
    let hybrid = Hybrid::start().await;
    let text = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    let usage = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":29,\"total_tokens\":40}}\n\n";
    hybrid
        .app
        .upstream
        .enqueue(Script::stream([text, usage]).then(Step::Cut));
    let answer = post(&hybrid, CHAT, &chat_stream("mock:m")).await.text();
    let counts = answer.find("total_tokens").expect("the counts");
    let error = answer.find("An error occurred").expect("the error");
    assert!(counts < error, "{answer}");
    let reports = hybrid.reports(1).await;
    assert_eq!(reports[0]["status"], "error");
}
