//! Images that a provider makes in its own time.

use bytes::Bytes;
use http::Method;
use otari_testkit::{Script, TestApp, Upstream};
use serde_json::{Value, json};

const MODEL: &str = "dashscope:wan2.2-t2i-flash";

async fn start() -> (TestApp, Upstream, String) {
    start_with(&json!({})).await
}

async fn start_with(client_args: &Value) -> (TestApp, Upstream, String) {
    let upstream = Upstream::start().await;
    let provider = json!({
        "api_key": "first", "api_keys": ["second"], "api_base": upstream.base(), "client_args": client_args,
    });
    let price = json!({"input_price_per_million": 0.04, "output_price_per_million": 0.0});
    let app = TestApp::builder()
        .set("providers", json!({"dashscope": provider}))
        .set("require_pricing", json!(true))
        .set(
            "pricing",
            json!({MODEL: price, "dashscope:wan2.5-i2i-preview": price}),
        )
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    (app, upstream, key)
}

fn task(status: &str) -> Script {
    let task = json!({"output": {"task_id": "7-a", "task_status": status}, "request_id": "r"});
    Script::json(200, &task)
}

fn done(results: &Value) -> Script {
    let output = json!({"task_id": "7-a", "task_status": "SUCCEEDED", "results": results});
    Script::json(200, &json!({"output": output, "usage": {"image_count": 2}}))
}

fn links() -> Value {
    json!([{"url": "https://oss/1.png", "actual_prompt": "a big cat"}, {"url": "https://oss/2.png"}])
}

#[tokio::test]
async fn a_task_is_asked_after_until_it_is_done_and_billed_once() {
    let (app, upstream, key) = start().await;
    upstream.enqueue(task("PENDING"));
    upstream.enqueue(task("RUNNING"));
    // Of a task that is under way one failed question says nothing.
    upstream.enqueue(Script::json(
        503,
        &json!({"code": "ServiceUnavailable", "message": "later"}),
    ));
    upstream.enqueue(done(&links()));
    let body =
        json!({"model": MODEL, "prompt": "a cat", "n": 2, "size": "1024x1024", "user": "alice"});
    let answer = app.client.post("/v1/images/generations", &key, &body).await;
    assert_eq!(
        answer.expect(200)["data"],
        json!([{"url": "https://oss/1.png", "revised_prompt": "a big cat"}, {"url": "https://oss/2.png"}])
    );
    let sent = upstream.captured();
    let asked: Vec<(&str, &str)> = sent
        .iter()
        .map(|request| (request.method.as_str(), request.path.as_str()))
        .collect();
    let after = ("GET", "/api/v1/tasks/7-a");
    let begin = "/api/v1/services/aigc/text2image/image-synthesis";
    assert_eq!(asked, [("POST", begin), after, after, after]);
    assert_eq!(sent[0].headers["x-dashscope-async"], "enable");
    assert_eq!(
        sent[0].json(),
        json!({
            "model": "wan2.2-t2i-flash", "input": {"prompt": "a cat"}, "parameters": {"n": 2, "size": "1024*1024"},
        })
    );
    // The task is the account's whose key began it.
    let keys = sent.iter().map(|request| &request.headers["authorization"]);
    assert!(keys.clone().all(|key| key == "Bearer first"), "{keys:?}");
    let rows = app.usage().await;
    assert_eq!((rows.len(), &rows[0]["cost"]), (1, &json!(0.08)));
    assert_eq!(app.user("alice").await["reserved"], 0.0);
}

