//! Images for models that cannot see.

use otari_documents::testing::scan;
use otari_testkit::{MASTER_KEY, Script, TestApp, Upstream};
use serde_json::{Value, json};

use super::{SURFACES, attached, builder, data_url, document, sent};

/// One white pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc\xf8\x0f\0\x01\x01\x01\0\x1b\xb6\xeeV\0\0\0\0IEND\xaeB`\x82";

fn image(surface: &str) -> Value {
    let url = data_url("image/png", PNG);
    match surface {
        "/v1/messages" => {
            let data = url.split_once(',').unwrap().1;
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
        }
        "/v1/responses" => json!({"type": "input_image", "image_url": url}),
        _ => json!({"type": "image_url", "image_url": {"url": url}}),
    }
}

async fn ask(app: &TestApp, key: &str, surface: &str) {
    let body = attached(surface, "mock:scripted", &image(surface));
    app.client.post(surface, key, &body).await.expect(200);
}

#[tokio::test]
async fn an_image_is_described_once_and_paid_for() {
    let app = builder()
        .set("vision_describe_model", json!("mock:eyes"))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    app.upstream.enqueue(Script::chat("A white pixel."));
    for surface in SURFACES {
        ask(&app, &key, surface).await;
        let sent = sent(&app);
        assert!(
            sent.contains("A white pixel.") && !sent.contains("iVBOR"),
            "{sent}"
        );
    }
    let asked = app.upstream.captured()[0].json();
    assert_eq!(
        (&asked["model"], &asked["max_tokens"]),
        (&json!("eyes"), &json!(1024))
    );
    assert_eq!(
        asked["messages"][0]["content"][1]["image_url"]["url"],
        data_url("image/png", PNG)
    );
    let rows = app.usage().await;
    let described: Vec<&Value> = rows
        .iter()
        .filter(|row| row["endpoint"] == "file-understanding/describe")
        .collect();
    assert_eq!((described.len(), rows.len()), (1, 4));
    assert_eq!(described[0]["user_id"], "alice");
    assert!(described[0]["cost"].as_f64().unwrap() > 0.0);
    // Another caller pays for their own.
    let other = app.key("bob", json!({})).await;
    ask(&app, &other, "/v1/messages").await;
    assert_eq!(app.usage().await.len(), 6);
}

#[tokio::test]
async fn without_a_description_the_text_in_it_is_read() {
    let ocr = Upstream::start().await;
    ocr.always(Script::json(200, &json!({"text": "INVOICE 7"})));
    let app = builder()
        .set("vision_ocr_url", json!(format!("{}/read", ocr.base())))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    ask(&app, &key, "/v1/chat/completions").await;
    assert!(sent(&app).contains("INVOICE 7"), "{}", sent(&app));
    let asked = ocr.last();
    assert_eq!(asked.headers["content-type"], "image/png");
    assert_eq!(asked.body, PNG);
}

#[tokio::test]
async fn an_image_nobody_can_tell_of_leaves_a_word() {
    let app = builder()
        .set("vision_describe_model", json!("mock:eyes"))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    app.upstream
        .enqueue(Script::json(500, &json!({"error": {"message": "no"}})));
    ask(&app, &key, "/v1/chat/completions").await;
    let sent = sent(&app);
    assert!(sent.contains("image here that you cannot see"), "{sent}");
}

#[tokio::test]
async fn what_becomes_of_images_changes_while_it_runs() {
    let app = builder().start().await;
    let key = app.key("alice", json!({})).await;
    let change = json!({"vision_strategy": "off", "vision_describe_model": null});
    app.client
        .patch("/v1/settings", MASTER_KEY, &change)
        .await
        .expect(200);
    ask(&app, &key, "/v1/chat/completions").await;
    let content = app.upstream.last().json()["messages"][0]["content"].clone();
    assert_eq!(content, json!([{"type": "text", "text": "Read this."}]));
    let refused = app
        .client
        .patch(
            "/v1/settings",
            MASTER_KEY,
            &json!({"vision_strategy": "guess"}),
        )
        .await;
    refused.expect(422);
}

#[tokio::test]
async fn pages_without_text_are_shown_as_images_or_described() {
    let app = builder()
        .set("vision_describe_model", json!("mock:eyes"))
        .set(
            "model_capabilities",
            json!({
                "mock:scripted": {"supports_image": false, "supports_pdf": false},
                "sees": {"supports_image": true, "supports_pdf": false},
            }),
        )
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let free = json!({"model_key": "mock:sees", "input_price_per_million": 0, "output_price_per_million": 0});
    app.client
        .post("/v1/pricing", MASTER_KEY, &free)
        .await
        .expect(200);
    let part = document("/v1/messages", "scan.pdf", &scan(2));
    let body = attached("/v1/messages", "mock:sees", &part);
    app.client
        .post("/v1/messages", &key, &body)
        .await
        .expect(200);
    let seen = sent(&app);
    assert_eq!(seen.matches("data:image/jpeg;base64,").count(), 2, "{seen}");

    app.upstream.enqueue(Script::chat("A black square."));
    let body = attached("/v1/messages", "mock:scripted", &part);
    app.client
        .post("/v1/messages", &key, &body)
        .await
        .expect(200);
    let told = sent(&app);
    assert!(
        !told.contains("base64") && told.contains("A black square."),
        "{told}"
    );
}

#[tokio::test]
async fn a_call_is_refused_when_what_it_reads_is_beyond_its_budget() {
    let app = builder().start().await;
    let key = app
        .budgeted_key("alice", json!({"max_budget": 0.001}))
        .await;
    let text = "word ".repeat(4_000);
    let pages = otari_documents::testing::docx(&[&text]);
    let part = document("/v1/chat/completions", "long.docx", &pages);
    let body = attached("/v1/chat/completions", "mock:scripted", &part);
    let answer = app.client.post("/v1/chat/completions", &key, &body).await;
    answer.expect(403);
    assert!(app.upstream.captured().is_empty());
}
