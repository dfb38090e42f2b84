//! Files in an S3-compatible bucket.

use otari_testkit::{Storage, TestApp, TestAppBuilder};
use serde_json::json;

use super::{content, form, list, post, stored, until, upload};

/// What the gateway sends together.
const PART: usize = 8 * 1024 * 1024;

fn builder(storage: &Storage) -> TestAppBuilder {
    let builder = TestApp::builder()
        .set("files_backend", json!("s3"))
        .set("files_s3_bucket", json!("bucket"))
        .set("files_s3_endpoint_url", json!(storage.url()));
    let variables = storage.credentials().into_iter();
    variables.fold(builder, |builder, (name, value)| builder.env(name, value))
}

#[tokio::test]
async fn small_files_are_one_request_and_large_ones_come_in_parts() {
    let storage = Storage::start().await;
    let app = builder(&storage).start().await;
    let key = app.key("alice", json!({})).await;
    let small = upload(&app, &key, "a", b"abc").await;
    assert_eq!(storage.take_log(), ["PUT"]);
    assert_eq!(content(&app, &key, &small, &[]).await.body, "abc");
    storage.take_log();

    let bytes: Vec<u8> = (0..=250u8).cycle().take(2 * PART + 5).collect();
    let large = upload(&app, &key, "b", &bytes).await;
    let log = storage.take_log();
    let parts = log
        .iter()
        .filter(|line| line.starts_with("PUT partNumber="));
    assert_eq!((log.len(), parts.count()), (5, 3), "{log:?}");
    assert_eq!(storage.objects()[&format!("files/{large}")], bytes);
    assert_eq!(content(&app, &key, &large, &[]).await.body, bytes);
    let part = content(&app, &key, &large, &[("range", "bytes=-7")]).await;
    assert_eq!(
        (part.status.as_u16(), part.body),
        (206, bytes[bytes.len() - 7..].to_vec().into())
    );
    assert_eq!(stored(&app.path("files")), 0);

    app.client
        .delete(&format!("/v1/files/{small}"), &key)
        .await
        .expect(200);
    assert_eq!(storage.objects().len(), 1);
}

#[tokio::test]
async fn a_storage_that_fails_leaves_no_file() {
    let storage = Storage::start().await;
    let app = builder(&storage).start().await;
    let key = app.key("alice", json!({})).await;
    // One failure passes; it is asked again.
    storage.fail_after(0, 503);
    let id = upload(&app, &key, "a", b"abc").await;
    assert_eq!(storage.take_log(), ["PUT", "PUT"]);
    storage.fail_after(0, 403);
    post(&app, &key, form(&[("file", Some("a"), b"x")]))
        .await
        .expect(500);
    storage.remove(&format!("files/{id}"));
    content(&app, &key, &id, &[]).await.expect(500);

    // The second part is refused: the first must not stay.
    storage.take_log();
    storage.fail_after(2, 403);
    let bytes = vec![1; 2 * PART];
    post(&app, &key, form(&[("file", Some("a"), &bytes)]))
        .await
        .expect(500);
    let log = storage.take_log();
    assert!(
        log.iter().any(|line| line.starts_with("PUT partNumber=2")),
        "{log:?}"
    );
    until(async || storage.unfinished().is_empty()).await;
    assert!(storage.objects().is_empty());
    let listed = list(&app, &key, "", &[]).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_dead_process_left_is_swept() {
    let storage = Storage::start().await;
    let clock = TestApp::noon();
    let app = builder(&storage).clock(&clock).start().await;
    let id = format!("file-{}", "7".repeat(32));
    let store = &app.app.gateway.store;
    otari_store::files::begin(store, &id, "s3").await.unwrap();
    storage.leave_upload(&format!("files/{id}"));
    let files = app.app.gateway.files().unwrap();
    let node = app.app.gateway.ledger.node();
    // It may still be running.
    clock.advance_secs(23 * 3600);
    assert_eq!(files.sweep(node).await.unwrap(), 0);
    clock.advance_secs(2 * 3600);
    assert_eq!(files.sweep(node).await.unwrap(), 1);
    assert_eq!(storage.unfinished(), Vec::<String>::new());
}

#[tokio::test]
async fn files_stay_where_they_were_written() {
    let app = TestApp::start().await;
    let key = app.key("alice", json!({})).await;
    let old = upload(&app, &key, "old", b"local").await;
    let storage = Storage::start().await;
    let app = builder(&storage).restart(app).await;
    let new = upload(&app, &key, "new", b"far").await;
    assert_eq!(content(&app, &key, &old, &[]).await.body, "local");
    assert_eq!(content(&app, &key, &new, &[]).await.body, "far");
    assert_eq!(storage.objects().len(), 1);
    app.client
        .delete(&format!("/v1/files/{old}"), &key)
        .await
        .expect(200);
    assert_eq!(stored(&app.path("files")), 0);
}
