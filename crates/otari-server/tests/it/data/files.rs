//! `/v1/files`

mod bucket;
mod expiry;
mod uploads;

use std::path::Path;

use bytes::Bytes;
use http::Method;
use otari_testkit::{MASTER_KEY, Response, TestApp};
use serde_json::{Value, json};

const FORM: &str = "multipart/form-data; boundary=XX";
const ANTHROPIC: (&str, &str) = ("anthropic-version", "2023-06-01");

/// A form of these fields; one with a name of its own is the file.
fn form(fields: &[(&str, Option<&str>, &[u8])]) -> Bytes {
    let mut body = Vec::new();
    for (name, filename, value) in fields {
        let filename = filename.map_or_else(String::new, |name| format!("; filename=\"{name}\""));
        let head =
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    body.into()
}

async fn post(app: &TestApp, key: &str, body: Bytes) -> Response {
    let headers = [("content-type", FORM)];
    app.client
        .send(Method::POST, "/v1/files", Some(key), &headers, body)
        .await
}

/// Uploads a file; answers its id.
pub(super) async fn upload(app: &TestApp, key: &str, name: &str, bytes: &[u8]) -> String {
    let body = form(&[("purpose", None, b"batch"), ("file", Some(name), bytes)]);
    let file = post(app, key, body).await.expect(200);
    let id = file.get("id").and_then(Value::as_str);
    id.unwrap().to_owned()
}

async fn content(app: &TestApp, key: &str, id: &str, headers: &[(&str, &str)]) -> Response {
    let path = format!("/v1/files/{id}/content");
    app.client
        .send(Method::GET, &path, Some(key), headers, Bytes::new())
        .await
}

async fn list(app: &TestApp, key: &str, query: &str, headers: &[(&str, &str)]) -> Value {
    let path = format!("/v1/files{query}");
    let answer = app
        .client
        .send(Method::GET, &path, Some(key), headers, Bytes::new())
        .await;
    answer.expect(200)
}

fn ids(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().unwrap();
    data.iter()
        .map(|file| file["id"].as_str().unwrap())
        .collect()
}

/// Files anywhere below a folder.
fn stored(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { stored(&path) } else { 1 })
        .sum()
}

/// Waits until it holds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, wait).await.expect("in time");
}

#[tokio::test]
async fn a_file_is_kept_as_it_came_until_it_is_deleted() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let bytes: Vec<u8> = (0..=255u8).cycle().take(300_000).collect();
    let body = form(&[
        ("file", Some("../r\u{e9}sum\u{e9}.pdf"), &bytes),
        ("purpose", None, b"assistants"),
        ("expires_after[anchor]", None, b"created_at"),
        ("expires_after[seconds]", None, b"3600"),
    ]);
    let file = post(&app, &key, body).await.expect(200);
    let id = file["id"].as_str().unwrap();
    let created = file["created_at"].as_i64().unwrap();
    assert_eq!(
        file,
        json!({
            "id": id, "object": "file", "bytes": 300_000, "created_at": created, "expires_at": created + 3600,
            "filename": "r\u{e9}sum\u{e9}.pdf", "purpose": "assistants", "status": "processed", "status_details": null,
        })
    );
    let path = format!("/api/v1/files/{id}");
    assert_eq!(app.client.get(&path, &key).await.expect(200), file);

    let whole = content(&app, &key, id, &[]).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.body, bytes);
    assert_eq!(whole.header("content-length"), Some("300000"));
    assert_eq!(whole.header("content-type"), Some("application/pdf"));
    assert_eq!(
        whole.header("content-disposition"),
        Some("attachment; filename=\"r_sum_.pdf\"; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf")
    );
    let part = content(&app, &key, id, &[("range", "bytes=299990-")]).await;
    assert_eq!(part.status, 206);
    assert_eq!(
        part.header("content-range"),
        Some("bytes 299990-299999/300000")
    );
    assert_eq!(part.body, bytes[299_990..]);
    let outdated = [("range", "bytes=0-1"), ("if-range", "\"other\"")];
    assert_eq!(content(&app, &key, id, &outdated).await.status, 200);
    let beyond = content(&app, &key, id, &[("range", "bytes=300000-")]).await;
    assert_eq!(beyond.header("content-range"), Some("bytes */300000"));
    beyond.expect(416);

    assert_eq!(stored(&app.path("files")), 1);
    let deleted = app.client.delete(&path, &key).await.expect(200);
    assert_eq!(
        deleted,
        json!({"id": id, "object": "file", "deleted": true})
    );
    assert_eq!(stored(&app.path("files")), 0);
    app.client.delete(&path, &key).await.expect(404);
    content(&app, &key, id, &[]).await.expect(404);
}

