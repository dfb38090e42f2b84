//! What an answer says of its cost, and every case in which it says nothing.

use otari_testkit::{Hybrid, Script};
use serde_json::{Value, json};

use super::{CHAT, MESSAGES, RESPONSES, chat, chat_stream, message, post};

#[tokio::test]
async fn an_answer_tells_its_cost() {
    let hybrid = Hybrid::start().await;
    for (path, body) in [
        (CHAT, chat("mock:m")),
        (MESSAGES, message("mock:m")),
        (RESPONSES, json!({"model": "mock:m", "input": "Hi"})),
    ] {
        let answer = post(&hybrid, path, &body).await.expect(200);
        assert_eq!(answer["usage"]["cost_usd"], "0.000318", "{path}");
        assert_eq!(answer["usage"]["pricing_source"], "organization", "{path}");
    }
    let metrics = hybrid.app.app.gateway.metrics.render_plain();
    let counted = "gateway_inline_cost_settlements_total{outcome=\"attached\"} 3";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn without_a_word_on_the_cost_the_answer_is_as_it_was() {
    let hybrid = Hybrid::start().await;
    let receipt = |change: Value| {
        let mut receipt = json!({"correlation_id": "c", "status": "completed", "outcome": "success", "cost_usd": "0.000123",
            "currency": "USD", "usage_status": "reported", "pricing": {"source": "managed"}});
        if let (Value::Object(receipt), Value::Object(change)) = (&mut receipt, change) {
            receipt.extend(change);
        }
        json!({"on": "usage", "status": 200, "body": receipt.to_string()})
    };
    let faults = [
        // Another call's receipt: the id is never this one's.
        receipt(json!({})),
        receipt(json!({"usage_status": "missing"})),
        receipt(json!({"pricing": {"source": null}})),
        json!({"on": "usage", "status": 202}),
        json!({"on": "usage", "status": 204}),
        json!({"on": "usage", "status": 200, "body": "<html>"}),
        json!({"on": "usage", "status": 401}),
        json!({"on": "usage", "status": 404}),
        json!({"on": "usage", "status": 409}),
        json!({"on": "usage", "status": 422}),
        json!({"on": "usage", "delay_ms": 60_000, "times": 2}),
    ];
    for fault in &faults {
        hybrid.fail(&json!([fault]));
        let answer = post(&hybrid, CHAT, &chat("mock:m")).await.expect(200);
        assert!(answer["usage"].get("cost_usd").is_none(), "{fault}");
        assert_eq!(answer["usage"]["total_tokens"], 40, "{fault}");
        hybrid.app.upstream.enqueue(Script::chat_stream(&["a"]));
        let answer = post(&hybrid, CHAT, &chat_stream("mock:m")).await.text();
        assert!(
            !answer.contains("cost_usd") && answer.ends_with("data: [DONE]\n\n"),
            "{fault}: {answer}"
        );
    }
    let metrics = hybrid.app.app.gateway.metrics.render_plain();
    for counted in ["{outcome=\"timeout\"} 2", "{outcome=\"unattached\"} 20"] {
        let line = format!("gateway_inline_cost_settlements_total{counted}");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn what_has_no_price_has_no_cost() {
    let hybrid = Hybrid::builder().peer("prices", json!({})).start().await;
    let answer = post(&hybrid, CHAT, &chat("mock:m")).await.expect(200);
    assert!(answer["usage"].get("cost_usd").is_none());
    // Nor has what nobody counted.
    let hybrid = Hybrid::start().await;
    let mut uncounted = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]});
    hybrid.app.upstream.enqueue(Script::json(200, &uncounted));
    let answer = post(&hybrid, CHAT, &chat("mock:m")).await;
    assert!(!answer.text().contains("cost_usd"), "{}", answer.text());
    let reports = hybrid.reports(1).await;
    assert!(reports[0].get("usage").is_none(), "{}", reports[0]);
    assert_eq!(reports[0]["status"], "success");
    uncounted["usage"] = Value::Null;
    hybrid.app.upstream.enqueue(Script::json(200, &uncounted));
    post(&hybrid, CHAT, &chat("mock:m")).await;
    assert!(hybrid.reports(2).await[1].get("usage").is_none());
}