#[tokio::test]
async fn a_picture_is_changed_by_a_task() {
    let (app, upstream, key) = start().await;
    upstream.enqueue(task("PENDING"));
    upstream.enqueue(done(&json!([{"url": "https://oss/1.png"}])));
    let part = |head: &str, value: &str| {
        format!("--xyz\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let form = part("name=\"model\"", "dashscope:wan2.5-i2i-preview")
        + &part("name=\"prompt\"", "add a hat")
        + &part("name=\"watermark\"", "false")
        + &part("name=\"image\"; filename=\"a.gif\"", "GIF89a")
        + "--xyz--\r\n";
    let kind = [("content-type", "multipart/form-data; boundary=xyz")];
    let form = Bytes::from(form);
    let sent = app
        .client
        .send(Method::POST, "/v1/images/edits", Some(&key), &kind, form);
    assert_eq!(
        sent.await.expect(200)["data"],
        json!([{"url": "https://oss/1.png"}])
    );
    let begun = &upstream.captured()[0];
    assert!(begun.path.ends_with("/image2image/image-synthesis"));
    assert_eq!(
        begun.json(),
        json!({
            "model": "wan2.5-i2i-preview",
            "input": {"prompt": "add a hat", "images": ["data:image/gif;base64,R0lGODlh"]},
            "parameters": {"n": 1, "watermark": false},
        })
    );
}

#[tokio::test]
async fn a_task_that_fails_costs_nothing_and_says_why() {
    let (app, upstream, key) = start().await;
    let failed = |code: &str| {
        let output =
            json!({"task_id": "7-a", "task_status": "FAILED", "code": code, "message": "it is so"});
        Script::json(200, &json!({"output": output}))
    };
    let body = json!({"model": MODEL, "prompt": "a cat"});
    for (scripts, status, says) in [
        (
            vec![task("PENDING"), failed("DataInspectionFailed")],
            400,
            "content_filter",
        ),
        (
            vec![task("RUNNING"), failed("InternalError")],
            502,
            "provider",
        ),
        (vec![task("PENDING"), task("CANCELED")], 502, "provider"),
        (
            vec![
                task("PENDING"),
                done(&json!([{"code": "DataInspectionFailed", "message": "no"}])),
            ],
            400,
            "content_filter",
        ),
        (
            vec![Script::json(
                429,
                &json!({"code": "Throttling", "message": "slow"}),
            )],
            429,
            "rate",
        ),
        (
            vec![Script::json(
                200,
                &json!({"output": {"task_id": "../../x", "task_status": "PENDING"}}),
            )],
            502,
            "provider",
        ),
        // Nobody can be asked any more.
        (
            vec![
                task("PENDING"),
                Script::json(404, &json!({"code": "NotFound", "message": "no"})),
                task("CANCELED"),
            ],
            404,
            "",
        ),
    ] {
        for script in scripts {
            upstream.enqueue(script);
        }
        let answer = app.client.post("/v1/images/generations", &key, &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    let user = app.user("alice").await;
    assert_eq!(
        (&user["spend"], &user["reserved"]),
        (&json!(0.0), &json!(0.0))
    );
}

/// The requests that have arrived when the task was called off.
async fn called_off(upstream: &Upstream, requests: usize) {
    upstream.arrived(requests).await;
    let last = upstream.last();
    assert_eq!(
        (last.method.as_str(), last.path.as_str()),
        ("POST", "/api/v1/tasks/7-a/cancel")
    );
}

#[tokio::test]
async fn who_leaves_has_the_task_called_off() {
    let (app, upstream, key) = start().await;
    upstream.enqueue(task("PENDING"));
    upstream.enqueue(Script::hang());
    upstream.always(task("CANCELED"));
    let body = json!({"model": MODEL, "prompt": "a cat"});
    let call = app.client.post("/v1/images/generations", &key, &body);
    tokio::select! {
        answer = call => panic!("answered {}", answer.status),
        () = upstream.arrived(2) => {}
    }
    called_off(&upstream, 3).await;
    while app.user("alice").await["reserved"] != 0.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.user("alice").await["spend"], 0.0);
}

#[tokio::test]
async fn a_task_has_the_time_of_one_call() {
    let (app, upstream, key) = start_with(&json!({"total_timeout_ms": 700})).await;
    upstream.enqueue(task("PENDING"));
    upstream.always(task("RUNNING"));
    let body = json!({"model": MODEL, "prompt": "a cat"});
    let answer = app.client.post("/v1/images/generations", &key, &body).await;
    assert_eq!(answer.status, 504, "{}", answer.text());
    called_off(&upstream, 3).await;
    assert_eq!(app.user("alice").await["spend"], 0.0);
}
