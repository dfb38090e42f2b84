//! `POST /v1/images/generations`, `POST /v1/images/edits`, `POST /v1/images/variations`

mod edits;
mod native;
mod tasks;

use bytes::Bytes;
use http::Method;
use otari_testkit::{Script, TestApp, Upstream};
use serde_json::{Value, json};

async fn start() -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let base = upstream.base();
    let price = json!({"input_price_per_million": 0.04, "output_price_per_million": 0.0});
    let app = TestApp::builder()
        .set(
            "providers",
            json!({
                "mock": {"provider_type": "openai-compatible", "api_key": "k", "api_base": base},
                "openai": {"api_key": "k", "api_base": base},
                "dashscope": {"api_key": "k", "api_base": base},
                "claude": {"provider_type": "anthropic-compatible", "api_key": "k", "api_base": base},
            }),
        )
        .set("require_pricing", json!(true))
        .set("default_pricing", json!(true))
        .set("pricing", json!({"mock:painter": price, "claude:opus": price, "dashscope:wan": price}))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn painted(count: usize) -> Value {
    let image = json!({"b64_json": "AAAA", "revised_prompt": "a cat"});
    json!({"created": 1, "data": vec![image; count], "usage": {"total_tokens": 9}})
}

#[tokio::test]
async fn images_are_billed_by_the_piece_that_came() {
    let (app, upstream, key) = start().await;
    upstream.enqueue(Script::json(200, &painted(2)));
    let body = json!({"model": "mock:painter", "prompt": "a cat", "n": 3, "background": "transparent", "user": "alice"});
    let answer = app
        .client
        .post("/v1/images/generations", &key, &body)
        .await
        .expect(200);
    assert_eq!(answer, painted(2));
    assert_eq!(
        upstream.last().json(),
        json!({"model": "painter", "prompt": "a cat", "n": 3, "background": "transparent"})
    );
    let row = &app.usage().await[0];
    assert_eq!(
        (&row["cost"], &row["prompt_tokens"]),
        (&json!(0.08), &Value::Null)
    );
    assert_eq!(
        row["pricing_breakdown"],
        json!([{"meter": "images", "units": 2, "unit_rate": 0.04, "cost": 0.08}])
    );
}

#[tokio::test]
async fn a_budget_covers_every_image_asked_for() {
    let (app, upstream, _) = start().await;
    upstream.always(Script::json(200, &painted(1)));
    let key = app.budgeted_key("bob", json!({"max_budget": 0.1})).await;
    let ask = |count: i64| {
        let body = json!({"model": "mock:painter", "prompt": "a cat", "n": count});
        let (client, key) = (app.client.clone(), key.clone());
        async move { client.post("/v1/images/generations", &key, &body).await }
    };
    assert_eq!(ask(3).await.status, 403);
    assert_eq!(ask(1).await.status, 200);
    assert_eq!(app.user("bob").await["spend"], 0.04);
}

#[tokio::test]
async fn bad_requests_name_what_is_wrong() {
    let (app, upstream, key) = start().await;
    for (body, status, says) in [
        (json!({"model": "mock:painter"}), 422, "prompt"),
        (json!({"prompt": "a"}), 422, "model"),
        (
            json!({"model": "mock:painter", "prompt": "a", "n": -1}),
            422,
            "n:",
        ),
        (
            json!({"model": "mock:painter", "prompt": "a", "n": "2"}),
            422,
            "n:",
        ),
        (
            json!({"model": "mock:other", "prompt": "a"}),
            402,
            "mock:other",
        ),
        // The bundled list prices its tokens; that is no price of an image.
        (
            json!({"model": "openai:gpt-4o", "prompt": "a"}),
            402,
            "openai:gpt-4o",
        ),
        (
            json!({"model": "claude:opus", "prompt": "a"}),
            400,
            "no image generation",
        ),
        (
            json!({"model": "dashscope:wan", "prompt": "a", "response_format": "b64_json"}),
            400,
            "b64_json",
        ),
    ] {
        let answer = app.client.post("/v1/images/generations", &key, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(says), "{body}: {}", answer.text());
    }
    upstream.enqueue(Script::json(200, &json!({"created": 1})));
    let body = json!({"model": "mock:painter", "prompt": "a"});
    let answer = app.client.post("/v1/images/generations", &key, &body).await;
    assert_eq!(answer.status, 502);
    assert_eq!(app.user("alice").await["spend"], 0.0);
}

