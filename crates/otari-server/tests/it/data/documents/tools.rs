//! Attachments beside tools that the gateway runs.

use otari_documents::testing::pdf;
use otari_testkit::{MASTER_KEY, Script};
use serde_json::json;

use super::{attached, builder, document, sent};

#[tokio::test]
async fn a_conversation_with_tools_reads_them_too() {
    let app = builder()
        .set("web_search_url", json!("http://127.0.0.1:9"))
        .start()
        .await;
    let free = json!({"model_key": "otari:web_search", "input_price_per_million": 0, "output_price_per_million": 0});
    app.client
        .post("/v1/pricing", MASTER_KEY, &free)
        .await
        .expect(200);
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(Script::chat("It was 42."));
    let part = document(
        "/v1/messages",
        "report.pdf",
        &pdf(&["Revenue was 42 million"]),
    );
    let mut body = attached("/v1/messages", "mock:scripted", &part);
    body["tools"] = json!([{"type": "otari_web_search"}]);
    app.client
        .post("/v1/messages", &key, &body)
        .await
        .expect(200);
    let sent = sent(&app);
    assert!(sent.contains("Revenue was 42 million"), "{sent}");
    assert!(sent.contains("\"tools\""), "{sent}");
}
