//! Attachments, for models that can take them and for models that cannot.

mod images;
mod limits;
mod tools;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otari_documents::testing::{docx, pdf};
use otari_testkit::{Script, TestApp, TestAppBuilder};
use serde_json::{Value, json};

use super::files::upload;

/// `mock:scripted` takes nothing but text, `mock:eyes` takes images and PDFs.
fn builder() -> TestAppBuilder {
    let price = json!({"input_price_per_million": 1.0, "output_price_per_million": 1.0});
    TestApp::builder()
        .set(
            "document_worker",
            json!(env!("CARGO_BIN_EXE_document-worker")),
        )
        .set(
            "pricing",
            json!({"mock:scripted": price, "mock:eyes": price}),
        )
        .set(
            "model_capabilities",
            json!({"mock:scripted": {"supports_image": false, "supports_pdf": false}}),
        )
}

fn data_url(mime: &str, bytes: &[u8]) -> String {
    format!("data:{mime};base64,{}", STANDARD.encode(bytes))
}

/// A request on a surface whose user says "Read this." and attaches `part`.
fn attached(surface: &str, model: &str, part: &Value) -> Value {
    match surface {
        "/v1/responses" => json!({"model": model, "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Read this."}, part]}]}),
        _ => json!({"model": model, "max_tokens": 50, "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Read this."}, part]}]}),
    }
}

/// The same document in the words of each surface.
fn document(surface: &str, name: &str, bytes: &[u8]) -> Value {
    let mime = "application/octet-stream";
    match surface {
        "/v1/messages" => json!({"type": "document", "title": name, "source":
            {"type": "base64", "media_type": "application/pdf", "data": STANDARD.encode(bytes)}}),
        "/v1/responses" => {
            json!({"type": "input_file", "filename": name, "file_data": data_url(mime, bytes)})
        }
        _ => {
            json!({"type": "file", "file": {"filename": name, "file_data": data_url(mime, bytes)}})
        }
    }
}

const SURFACES: [&str; 3] = ["/v1/chat/completions", "/v1/messages", "/v1/responses"];

/// What the provider was sent last, all of it as text.
fn sent(app: &TestApp) -> String {
    app.upstream.last().json().to_string()
}

#[tokio::test]
async fn a_document_becomes_text_on_every_surface() {
    let app = builder().start().await;
    let key = app.key("alice", json!({})).await;
    for surface in SURFACES {
        for (name, bytes) in [
            ("report.pdf", pdf(&["Revenue was 42 million"])),
            ("plan.docx", docx(&["Revenue was 42 million"])),
            (
                "table.csv",
                b"what,sum\nRevenue was 42 million,1\n".to_vec(),
            ),
        ] {
            let part = document(surface, name, &bytes);
            let body = attached(surface, "mock:scripted", &part);
            app.client.post(surface, &key, &body).await.expect(200);
            let sent = sent(&app);
            assert!(
                sent.contains("Revenue was 42 million"),
                "{surface} {name}: {sent}"
            );
            assert!(sent.contains("Read this.") && sent.contains(name), "{sent}");
            assert!(!sent.contains(&STANDARD.encode(&bytes)), "{sent}");
        }
    }
}

#[tokio::test]
async fn a_model_that_can_take_it_gets_every_byte_as_it_came() {
    let app = builder().start().await;
    let key = app.key("alice", json!({})).await;
    for part in [
        document("/v1/chat/completions", "report.pdf", &pdf(&["Revenue"])),
        json!({"type": "image_url", "image_url": {"url": "https://pictures.example/x.png"}}),
    ] {
        let body = attached("/v1/chat/completions", "mock:eyes", &part);
        app.client
            .post("/v1/chat/completions", &key, &body)
            .await
            .expect(200);
        assert_eq!(app.upstream.last().json()["messages"], body["messages"]);
    }
}