#[tokio::test]
async fn partial_images_pass_as_they_come() {
    let (app, upstream, key) = start().await;
    let events = [
        "event: image_generation.partial_image\ndata: {\"b64_json\":\"A\"}\n\n",
        "event: image_generation.completed\ndata: {\"b64_json\":\"AA\"}\n\n",
    ];
    upstream.enqueue(Script::stream(events));
    let body = json!({"model": "mock:painter", "prompt": "a", "stream": true, "partial_images": 1});
    let answer = app.client.post("/v1/images/generations", &key, &body).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.text(), events.concat());
    assert_eq!(app.user("alice").await["spend"], 0.04);
}

#[tokio::test]
async fn an_edit_is_a_form_passed_on() {
    let (app, upstream, key) = start().await;
    upstream.always(Script::json(200, &painted(2)));
    let part = |head: &str, value: &str| {
        format!("--xyz\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let images = part("name=\"image[]\"; filename=\"a.png\"", "PNG1")
        + &part("name=\"image[]\"; filename=\"b.png\"", "PNG2");
    let form = |model: &str| {
        part("name=\"model\"", model)
            + &part("name=\"prompt\"", "hat")
            + &images
            + &part("name=\"n\"", "2")
            + "--xyz--\r\n"
    };
    let kind = [("content-type", "multipart/form-data; boundary=xyz")];
    let send = |body: String| {
        app.client.send(
            Method::POST,
            "/v1/images/edits",
            Some(&key),
            &kind,
            Bytes::from(body),
        )
    };
    assert_eq!(send(form("mock:painter")).await.expect(200), painted(2));
    assert_eq!(
        String::from_utf8_lossy(&upstream.last().body),
        form("painter")
    );
    assert!(upstream.last().path.ends_with("/images/edits"));
    assert_eq!(app.user("alice").await["spend"], 0.08);
    let answer = send(form("mock:painter").replace("image[]", "picture[]")).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("image"), "{}", answer.text());
}

#[tokio::test]
async fn variations_are_a_form_without_a_prompt() {
    let (app, upstream, key) = start().await;
    upstream.always(Script::json(200, &painted(2)));
    let part = |head: &str, value: &str| {
        format!("--xyz\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let form = |model: &str, image: &str| {
        part("name=\"model\"", model)
            + &part(&format!("name=\"{image}\"; filename=\"a.png\""), "PNG1")
            + &part("name=\"n\"", "2")
            + "--xyz--\r\n"
    };
    let kind = [("content-type", "multipart/form-data; boundary=xyz")];
    let send = |body: String| {
        app.client.send(
            Method::POST,
            "/v1/images/variations",
            Some(&key),
            &kind,
            Bytes::from(body),
        )
    };
    let answer = send(form("mock:painter", "image")).await.expect(200);
    assert_eq!(answer, painted(2));
    let sent = upstream.last();
    assert!(sent.path.ends_with("/images/variations"), "{}", sent.path);
    assert_eq!(
        String::from_utf8_lossy(&sent.body),
        form("painter", "image")
    );
    assert_eq!(app.user("alice").await["spend"], 0.08);
    assert_eq!(app.usage().await[0]["endpoint"], "/v1/images/variations");
    for (body, status, says) in [
        (form("mock:painter", "picture"), 422, "image"),
        (form("claude:opus", "image"), 400, "no image variations"),
    ] {
        let answer = send(body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    }
}
