//! Uploads that are refused, or break off.

use bytes::Bytes;
use http::Method;
use otari_testkit::TestApp;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{FORM, form, list, post, stored, until, upload};

#[tokio::test]
async fn what_is_no_upload_is_refused_by_name() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let file: (&str, Option<&str>, &[u8]) = ("file", Some("a"), b"x");
    let empty = ("file", Some("a"), &b""[..]);
    let cases: [(Vec<_>, u16, &str); 8] = [
        (vec![("purpose", None, &b"batch"[..])], 422, "file"),
        (vec![file, file], 422, "file"),
        (vec![empty], 400, "empty"),
        (vec![file, ("purpose", None, b"a b")], 422, "purpose"),
        (vec![file, ("purpose", None, &[b'a'; 5000])], 422, "purpose"),
        (
            vec![file, ("expires_after[anchor]", None, b"now")],
            422,
            "anchor",
        ),
        (
            vec![file, ("expires_after[seconds]", None, b"60")],
            422,
            "3600",
        ),
        (vec![("upload", Some("a"), &[0; 5000])], 422, "`file`"),
    ];
    for (fields, status, told) in cases {
        let answer = post(&app, &key, form(&fields)).await.expect(status);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(told), "{message}");
    }
    for (content_type, body) in [
        ("application/json", Bytes::from("{}")),
        ("multipart/form-data", form(&[file])),
        (FORM, form(&[file]).slice(..40)),
        (FORM, Bytes::from("no form")),
    ] {
        let headers = [("content-type", content_type)];
        let answer = app
            .client
            .send(Method::POST, "/v1/files", Some(&key), &headers, body)
            .await;
        answer.expect(400);
    }
    until(async || stored(&app.path("files")) == 0).await;
    assert_eq!(list(&app, &key, "", &[]).await["data"], json!([]));
}

/// The beginning of an upload in chunks, without an end.
async fn begin(app: &TestApp, key: &str, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: {FORM}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let part = form(&[("file", Some("big"), &vec![7; bytes])]);
    let part = part.slice(..part.len() - 8);
    let chunk = format!("{:x}\r\n", part.len());
    stream.write_all(chunk.as_bytes()).await.unwrap();
    stream.write_all(&part).await.unwrap();
    stream.write_all(b"\r\n").await.unwrap();
    stream
}

#[tokio::test]
async fn too_large_a_file_is_refused_while_it_arrives() {
    let app = TestApp::builder()
        .set("files_max_bytes", json!(100_000))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    upload(&app, &key, "just.bin", &vec![1; 100_000]).await;
    let body = form(&[("file", Some("a"), &vec![1; 100_001])]);
    let answer = post(&app, &key, body).await.expect(413);
    assert_eq!(answer["error"]["param"], "file");
    let declared = form(&[("file", Some("a"), &vec![1; 2_000_000])]);
    post(&app, &key, declared).await.expect(413);
    // Nobody says here how long it will be, and it does not end.
    let mut endless = begin(&app, &key, 200_000).await;
    let mut answer = vec![0; 12];
    endless.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    until(async || stored(&app.path("files")) == 1).await;
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let stream = begin(&app, &key, 500_000).await;
    until(async || stored(&app.path("files")) == 1).await;
    drop(stream);
    until(async || stored(&app.path("files")) == 0).await;
    assert_eq!(list(&app, &key, "", &[]).await["data"], json!([]));
}

#[tokio::test]
async fn a_users_space_has_an_end() {
    let app = TestApp::builder()
        .set("files_user_max_bytes", json!(10))
        .start()
        .await;
    let alice = app.key("alice", json!({})).await;
    let bob = app.key("bob", json!({})).await;
    let id = upload(&app, &alice, "a", b"12345678").await;
    let more = form(&[("file", Some("b"), b"123")]);
    let refused = post(&app, &alice, more.clone()).await.expect(403);
    assert_eq!(refused["error"]["code"], "file_space_exhausted");
    post(&app, &bob, more.clone()).await.expect(200);
    app.client
        .delete(&format!("/v1/files/{id}"), &alice)
        .await
        .expect(200);
    post(&app, &alice, more).await.expect(200);
}

#[tokio::test]
async fn bytes_that_are_lost_are_an_error_and_not_an_empty_answer() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let id = upload(&app, &key, "a", b"abc").await;
    std::fs::remove_dir_all(app.path("files")).unwrap();
    let answer = super::content(&app, &key, &id, &[]).await.expect(500);
    assert_eq!(answer["error"]["message"], "file storage failed");
    // It can still be deleted.
    app.client
        .delete(&format!("/v1/files/{id}"), &key)
        .await
        .expect(200);
}
