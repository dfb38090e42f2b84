//! Images of providers with formats of their own.

use bytes::Bytes;
use http::Method;
use otari_testkit::{Script, TestApp, Upstream};
use serde_json::{Value, json};

async fn start() -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let base = upstream.base();
    let root = base.strip_suffix("/v1").unwrap().to_owned();
    let price = json!({"input_price_per_million": 0.04, "output_price_per_million": 0.0});
    let models = [
        "gemini:gemini-2.5-flash-image",
        "gemini:imagen-4",
        "vertexai:imagen-4",
        "bedrock:amazon.nova-canvas-v1:0",
        "bedrock:stability.stable-image-core-v1:1",
        "bedrock:amazon.nova-pro-v1:0",
        "dashscope:qwen-image-plus",
        "fireworks:flux-1-schnell-fp8",
        "minimax:image-01",
    ];
    let prices: Value = models
        .iter()
        .map(|model| ((*model).to_owned(), price.clone()))
        .collect();
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "gemini": {"api_key": "k", "api_base": base},
                "vertexai": {"api_key": "k", "api_base": base},
                "bedrock": {"api_base": root, "region": "us-east-1", "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "s"},
                "dashscope": {"api_key": "k", "api_base": base},
                "fireworks": {"api_key": "k", "api_base": base},
                "minimax": {"api_key": "k", "api_base": base},
            }),
        )
        .set("require_pricing", json!(true))
        .set("pricing", prices)
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn drawn() -> Value {
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}});
    json!({"candidates": [{"content": {"parts": [picture]}, "finishReason": "STOP"}]})
}

#[tokio::test]
async fn each_is_asked_in_its_own_words_and_billed_by_the_picture() {
    let (app, upstream, key) = start().await;
    let predicted = json!({"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": "AA=="}, {"mimeType": "image/png", "bytesBase64Encoded": "AA=="}]});
    let canvas = json!({"images": ["AA==", "AA=="], "error": null});
    let core = json!({"seeds": [1], "finish_reasons": [null], "images": ["AA=="]});
    let flux = json!({"base64": ["AA=="], "finishReason": "SUCCESS"});
    let minimax =
        json!({"data": {"image_base64": ["AA==", "AA=="]}, "base_resp": {"status_code": 0}});
    for (model, answered, calls, path) in [
        (
            "gemini:gemini-2.5-flash-image",
            drawn(),
            2,
            "/models/gemini-2.5-flash-image:generateContent",
        ),
        (
            "gemini:imagen-4",
            predicted.clone(),
            1,
            "/models/imagen-4:predict",
        ),
        (
            "vertexai:imagen-4",
            predicted,
            1,
            "/publishers/google/models/imagen-4:predict",
        ),
        (
            "bedrock:amazon.nova-canvas-v1:0",
            canvas,
            1,
            "/model/amazon.nova-canvas-v1%3A0/invoke",
        ),
        (
            "bedrock:stability.stable-image-core-v1:1",
            core,
            2,
            "/model/stability.stable-image-core-v1%3A1/invoke",
        ),
        (
            "fireworks:flux-1-schnell-fp8",
            flux,
            2,
            "/workflows/accounts/fireworks/models/flux-1-schnell-fp8/text_to_image",
        ),
        ("minimax:image-01", minimax, 1, "/image_generation"),
    ] {
        upstream.always(Script::json(200, &answered));
        let before = upstream.captured().len();
        let body = json!({"model": model, "prompt": "a cat", "n": 2, "size": "1024x1024", "user": "alice"});
        let answer = app.client.post("/v1/images/generations", &key, &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
        let answer = answer.json();
        assert_eq!(
            answer["data"],
            json!([{"b64_json": "AA=="}, {"b64_json": "AA=="}]),
            "{model}"
        );
        assert!(answer["created"].as_i64().unwrap() > 0);
        assert_eq!(upstream.captured().len() - before, calls, "{model}");
        let sent = upstream.last();
        assert!(sent.path.ends_with(path), "{model}: {}", sent.path);
        assert_eq!(sent.headers["accept"], "application/json", "{model}");
        assert!(
            !String::from_utf8_lossy(&sent.body).contains("alice"),
            "{model}"
        );
        let row = &app.usage().await[0];
        assert_eq!(
            (&row["cost"], &row["status"]),
            (&json!(0.08), &json!("success")),
            "{model}"
        );
    }
}

