//! Reports on their way: sent again, refused, or left at the end.

use std::time::Duration;

use otari_testkit::Hybrid;
use serde_json::json;

use super::{CHAT, chat, post, success, told};

#[tokio::test]
async fn a_report_is_sent_until_it_is_taken() {
    let hybrid = Hybrid::start().await;
    for fault in [
        json!({"on": "usage", "status": 500, "times": 2}),
        json!({"on": "usage", "status": 503, "times": 4}),
        json!({"on": "usage", "status": 429, "times": 1}),
    ] {
        hybrid.fail(&json!([fault]));
        let taken = hybrid.peer.reports().len();
        post(&hybrid, CHAT, &chat("mock:m")).await.expect(200);
        let reports = hybrid.reports(taken + 1).await;
        assert_eq!(told(&reports[taken]), success());
    }
    let metrics = hybrid.app.app.gateway.metrics.render_plain();
    let counted = "gateway_usage_reports_total{outcome=\"delivered\"} 3";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_report_that_is_refused_is_not_sent_again() {
    let hybrid = Hybrid::start().await;
    let refusals = [400, 401, 402, 403, 404, 409, 410, 422];
    for status in refusals {
        hybrid.fail(&json!([{"on": "usage", "status": status, "times": 1}]));
        post(&hybrid, CHAT, &chat("mock:m")).await.expect(200);
    }
    hybrid.close(Duration::from_secs(30)).await;
    assert!(hybrid.peer.reports().is_empty());
    let metrics = hybrid.app.app.gateway.metrics.render_plain();
    let counted = format!(
        "gateway_usage_reports_total{{outcome=\"refused\"}} {}",
        refusals.len()
    );
    assert!(metrics.contains(&counted), "{metrics}");
}

/// The end of the process does not wait for the next time: what is waiting is sent now.
#[tokio::test]
async fn what_waits_at_the_end_is_sent_once_more() {
    let inline = "usage_inline_timeout_ms";
    let hybrid = Hybrid::builder().platform(inline, json!(50)).start().await;
    hybrid.fail(&json!([{"on": "usage", "status": 500}]));
    for _ in 0..3 {
        post(&hybrid, CHAT, &chat("mock:m")).await.expect(200);
    }
    assert_eq!(hybrid.app.app.gateway.platform().unwrap().waiting(), 3);
    assert!(hybrid.peer.reports().is_empty());
    hybrid.fail(&json!([]));
    hybrid.close(Duration::from_secs(30)).await;
    assert_eq!(hybrid.peer.reports().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_sent_at_the_end_is_counted_as_lost() {
    let hybrid = Hybrid::builder()
        .platform("usage_inline_timeout_ms", json!(50))
        .start()
        .await;
    hybrid.fail(&json!([{"on": "usage", "status": 500}]));
    post(&hybrid, CHAT, &chat("mock:m")).await.expect(200);
    hybrid.close(Duration::from_secs(30)).await;
    let metrics = hybrid.app.app.gateway.metrics.render_plain();
    let counted = "gateway_usage_reports_total{outcome=\"lost\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

/// The peer takes a report once, however often it comes.
#[tokio::test]
async fn the_same_report_twice_is_one() {
    let hybrid = Hybrid::start().await;
    let answer = post(&hybrid, CHAT, &chat("mock:m")).await;
    let report = json!({"correlation_id": answer.header("x-correlation-id"), "status": "success", "is_final_attempt": true,
        "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000}});
    let body = report.to_string();
    let headers = [("x-gateway-token", otari_testkit::GATEWAY_TOKEN)];
    let path = "/api/v1/gateway/usage";
    let again = hybrid
        .platform
        .send(http::Method::POST, path, None, &headers, body.into())
        .await;
    assert_eq!(again.expect(200)["cost_usd"], "0.000318");
    let spend = hybrid
        .platform
        .send(
            http::Method::GET,
            "/peer/spend",
            None,
            &headers,
            bytes::Bytes::new(),
        )
        .await;
    assert_eq!(spend.expect(200)["spend_usd"]["alice"], 0.000_317_5);
}
