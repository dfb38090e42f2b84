//! Files that go by themselves.

use otari_testkit::TestApp;
use otari_types::NodeId;
use serde_json::json;

use super::{form, list, post, stored, upload};

#[tokio::test]
async fn an_expired_file_is_gone_and_its_bytes_are_reclaimed() {
    let clock = TestApp::noon();
    let app = TestApp::builder()
        .clock(&clock)
        .set("files_retention_hours", json!(2))
        .start()
        .await;
    let key = app.key("alice", json!({})).await;
    let kept = upload(&app, &key, "long", b"1").await;
    let short = form(&[
        ("file", Some("a"), b"x"),
        ("expires_after[seconds]", None, b"3600"),
    ]);
    post(&app, &key, short).await.expect(200);
    // The deployment's retention is the longest there is.
    let month = form(&[
        ("file", Some("a"), b"x"),
        ("expires_after[seconds]", None, b"2592000"),
    ]);
    let month = post(&app, &key, month).await.expect(200);
    assert_eq!(
        month["expires_at"].as_i64().unwrap() - month["created_at"].as_i64().unwrap(),
        7200
    );
    clock.advance_secs(3600);
    let listed = list(&app, &key, "", &[]).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    let files = app.app.gateway.files().unwrap();
    let node = app.app.gateway.ledger.node().clone();
    assert_eq!(stored(&app.path("files")), 3);
    assert_eq!(files.sweep(&node).await.unwrap(), 1);
    assert_eq!(stored(&app.path("files")), 2);
    clock.advance_secs(3600);
    app.client
        .get(&format!("/v1/files/{kept}"), &key)
        .await
        .expect(404);
    assert_eq!(files.sweep(&NodeId::from("another")).await.unwrap(), 2);
    assert_eq!(files.sweep(&node).await.unwrap(), 0);
    assert_eq!(stored(&app.path("files")), 0);
}
