use otari_store::files::{
    FileRow, abandon, begin, condemn, delete, finish, forget, get, list, place, total_bytes,
};
use otari_store::testing::{Database, databases};
use otari_store::{Order, Page, StoreError, users};
use otari_types::{Clock, Timestamp, UserId};

fn alice() -> UserId {
    UserId::from("alice")
}

/// A ready file of Alice's.
async fn file(db: &Database, id: &str, expires_at: Option<Timestamp>) -> FileRow {
    begin(db, id, "local").await.unwrap();
    let row = FileRow {
        id: id.to_owned(),
        user_id: alice(),
        filename: format!("{id}.txt"),
        mime_type: "text/plain".to_owned(),
        purpose: "user_data".to_owned(),
        bytes: 10,
        storage: "local".to_owned(),
        created_at: db.clock.now(),
        expires_at,
    };
    finish(db, &row).await.unwrap();
    row
}

#[tokio::test]
async fn a_file_is_its_owners_from_the_last_byte_to_its_end() {
    for db in databases().await {
        begin(&db, "pending", "s3").await.unwrap();
        assert_eq!(get(&db, "pending", &alice()).await.unwrap(), None);
        assert_eq!(get(&db, "pending", &UserId::from("")).await.unwrap(), None);
        let end = db.clock.now().plus_secs(100);
        let row = file(&db, "one", Some(end)).await;
        assert_eq!(get(&db, "one", &alice()).await.unwrap(), Some(row.clone()));
        assert_eq!(get(&db, "one", &UserId::from("bob")).await.unwrap(), None);
        assert_eq!(total_bytes(&db, &alice()).await.unwrap(), 10);
        assert!(!delete(&db, "one", &UserId::from("bob")).await.unwrap());
        // A finished file is not finished again.
        assert!(matches!(finish(&db, &row).await, Err(StoreError::NotFound)));
        db.clock.advance_secs(100);
        assert_eq!(get(&db, "one", &alice()).await.unwrap(), None);
        assert!(!delete(&db, "one", &alice()).await.unwrap());
        db.finish().await;
    }
}

#[tokio::test]
async fn lists_are_paged_in_both_directions() {
    for db in databases().await {
        for id in ["a", "b", "c", "d"] {
            file(&db, id, None).await;
            db.clock.advance_secs(i64::from(id != "b"));
        }
        file(&db, "gone", Some(db.clock.now())).await;
        let ids = async |page: Page, order| -> Vec<String> {
            let rows = list(&db, &alice(), None, &page, order).await.unwrap();
            rows.into_iter().map(|row| row.id).collect()
        };
        assert_eq!(
            ids(Page::skip(0, 10), Order::NewestFirst).await,
            ["d", "c", "b", "a"]
        );
        let after = place(&db, "c", &alice()).await.unwrap().unwrap();
        assert_eq!(
            ids(Page::after(after.clone(), 1), Order::NewestFirst).await,
            ["b"]
        );
        assert_eq!(ids(Page::after(after, 9), Order::OldestFirst).await, ["d"]);
        assert_eq!(place(&db, "c", &UserId::from("bob")).await.unwrap(), None);
        let page = Page::all();
        let of_batches = list(&db, &alice(), Some("batch"), &page, Order::NewestFirst).await;
        assert_eq!(of_batches.unwrap(), []);
        db.finish().await;
    }
}

#[tokio::test]
async fn bytes_go_before_the_row() {
    for db in databases().await {
        users::ensure(&db, &alice(), None).await.unwrap();
        file(&db, "kept", None).await;
        file(&db, "deleted", None).await;
        file(&db, "expired", Some(db.clock.now().plus_secs(5))).await;
        begin(&db, "cancelled", "local").await.unwrap();
        begin(&db, "stuck", "s3").await.unwrap();
        db.clock.advance_secs(10);
        let stale = db.clock.now();
        begin(&db, "running", "local").await.unwrap();
        assert!(delete(&db, "deleted", &alice()).await.unwrap());
        abandon(&db, "cancelled").await.unwrap();
        abandon(&db, "kept").await.unwrap();

        let mut found = condemn(&db, stale, 10).await.unwrap();
        found.sort();
        let expected = [
            ("cancelled", "local"),
            ("deleted", "local"),
            ("expired", "local"),
            ("stuck", "s3"),
        ];
        assert_eq!(
            found,
            expected.map(|(id, storage)| (id.to_owned(), storage.to_owned()))
        );
        // A crash between bytes and row leaves it to be found again.
        assert_eq!(condemn(&db, stale, 10).await.unwrap().len(), 4);
        for (id, _) in found {
            forget(&db, &id).await.unwrap();
        }
        forget(&db, "kept").await.unwrap();
        assert_eq!(condemn(&db, stale, 10).await.unwrap(), []);
        assert!(get(&db, "kept", &alice()).await.unwrap().is_some());

        users::soft_delete(&db, &alice()).await.unwrap();
        let left = condemn(&db, stale, 10).await.unwrap();
        assert_eq!(left, [("kept".to_owned(), "local".to_owned())]);
        db.finish().await;
    }
}