#[tokio::test]
async fn nobody_sees_the_files_of_others() {
    let app = TestApp::start().await;
    let alice = app.key("alice", json!({})).await;
    let bob = app.key("bob", json!({})).await;
    let id = upload(&app, &alice, "a.jsonl", b"{}").await;
    let path = format!("/v1/files/{id}");
    for key in [&bob, MASTER_KEY] {
        let user = if key == MASTER_KEY {
            "?user=bob"
        } else {
            "?user=alice"
        };
        app.client
            .get(&format!("{path}{user}"), key)
            .await
            .expect(404);
        app.client
            .get(&format!("{path}/content{user}"), key)
            .await
            .expect(404);
        app.client
            .delete(&format!("{path}{user}"), key)
            .await
            .expect(404);
        assert_eq!(list(&app, key, user, &[]).await["data"], json!([]));
    }
    app.client.get(&path, MASTER_KEY).await.expect(400);
    let body = |user: &str| form(&[("file", Some("a"), b"x"), ("user", None, user.as_bytes())]);
    post(&app, MASTER_KEY, form(&[("file", Some("a"), b"x")]))
        .await
        .expect(400);
    post(&app, MASTER_KEY, body("nobody")).await.expect(404);
    let file = post(&app, MASTER_KEY, body("alice")).await.expect(200);
    assert_eq!(file["purpose"], "user_data");
    assert_eq!(list(&app, &alice, "", &[]).await["data"][0], file);
    assert_eq!(
        ids(&list(&app, MASTER_KEY, "?user=alice&purpose=batch", &[]).await),
        [id]
    );
    app.client
        .patch("/v1/users/alice", MASTER_KEY, &json!({"blocked": true}))
        .await
        .expect(200);
    post(&app, &alice, body("alice")).await.expect(403);
    post(&app, MASTER_KEY, body("alice")).await.expect(403);
    until(async || stored(&app.path("files")) == 2).await;
}

#[tokio::test]
async fn a_list_is_walked_in_pages() {
    let clock = TestApp::noon();
    let app = TestApp::builder().clock(&clock).start().await;
    let key = app.key("alice", json!({})).await;
    let mut made = Vec::new();
    for name in ["a", "b", "c"] {
        made.push(upload(&app, &key, name, b"x").await);
        clock.advance_secs(1);
    }
    let [a, b, c] = [&made[0], &made[1], &made[2]].map(String::as_str);
    let first = list(&app, &key, "?limit=2", &[]).await;
    assert_eq!(ids(&first), [c, b]);
    assert_eq!(
        [
            &first["object"],
            &first["has_more"],
            &first["first_id"],
            &first["last_id"]
        ],
        [&json!("list"), &json!(true), &json!(c), &json!(b)]
    );
    let rest = list(&app, &key, &format!("?limit=2&after={b}"), &[]).await;
    assert_eq!((ids(&rest), &rest["has_more"]), (vec![a], &json!(false)));
    let oldest = list(&app, &key, "?order=asc&limit=1", &[]).await;
    assert_eq!(ids(&oldest), [a]);
    let before = list(&app, &key, &format!("?limit=1&before_id={a}"), &[ANTHROPIC]).await;
    assert_eq!((ids(&before), &before["has_more"]), (vec![b], &json!(true)));
    for query in ["?limit=0", "?limit=x", "?order=up", "?limit=10001"] {
        let path = format!("/v1/files{query}");
        app.client.get(&path, &key).await.expect(422);
    }
    let unknown = format!("/v1/files?after=file-{}", "0".repeat(32));
    app.client.get(&unknown, &key).await.expect(404);
}

#[tokio::test]
async fn anthropics_clients_see_anthropics_shapes() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let headers = [("content-type", FORM), ANTHROPIC];
    let body = form(&[("file", Some("a.png"), b"png")]);
    let send = async |method, path: &str, headers: &[(&str, &str)], body| {
        app.client
            .send(method, path, Some(&key), headers, body)
            .await
    };
    let file = send(Method::POST, "/v1/files?beta=true", &headers, body)
        .await
        .expect(200);
    let id = file["id"].as_str().unwrap();
    assert_eq!(
        file,
        json!({
            "id": id, "type": "file", "filename": "a.png", "mime_type": "image/png", "size_bytes": 3,
            "created_at": file["created_at"], "downloadable": true,
        })
    );
    assert!(file["created_at"].as_str().unwrap().ends_with("+00:00"));
    let path = format!("/v1/files/{id}?beta=true");
    let deleted = send(Method::DELETE, &path, &[ANTHROPIC], Bytes::new())
        .await
        .expect(200);
    assert_eq!(deleted, json!({"id": id, "type": "file_deleted"}));
    let missing = send(Method::GET, &path, &[ANTHROPIC], Bytes::new())
        .await
        .expect(404);
    assert_eq!(missing["error"]["type"], "not_found_error");
    let refused = app
        .client
        .send(
            Method::GET,
            &path,
            Some("gw-wrong"),
            &[ANTHROPIC],
            Bytes::new(),
        )
        .await
        .expect(401);
    assert_eq!(refused["error"]["type"], "authentication_error");
}

#[tokio::test]
async fn switched_off_there_are_no_files() {
    let app = TestApp::builder()
        .set("files_enabled", json!(false))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    app.client.get("/v1/files", &key).await.expect(404);
    post(&app, &key, form(&[("file", Some("a"), b"x")]))
        .await
        .expect(404);
}
