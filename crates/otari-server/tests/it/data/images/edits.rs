//! Images that are changed where a mask says so, by providers with formats of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use otari_testkit::{Response, Script, TestApp, Upstream};
use serde_json::{Value, json};

/// Two pixels, the second transparent.
const MASK: &str = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAAD0lEQVR4nGNgYGD4D8QMAAUEAQCwBUiSAAAAAElFTkSuQmCC";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n1234";
const CANVAS: &str = "bedrock:amazon.nova-canvas-v1:0";
const INPAINT: &str = "bedrock:us.stability.stable-image-inpaint-v1:0";
const XAI: &str = "xai:grok-imagine-image";
const IMAGEN: &str = "vertexai:imagen-3.0-capability-001";

struct Lab {
    app: TestApp,
    upstream: Upstream,
    key: String,
}

impl Lab {
    async fn start() -> Self {
        let upstream = Upstream::start().await;
        let base = upstream.base();
        let root = base.strip_suffix("/v1").unwrap().to_owned();
        let price = json!({"input_price_per_million": 0.04, "output_price_per_million": 0.0});
        let models = [
            CANVAS,
            INPAINT,
            IMAGEN,
            "vertexai:imagen-4",
            "gemini:imagen-4",
            XAI,
            "bedrock:amazon.nova-pro-v1:0",
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
                    "xai": {"api_key": "k", "api_base": base},
                    "bedrock": {"api_base": root, "region": "us-east-1", "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "s"},
                }),
            )
            .set("require_pricing", json!(true))
            .set("pricing", prices)
            .start()
            .await;
        let key = app.key("alice", json!({})).await;
        Self { app, upstream, key }
    }

    /// Asks for a change of one image.
    async fn change(&self, model: &str, mask: Option<&[u8]>, fields: &[(&str, &str)]) -> Response {
        let mut form = Vec::new();
        let mut part = |head: String, value: &[u8]| {
            form.extend_from_slice(
                format!("--xyz\r\nContent-Disposition: form-data; name={head}\r\n\r\n").as_bytes(),
            );
            form.extend_from_slice(value);
            form.extend_from_slice(b"\r\n");
        };
        part("\"model\"".to_owned(), model.as_bytes());
        part("\"prompt\"".to_owned(), b"add a hat");
        for (name, value) in fields {
            part(format!("\"{name}\""), value.as_bytes());
        }
        part("\"image\"; filename=\"a.png\"".to_owned(), PNG);
        if let Some(mask) = mask {
            part("\"mask\"; filename=\"m.png\"".to_owned(), mask);
        }
        form.extend_from_slice(b"--xyz--\r\n");
        let kind = [("content-type", "multipart/form-data; boundary=xyz")];
        let path = "/v1/images/edits";
        let client = &self.app.client;
        client
            .send(
                Method::POST,
                path,
                Some(&self.key),
                &kind,
                Bytes::from(form),
            )
            .await
    }
}