#[tokio::test]
async fn a_file_of_the_callers_is_read_or_sent_along() {
    let app = builder().start().await;
    let key = app.key("alice", json!({})).await;
    let bytes = pdf(&["Revenue was 42 million"]);
    let id = upload(&app, &key, "report.pdf", &bytes).await;
    let part = json!({"type": "file", "file": {"file_id": id}});
    let body = attached("/v1/chat/completions", "mock:scripted", &part);
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(200);
    let text = sent(&app);
    assert!(
        text.contains("Revenue was 42 million") && text.contains("report.pdf"),
        "{text}"
    );

    let body = attached("/v1/chat/completions", "mock:eyes", &part);
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(200);
    let file = &app.upstream.last().json()["messages"][0]["content"][1]["file"];
    assert_eq!(file["filename"], "report.pdf");
    assert_eq!(file["file_data"], data_url("application/pdf", &bytes));

    // Somebody else's does not exist; perhaps the provider knows it.
    let other = app.key("bob", json!({})).await;
    app.client
        .post("/v1/chat/completions", &other, &body)
        .await
        .expect(200);
    assert_eq!(app.upstream.last().json()["messages"], body["messages"]);
}

#[tokio::test]
async fn the_next_candidate_is_shown_what_it_can_take() {
    let policy =
        json!({"house": {"select": [{"default": "mock:eyes"}], "on_failure": ["mock:scripted"]}});
    let app = builder()
        .set("routing", json!({"policies": policy}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let part = document(
        "/v1/messages",
        "report.pdf",
        &pdf(&["Revenue was 42 million"]),
    );
    app.upstream
        .enqueue(Script::json(503, &json!({"error": {"message": "busy"}})));
    let body = attached("/v1/messages", "house", &part);
    app.client
        .post("/v1/messages", &key, &body)
        .await
        .expect(200);
    let sent: Vec<String> = app
        .upstream
        .captured()
        .iter()
        .map(|sent| sent.json().to_string())
        .collect();
    let [first, second] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    assert!(!first.contains("Revenue was 42 million"));
    assert!(second.contains("Revenue was 42 million"));
}

#[tokio::test]
async fn results_of_tools_hold_attachments_too() {
    let app = builder().start().await;
    let key = app.key("alice", json!({})).await;
    let part = document(
        "/v1/messages",
        "report.pdf",
        &pdf(&["Revenue was 42 million"]),
    );
    let body = json!({"model": "mock:scripted", "max_tokens": 50, "messages": [
        {"role": "user", "content": "Read it."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "read", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [part]}]},
    ]});
    app.client
        .post("/v1/messages", &key, &body)
        .await
        .expect(200);
    assert!(sent(&app).contains("Revenue was 42 million"));
    let part = document("/v1/responses", "report.pdf", &pdf(&["Costs were 41"]));
    let body = json!({"model": "mock:scripted", "input": [
        {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [part]},
    ]});
    app.client
        .post("/v1/responses", &key, &body)
        .await
        .expect(200);
    assert!(sent(&app).contains("Costs were 41"));
}

#[tokio::test]
async fn a_conversation_that_goes_on_is_read_again() {
    let app = builder().start().await;
    let key = app.key("alice", json!({})).await;
    let part = document(
        "/v1/responses",
        "report.pdf",
        &pdf(&["Revenue was 42 million"]),
    );
    let body = attached("/v1/responses", "mock:scripted", &part);
    let first = app
        .client
        .post("/v1/responses", &key, &body)
        .await
        .expect(200);
    let body =
        json!({"model": "mock:scripted", "input": "And now?", "previous_response_id": first["id"]});
    app.client
        .post("/v1/responses", &key, &body)
        .await
        .expect(200);
    let sent = sent(&app);
    assert!(
        sent.contains("Revenue was 42 million") && sent.contains("And now?"),
        "{sent}"
    );
    // What is kept is what the caller wrote.
    let items = format!(
        "/v1/responses/{}/input_items",
        first["id"].as_str().unwrap()
    );
    let items = app.client.get(&items, &key).await.expect(200).to_string();
    assert!(items.contains("input_file") && !items.contains("Revenue was 42 million"));
}

#[tokio::test]
async fn switched_off_everything_goes_as_it_came() {
    let app = builder()
        .set("file_understanding_enabled", json!(false))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let part = document("/v1/chat/completions", "report.pdf", &pdf(&["Revenue"]));
    let body = attached("/v1/chat/completions", "mock:scripted", &part);
    app.client
        .post("/v1/chat/completions", &key, &body)
        .await
        .expect(200);
    assert_eq!(app.upstream.last().json()["messages"], body["messages"]);
}
