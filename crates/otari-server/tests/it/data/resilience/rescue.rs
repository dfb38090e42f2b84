//! Streams that break off and are continued by another model.

use otari_testkit::{Script, Step};
use serde_json::{Value, json};

use super::{Lab, overloaded, policy, row};

fn chunk(delta: &Value, finish: &Value) -> Step {
    let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices});
    Step::Send(format!("data: {chunk}\n\n").into())
}

fn words(words: &[&str]) -> Vec<Step> {
    words
        .iter()
        .map(|word| chunk(&json!({"content": word}), &Value::Null))
        .collect()
}

fn cut_after(steps: Vec<Step>) -> Script {
    let script = Script::steps(200, "text/event-stream", steps);
    script.then(Step::Cut)
}

/// Ends with the usage of `Script::chat_stream`: 11 and 29 tokens.
fn whole(said: &[&str]) -> Script {
    Script::chat_stream(said)
}

fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

async fn lab() -> Lab {
    Lab::start(policy(json!({"rescue": true}))).await
}

#[tokio::test]
async fn the_next_model_goes_on_where_a_chat_stream_broke_off() {
    let lab = lab().await;
    lab.one
        .enqueue(cut_after(words(&["The quick ", "brown fox ju"])));
    lab.two.enqueue(whole(&["brown fox jumps", " over it."]));
    let answer = lab.ask("resilient", true).await;
    let text = answer.text();
    let said: String = events(&text)
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(said, "The quick brown fox jumps over it.");
    assert!(text.contains("\n: the provider broke off"), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let ids: Vec<_> = events(&text)
        .iter()
        .map(|event| event["id"].clone())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one answer: {ids:?}");

    let asked = lab.two.last().json();
    let turns = asked["messages"].as_array().unwrap();
    assert_eq!(
        turns[1],
        json!({"role": "assistant", "content": "The quick brown fox ju"})
    );
    assert_eq!(turns[2]["role"], "user");

    assert_eq!(
        lab.rows().await,
        [row("success", "two:m", 2), row("absorbed", "one:m", 1)]
    );
    let rows = lab.app.usage().await;
    let (last, first) = (&rows[0], &rows[1]);
    assert_eq!(
        (&last["prompt_tokens"], &last["completion_tokens"]),
        (&json!(11), &json!(29))
    );
    // What the first had said is owed too, by its length.
    assert_eq!(first["usage_estimated"], true);
    assert!(first["completion_tokens"].as_i64().unwrap() > 0);
    let spent = first["cost"].as_f64().unwrap() + last["cost"].as_f64().unwrap();
    let user = lab.app.user("alice").await;
    assert!(
        (user["spend"].as_f64().unwrap() - spent).abs() < 1e-12,
        "{user}"
    );
    assert_eq!(user["reserved"], json!(0.0));
}

#[tokio::test]
async fn messages_and_responses_are_continued_in_the_same_block() {
    let lab = lab().await;
    for (path, body) in [
        (
            "/v1/messages",
            json!({"model": "resilient", "max_tokens": 10, "stream": true, "messages": [{"role": "user", "content": "hi"}]}),
        ),
        (
            "/v1/responses",
            json!({"model": "resilient", "max_output_tokens": 10, "stream": true, "input": "hi"}),
        ),
    ] {
        lab.one.enqueue(cut_after(words(&["one "])));
        lab.two.enqueue(whole(&["two"]));
        let answer = lab.app.client.post(path, &lab.key, &body).await;
        let text = answer.text();
        let events = events(&text);
        let of = |kind: &str| -> Vec<&Value> {
            events
                .iter()
                .filter(|event| event["type"] == kind)
                .collect()
        };
        let said: String = if path == "/v1/messages" {
            assert_eq!(of("content_block_start").len(), 1, "{text}");
            assert_eq!(of("message_stop").len(), 1, "{text}");
            let deltas = of("content_block_delta").into_iter();
            deltas
                .filter_map(|event| event["delta"]["text"].as_str())
                .collect()
        } else {
            assert_eq!(of("response.output_item.added").len(), 1, "{text}");
            let done = &of("response.completed")[0]["response"];
            let whole = done["output"][0]["content"][0]["text"].as_str().unwrap();
            assert_eq!(whole, "one two");
            let deltas = of("response.output_text.delta").into_iter();
            deltas.filter_map(|event| event["delta"].as_str()).collect()
        };
        assert_eq!(said, "one two", "{text}");
    }
}

#[tokio::test]
async fn who_fails_to_go_on_makes_room_for_the_next_and_in_the_end_the_stream_says_so() {
    let mut spec = policy(json!({"rescue": true}));
    spec["on_failure"] = json!(["two:m", "two:n"]);
    let lab = Lab::start(spec).await;
    lab.one.enqueue(cut_after(words(&["one "])));
    lab.two.enqueue(overloaded());
    lab.two.enqueue(whole(&["two"]));
    let text = lab.ask("resilient", true).await.text();
    assert!(text.contains(r#""content":"two""#), "{text}");
    let mut rows = lab.rows().await;
    rows.sort();
    let absorbed = [row("absorbed", "one:m", 1), row("absorbed", "two:m", 2)];
    assert_eq!(
        (&rows[..2], &rows[2]),
        (&absorbed[..], &row("success", "two:n", 3))
    );

    lab.one.enqueue(cut_after(words(&["one "])));
    lab.two.enqueue(overloaded());
    lab.two.enqueue(overloaded());
    let text = lab.ask("resilient", true).await.text();
    assert!(
        text.contains("An error occurred during streaming"),
        "{text}"
    );
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(lab.app.usage().await[0]["status"], "error");
    assert_eq!(lab.app.user("alice").await["reserved"], json!(0.0));
}

#[tokio::test]
async fn a_stream_that_no_budget_is_left_to_continue_is_no_refused_call() {
    let lab = lab().await;
    let budget = json!({"max_budget": 0.0015});
    let key = lab.app.budgeted_key("bob", budget).await;
    let body = json!({"model": "resilient", "stream": true, "max_tokens": 1000, "messages": [{"role": "user", "content": "hi"}]});
    lab.one.enqueue(cut_after(words(&["one "])));
    let client = &lab.app.client;
    let answer = client.post("/v1/chat/completions", &key, &body).await;
    let text = answer.text();
    assert!(
        text.contains("An error occurred during streaming"),
        "{text}"
    );
    assert!(lab.two.captured().is_empty());
    assert_eq!(lab.refused_for_budget().await, 0);
}

#[tokio::test]
async fn a_call_of_a_tool_is_not_continued() {
    let lab = lab().await;
    let call = json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\""}}]});
    lab.one.enqueue(cut_after(vec![chunk(&call, &Value::Null)]));
    let text = lab.ask("resilient", true).await.text();
    assert!(
        text.contains("An error occurred during streaming"),
        "{text}"
    );
    assert!(lab.two.captured().is_empty());
}

#[tokio::test]
async fn a_second_break_is_rescued_too_and_a_failure_before_the_first_word_moves_on() {
    let mut spec = policy(json!({"rescue": true}));
    spec["on_failure"] = json!(["two:m", "two:n"]);
    let lab = Lab::start(spec).await;
    lab.one.enqueue(cut_after(words(&["one "])));
    lab.two
        .enqueue(cut_after(words(&["two, said at some length "])));
    lab.two.enqueue(whole(&["three"]));
    let text = lab.ask("resilient", true).await.text();
    assert!(text.contains(r#""content":"three""#), "{text}");
    let asked = lab.two.last().json();
    assert_eq!(
        asked["messages"][1]["content"],
        "one two, said at some length "
    );

    lab.one.enqueue(cut_after(Vec::new()));
    lab.two.enqueue(whole(&["two"]));
    let text = lab.ask("resilient", true).await.text();
    assert!(!text.contains("broke off"), "{text}");
    assert_eq!(
        lab.rows().await[..2],
        [row("success", "two:m", 2), row("absorbed", "one:m", 1)]
    );
}