/// A whole PNG, and not the client's.
fn check_mask(sent: &Value) {
    let mask = STANDARD.decode(sent.as_str().unwrap()).unwrap();
    assert!(mask.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_ne!(sent, MASK);
}

#[tokio::test]
async fn a_mask_says_what_is_painted_anew() {
    let lab = Lab::start().await;
    let mask = STANDARD.decode(MASK).unwrap();
    let picture = STANDARD.encode(PNG);
    let two = json!({"images": ["AA==", "BB=="], "error": null});
    let one = json!({"seeds": [1], "finish_reasons": [null], "images": ["AA=="]});
    let predicted = json!({"predictions": [
        {"mimeType": "image/png", "bytesBase64Encoded": "AA=="},
        {"mimeType": "image/png", "bytesBase64Encoded": "BB=="},
    ]});
    for (model, answered, path, at, masked) in [
        (
            CANVAS,
            two,
            "/model/amazon.nova-canvas-v1%3A0/invoke",
            "/inPaintingParams/image",
            "/inPaintingParams/maskImage",
        ),
        (
            INPAINT,
            one,
            "/model/us.stability.stable-image-inpaint-v1%3A0/invoke",
            "/image",
            "/mask",
        ),
        (
            IMAGEN,
            predicted,
            "/publishers/google/models/imagen-3.0-capability-001:predict",
            "/instances/0/referenceImages/0/referenceImage/bytesBase64Encoded",
            "/instances/0/referenceImages/1/referenceImage/bytesBase64Encoded",
        ),
    ] {
        lab.upstream.always(Script::json(200, &answered));
        let answer = lab.change(model, Some(&mask), &[("n", "2"), ("user", "alice")]);
        let answer = answer.await.expect(200);
        assert_eq!(answer["data"].as_array().unwrap().len(), 2, "{model}");
        let sent = lab.upstream.last();
        assert!(sent.path.ends_with(path), "{}", sent.path);
        let body = sent.json();
        assert_eq!(body.pointer(at), Some(&json!(picture)), "{model}");
        check_mask(body.pointer(masked).unwrap());
        assert!(!body.to_string().contains("alice"), "{model}");
        let row = &lab.app.usage().await[0];
        assert_eq!(
            (&row["cost"], &row["endpoint"]),
            (&json!(0.08), &json!("/v1/images/edits")),
            "{model}"
        );
    }
}

#[tokio::test]
async fn xai_is_shown_the_image_in_json() {
    let lab = Lab::start().await;
    let drawn =
        json!({"data": [{"b64_json": "AA==", "mime_type": "image/jpeg", "revised_prompt": ""}]});
    lab.upstream.enqueue(Script::json(200, &drawn));
    let answer = lab.change(XAI, None, &[("size", "1024x1024")]).await;
    let answer = answer.expect(200);
    assert_eq!(answer["data"], json!([{"b64_json": "AA=="}]));
    assert_eq!(answer["output_format"], "jpeg");
    let sent = lab.upstream.last();
    assert!(sent.path.ends_with("/v1/images/edits"), "{}", sent.path);
    let picture = format!("data:image/png;base64,{}", STANDARD.encode(PNG));
    assert_eq!(
        sent.json(),
        json!({
            "model": "grok-imagine-image", "prompt": "add a hat", "n": 1, "response_format": "b64_json",
            "aspect_ratio": "1:1", "image": {"type": "image_url", "url": picture},
        })
    );
    assert_eq!(lab.app.user("alice").await["spend"], 0.04);
    let refused = json!({"error": "Content was rejected by moderation", "code": "content_filter"});
    lab.upstream.enqueue(Script::json(400, &refused));
    assert_eq!(lab.change(XAI, None, &[]).await.status, 400);
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_before_anybody_is_asked() {
    let lab = Lab::start().await;
    let mask = STANDARD.decode(MASK).unwrap();
    let masked = Some(mask.as_slice());
    for (model, mask, fields, status, says) in [
        (CANVAS, None, &[][..], 422, "maskPrompt"),
        (CANVAS, Some(PNG), &[], 422, "whole PNG"),
        (CANVAS, masked, &[("strength", "1")], 400, "strength"),
        (INPAINT, masked, &[("size", "1024x1024")], 400, "size"),
        (IMAGEN, None, &[], 422, "maskMode"),
        ("vertexai:imagen-4", masked, &[], 400, "capability"),
        ("gemini:imagen-4", masked, &[], 400, "on Vertex AI"),
        (
            "bedrock:amazon.nova-pro-v1:0",
            masked,
            &[],
            400,
            "not known to make images",
        ),
    ] {
        let answer = lab.change(model, mask, fields).await;
        assert_eq!(answer.status, status, "{model}: {}", answer.text());
        assert!(answer.text().contains(says), "{model}: {}", answer.text());
    }
    assert!(lab.upstream.captured().is_empty());
    assert_eq!(lab.app.user("alice").await["spend"], 0.0);
}

#[tokio::test]
async fn failures_of_a_change_are_told_as_what_they_are() {
    let lab = Lab::start().await;
    let mask = STANDARD.decode(MASK).unwrap();
    for (model, status, answered, told, says) in [
        (
            CANVAS,
            429,
            json!({"message": "Too many requests"}),
            429,
            "rate",
        ),
        (
            INPAINT,
            200,
            json!({"seeds": [], "finish_reasons": ["Filter reason: input image"], "images": []}),
            400,
            "content_filter",
        ),
        (
            IMAGEN,
            400,
            json!({"error": {"code": 400, "message": "the mask is too small", "status": "INVALID_ARGUMENT"}}),
            400,
            "too small",
        ),
        (
            IMAGEN,
            200,
            json!({"predictions": []}),
            400,
            "content_filter",
        ),
    ] {
        lab.upstream.enqueue(Script::json(status, &answered));
        let answer = lab.change(model, Some(&mask), &[]).await;
        assert_eq!(answer.status, told, "{model}: {}", answer.text());
        assert!(answer.text().contains(says), "{model}: {}", answer.text());
    }
    assert_eq!(lab.app.user("alice").await["spend"], 0.0);
}