#[tokio::test]
async fn failures_are_told_as_what_they_are() {
    let (app, upstream, key) = start().await;
    let filtered = json!({"seeds": [], "finish_reasons": ["Filter reason: prompt"], "images": []});
    for (model, status, answered, told, says) in [
        (
            "gemini:imagen-4",
            429,
            json!({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}),
            429,
            "rate",
        ),
        (
            "gemini:imagen-4",
            400,
            json!({"error": {"code": 400, "message": "no such shape", "status": "INVALID_ARGUMENT"}}),
            400,
            "no such shape",
        ),
        ("gemini:imagen-4", 200, json!({}), 400, "content_filter"),
        (
            "gemini:gemini-2.5-flash-image",
            200,
            json!({"promptFeedback": {"blockReason": "SAFETY"}}),
            400,
            "content_filter",
        ),
        (
            "bedrock:stability.stable-image-core-v1:1",
            200,
            filtered,
            400,
            "content_filter",
        ),
        (
            "bedrock:amazon.nova-canvas-v1:0",
            400,
            json!({"message": "width is wrong"}),
            400,
            "width",
        ),
        (
            "bedrock:amazon.nova-canvas-v1:0",
            403,
            json!({"message": "no"}),
            502,
            "credentials",
        ),
        (
            "bedrock:amazon.nova-canvas-v1:0",
            200,
            json!({"images": []}),
            502,
            "provider",
        ),
        (
            "minimax:image-01",
            200,
            json!({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
            502,
            "credit",
        ),
        (
            "minimax:image-01",
            200,
            json!({"base_resp": {"status_code": 1002, "status_msg": "slow"}}),
            429,
            "rate",
        ),
    ] {
        upstream.enqueue(Script::json(status, &answered));
        let body = json!({"model": model, "prompt": "a cat"});
        let answer = app.client.post("/v1/images/generations", &key, &body).await;
        assert_eq!(answer.status, told, "{model} {answered}: {}", answer.text());
        assert!(
            answer.text().contains(says),
            "{model} {answered}: {}",
            answer.text()
        );
    }
    assert_eq!(app.user("alice").await["spend"], 0.0);
    for (model, name, value, status, says) in [
        (
            "gemini:imagen-4",
            "response_format",
            json!("url"),
            400,
            "response_format",
        ),
        (
            "gemini:imagen-4",
            "size",
            json!("1000x100"),
            422,
            "1:1, 4:3",
        ),
        ("gemini:imagen-4", "stream", json!(true), 400, "stream"),
        ("gemini:imagen-4", "n", json!(0), 422, "between 1 and 10"),
        (
            "bedrock:amazon.nova-pro-v1:0",
            "n",
            json!(1),
            400,
            "not known to make images",
        ),
    ] {
        let mut body = json!({"model": model, "prompt": "a cat"});
        body[name] = value;
        let answer = app.client.post("/v1/images/generations", &key, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(says), "{body}: {}", answer.text());
    }
}

#[tokio::test]
async fn gemini_edits_what_it_is_shown() {
    let (app, upstream, key) = start().await;
    upstream.always(Script::json(200, &drawn()));
    let part = |head: &str, value: &[u8]| {
        let mut part =
            format!("--xyz\r\nContent-Disposition: form-data; {head}\r\n\r\n").into_bytes();
        part.extend_from_slice(value);
        part.extend_from_slice(b"\r\n");
        part
    };
    let form = |image: &[u8], more: Vec<u8>| {
        let parts = [
            part("name=\"model\"", b"gemini:gemini-2.5-flash-image"),
            part("name=\"prompt\"", b"add a hat"),
            part("name=\"image[]\"; filename=\"a.png\"", image),
            more,
            b"--xyz--\r\n".to_vec(),
        ];
        Bytes::from(parts.concat())
    };
    let kind = [("content-type", "multipart/form-data; boundary=xyz")];
    let send = |body: Bytes| {
        app.client
            .send(Method::POST, "/v1/images/edits", Some(&key), &kind, body)
    };
    let png = b"\x89PNG\r\n\x1a\n1234";
    let answer = send(form(png, Vec::new())).await.expect(200);
    assert_eq!(answer["data"][0]["b64_json"], "AA==");
    let parts = &upstream.last().json()["contents"][0]["parts"];
    assert_eq!(parts[0]["inlineData"]["mimeType"], "image/png");
    assert_eq!(parts[1]["text"], "add a hat");
    assert_eq!(app.user("alice").await["spend"], 0.04);
    let mask = part("name=\"mask\"; filename=\"m.png\"", png);
    for (body, status, says) in [
        (form(b"text", Vec::new()), 422, "png"),
        (form(png, mask), 400, "mask"),
    ] {
        let answer = send(body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    }
}

#[tokio::test]
async fn qwen_answers_links_and_edits_what_it_is_shown() {
    let (app, upstream, key) = start().await;
    let part = json!({"image": "https://oss.example/1.png"});
    let choice =
        json!({"finish_reason": "stop", "message": {"role": "assistant", "content": [part]}});
    upstream.always(Script::json(200, &json!({"output": {"choices": [choice]}})));
    let model = "dashscope:qwen-image-plus";
    let body =
        json!({"model": model, "prompt": "a cat", "n": 2, "size": "1328x1328", "watermark": false});
    let answer = app.client.post("/v1/images/generations", &key, &body).await;
    let link = json!({"url": "https://oss.example/1.png"});
    assert_eq!(answer.expect(200)["data"], json!([link, link]));
    assert_eq!(upstream.captured().len(), 2);
    let sent = upstream.last();
    let path = "/api/v1/services/aigc/multimodal-generation/generation";
    assert_eq!(sent.path, path);
    let parameters = json!({"n": 1, "size": "1328*1328", "watermark": false});
    assert_eq!(sent.json()["parameters"], parameters);
    assert_eq!(app.user("alice").await["spend"], 0.08);

    let part = |head: &str, value: &str| {
        format!("--xyz\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let form = part("name=\"model\"", model)
        + &part("name=\"prompt\"", "add a hat")
        + &part("name=\"image\"; filename=\"a.gif\"", "GIF89a")
        + "--xyz--\r\n";
    let kind = [("content-type", "multipart/form-data; boundary=xyz")];
    let send = |path: &'static str| {
        let body = Bytes::from(form.clone());
        app.client.send(Method::POST, path, Some(&key), &kind, body)
    };
    assert_eq!(
        send("/v1/images/edits").await.expect(200)["data"],
        json!([link])
    );
    let content = &upstream.last().json()["input"]["messages"][0]["content"];
    assert_eq!(content[0]["image"], "data:image/gif;base64,R0lGODlh");
    assert_eq!(content[1]["text"], "add a hat");
    assert_eq!(send("/v1/images/variations").await.status, 400);

    let refused = json!({"code": "DataInspectionFailed", "message": "no", "request_id": "r"});
    upstream.enqueue(Script::json(400, &refused));
    let answer = send("/v1/images/edits").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["code"], "content_filter");
}
