//! Attempts in their order, and what is reported of each.

use otari_testkit::{Hybrid, Script};
use serde_json::{Value, json};

use super::{CHAT, MESSAGES, chat, failure, message, post, success, told};

fn refusal(status: u16, message: &str) -> Script {
    Script::json(
        status,
        &json!({"error": {"message": message, "type": "t", "code": null}}),
    )
}

/// Before an answer began every failure of a provider's moves on, also those that a caller's own request may cause.
#[tokio::test]
async fn every_failure_moves_on_to_the_next_attempt() {
    let hybrid = Hybrid::start().await;
    let mut taken = 0;
    for (script, class) in [
        (refusal(400, "bad"), "http_400"),
        (refusal(401, "bad key"), "http_401"),
        (refusal(402, "pay"), "http_402_billing"),
        (refusal(403, "no"), "http_403"),
        (refusal(404, "none"), "http_404"),
        (refusal(422, "bad"), "http_422"),
        (
            refusal(400, "Your credit balance is too low"),
            "http_400_billing",
        ),
        (refusal(429, "slow down"), "http_429"),
        (refusal(500, "oops"), "http_500"),
        (refusal(529, "busy"), "http_529"),
        (Script::refuse(), "conn_err"),
        (Script::whole(200, "text/html", "<html>"), "unknown"),
    ] {
        hybrid.app.upstream.enqueue(script);
        let answer = post(&hybrid, CHAT, &chat("smart")).await;
        assert_eq!(answer.status, 200, "{class}: {}", answer.text());
        taken += 2;
        let mut reports = hybrid.reports(taken).await.split_off(taken - 2);
        // Each is sent by itself: they may arrive in any order.
        reports.sort_by_key(|report| report["model"].to_string());
        assert_eq!(told(&reports[0]), failure(class, false), "{class}");
        assert_eq!(told(&reports[1]), success(), "{class}");
        assert_eq!(reports[0]["request_id"], reports[1]["request_id"]);
        let correlation = answer.header("x-correlation-id").map(Value::from);
        assert_eq!(correlation.as_ref(), Some(&reports[1]["correlation_id"]));
    }
}

/// The failure table of a call whose every attempt failed: one is told as it is, several are a 502.
#[tokio::test]
async fn a_single_attempt_is_classified_and_several_are_a_502() {
    let hybrid = Hybrid::start().await;
    for (script, single, class) in [
        (refusal(400, "bad"), 400, "http_400"),
        (refusal(401, "bad key"), 502, "http_401"),
        (refusal(402, "pay"), 502, "http_402_billing"),
        (refusal(404, "none"), 404, "http_404"),
        (
            refusal(429, "slow down").header("retry-after", "9"),
            429,
            "http_429",
        ),
        (refusal(500, "oops"), 502, "http_500"),
        (Script::refuse(), 502, "conn_err"),
    ] {
        hybrid.app.upstream.always(script);
        let taken = hybrid.peer.reports().len();
        let answer = post(&hybrid, CHAT, &chat("mock:m")).await;
        assert_eq!(answer.status, single, "{class}: {}", answer.text());
        assert_eq!(answer.header("retry-after"), (single == 429).then_some("9"));
        // A caller that hears of a failure finds it reported.
        let reports = hybrid.reports(0).await.split_off(taken);
        assert_eq!(told(&reports[0]), failure(class, true), "{class}");
        let correlation = answer.header("x-correlation-id").map(Value::from);
        assert_eq!(correlation.as_ref(), Some(&reports[0]["correlation_id"]));

        let answer = post(&hybrid, MESSAGES, &message("smart")).await;
        assert_eq!(answer.status, 502, "{class}: {}", answer.text());
        assert_eq!(
            answer.json()["error"]["message"],
            "All upstream providers failed"
        );
        let mut reports = hybrid.reports(0).await.split_off(taken + 1);
        reports.sort_by_key(|report| report["model"].to_string());
        let shown: Vec<Value> = reports.iter().map(told).collect();
        assert_eq!(
            shown,
            [failure(class, false), failure(class, true)],
            "{class}"
        );
    }
}

#[tokio::test]
async fn a_timeout_of_the_last_attempt_is_a_504() {
    let hybrid = Hybrid::builder()
        .set("upstream_first_byte_timeout_ms", json!(300))
        .start()
        .await;
    hybrid.app.upstream.always(Script::hang());
    for (model, count) in [("mock:m", 1), ("smart", 2)] {
        let taken = hybrid.peer.reports().len();
        let answer = post(&hybrid, CHAT, &chat(model)).await;
        assert_eq!(answer.status, 504, "{}", answer.text());
        let reports = hybrid.reports(0).await.split_off(taken);
        assert_eq!(reports.len(), count);
        for report in &reports {
            assert_eq!(report["error_class"], "timeout");
        }
    }
}

#[tokio::test]
async fn what_the_gateway_refuses_has_no_class() {
    let hybrid = Hybrid::start().await;
    let mut body = chat("smart");
    body["tools"] = json!([{"type": "otari_code_execution"}]);
    let answer = post(&hybrid, CHAT, &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let reports = hybrid.reports(1).await;
    assert_eq!(
        told(&reports[0]),
        json!({"status": "error", "is_final_attempt": true})
    );
    assert!(hybrid.app.upstream.captured().is_empty());
}
