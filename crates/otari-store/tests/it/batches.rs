use otari_store::Page;
use otari_store::batch_lines::{
    LineResult, answers, any_given_up, append, clear, give_up, pending, record,
};
use otari_store::batches::{
    BatchFilter, BatchRow, BatchStatus, ask_native, begin, cancel, claim, delete_ended, end,
    finalize, get, insert, is_native, keep_here, list, place, release, renew, set_native_id,
};
use otari_store::testing::{Database, databases};
use otari_types::{Clock, NodeId, Timestamp, UserId};

fn one() -> NodeId {
    NodeId::from("one")
}

fn two() -> NodeId {
    NodeId::from("two")
}

fn lines(count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|n| (format!("c{n}"), format!("{{\"n\":{n}}}")))
        .collect()
}

async fn batch(db: &Database, id: &str, count: usize) -> BatchRow {
    let now = db.clock.now();
    let row = BatchRow {
        id: id.to_owned(),
        user_id: UserId::from("alice"),
        api_key_id: None,
        endpoint: "/v1/chat/completions".to_owned(),
        model: Some("echo:chat".to_owned()),
        provider: Some("echo".to_owned()),
        native: None,
        native_id: None,
        native_asked_at: None,
        input_file_id: None,
        output_file_id: None,
        error_file_id: None,
        completion_window: "24h".to_owned(),
        output_lifetime_sec: None,
        metadata: Some("{}".to_owned()),
        status: BatchStatus::InProgress,
        errors: None,
        total: i64::try_from(count).unwrap(),
        completed: 0,
        failed: 0,
        created_at: now,
        expires_at: now.plus_secs(86_400),
        in_progress_at: Some(now),
        finalizing_at: None,
        cancelling_at: None,
        ended_at: None,
    };
    insert(db, &row, &lines(count)).await.unwrap();
    row
}

fn soon(db: &Database) -> Timestamp {
    db.clock.now().plus_secs(30)
}

fn answered(line: i64, status: i64) -> LineResult {
    let answer = format!("{{\"line\":{line}}}");
    LineResult {
        line,
        status,
        answer,
    }
}

#[tokio::test]
async fn a_batch_is_one_nodes_until_its_lease_ends() {
    for db in databases().await {
        let row = batch(&db, "b1", 3).await;
        assert_eq!(get(&db, "b1").await.unwrap(), Some(row.clone()));
        let until = soon(&db);
        assert_eq!(claim(&db, &one(), until, &[], 5).await.unwrap(), [row]);
        assert_eq!(claim(&db, &two(), until, &[], 5).await.unwrap(), []);
        // After a restart a node finds its own again, but not what it is at.
        assert_eq!(claim(&db, &one(), until, &[], 5).await.unwrap().len(), 1);
        let running = ["b1".to_owned()];
        assert_eq!(claim(&db, &one(), until, &running, 5).await.unwrap(), []);
        db.clock.advance_secs(20);
        assert!(renew(&db, "b1", &one(), soon(&db)).await.unwrap().is_some());
        assert!(renew(&db, "b1", &two(), soon(&db)).await.unwrap().is_none());
        db.clock.advance_secs(29);
        assert_eq!(claim(&db, &two(), soon(&db), &[], 5).await.unwrap(), []);
        db.clock.advance_secs(1);
        assert_eq!(
            claim(&db, &two(), soon(&db), &[], 5).await.unwrap().len(),
            1
        );
        // The first one comes back late: nothing of what it brings is taken.
        assert!(
            !record(&db, "b1", &one(), &[answered(0, 200)], soon(&db))
                .await
                .unwrap()
        );
        assert!(
            !end(&db, "b1", &one(), BatchStatus::Completed, None)
                .await
                .unwrap()
        );
        assert_eq!(pending(&db, "b1", -1, 10).await.unwrap().len(), 3);
        release(&db, "b1", &two()).await.unwrap();
        assert_eq!(
            claim(&db, &one(), soon(&db), &[], 5).await.unwrap().len(),
            1
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn a_line_is_answered_once() {
    for db in databases().await {
        batch(&db, "b1", 100).await;
        claim(&db, &one(), soon(&db), &[], 1).await.unwrap();
        let first = pending(&db, "b1", -1, 2).await.unwrap();
        assert_eq!(
            first
                .iter()
                .map(|line| line.custom_id.as_str())
                .collect::<Vec<_>>(),
            ["c0", "c1"]
        );
        assert_eq!(first.last().unwrap().request, "{\"n\":1}");
        let results = [answered(1, 200), answered(0, 429)];
        assert!(
            record(&db, "b1", &one(), &results, soon(&db))
                .await
                .unwrap()
        );
        let again = [answered(1, 500), answered(2, 200)];
        assert!(record(&db, "b1", &one(), &again, soon(&db)).await.unwrap());
        let row = get(&db, "b1").await.unwrap().unwrap();
        assert_eq!((row.completed, row.failed), (2, 1));
        assert_eq!(pending(&db, "b1", 50, 1000).await.unwrap().len(), 49);
        assert!(!any_given_up(&db, "b1").await.unwrap());
        assert!(give_up(&db, "b1", &one(), "{}").await.unwrap());
        assert!(any_given_up(&db, "b1").await.unwrap());
        let row = get(&db, "b1").await.unwrap().unwrap();
        assert_eq!((row.completed, row.failed), (2, 98));
        assert_eq!(pending(&db, "b1", -1, 10).await.unwrap(), []);
        let good = answers(&db, "b1", -1, Some(true), 10).await.unwrap();
        assert_eq!(
            good.iter().map(|line| line.line).collect::<Vec<_>>(),
            [1, 2]
        );
        let bad = answers(&db, "b1", -1, Some(false), 1000).await.unwrap();
        assert_eq!(bad.len(), 98);
        assert_eq!(
            bad.iter()
                .map(|line| line.status)
                .take(2)
                .collect::<Vec<_>>(),
            [429, 0]
        );
        assert_eq!(answers(&db, "b1", 97, None, 1000).await.unwrap().len(), 2);
        db.finish().await;
    }
}

#[tokio::test]
async fn a_batch_goes_its_way_and_no_other() {
    for db in databases().await {
        let mut row = batch(&db, "made", 0).await;
        row.id = "read".to_owned();
        row.status = BatchStatus::Validating;
        row.in_progress_at = None;
        db.clock.advance_secs(1);
        row.created_at = db.clock.now();
        insert(&db, &row, &[]).await.unwrap();
        claim(&db, &one(), soon(&db), &[], 5).await.unwrap();
        append(&db, "read", 0, &lines(2)).await.unwrap();
        // A crash, and from the beginning.
        clear(&db, "read").await.unwrap();
        append(&db, "read", 0, &lines(40)).await.unwrap();
        append(&db, "read", 40, &lines(1)).await.unwrap();
        assert!(
            begin(&db, "read", &one(), 41, Some("echo"), Some("echo"))
                .await
                .unwrap()
        );
        assert!(!begin(&db, "read", &one(), 41, None, None).await.unwrap());
        assert!(!ask_native(&db, "read", &two()).await.unwrap());
        assert!(ask_native(&db, "read", &one()).await.unwrap());
        let asked = get(&db, "read").await.unwrap().unwrap().native_asked_at;
        assert_eq!(asked, Some(db.clock.now()));
        assert!(!is_native(&db, "echo", "up").await.unwrap());
        assert!(!set_native_id(&db, "read", &two(), "up").await.unwrap());
        assert!(set_native_id(&db, "read", &one(), "up").await.unwrap());
        assert!(is_native(&db, "echo", "up").await.unwrap());
        assert!(!is_native(&db, "else", "up").await.unwrap());
        assert!(
            finalize(&db, "read", &one(), Some("file-1"), None)
                .await
                .unwrap()
        );
        assert!(!cancel(&db, "read").await.unwrap());
        assert!(
            end(&db, "read", &one(), BatchStatus::Completed, None)
                .await
                .unwrap()
        );
        let read = get(&db, "read").await.unwrap().unwrap();
        assert_eq!((read.status, read.total), (BatchStatus::Completed, 41));
        assert_eq!(read.output_file_id.as_deref(), Some("file-1"));
        let native = (read.native.as_deref(), read.native_id.as_deref());
        assert_eq!(native, (Some("echo"), Some("up")));
        assert!(read.status.is_final() && read.ended_at.is_some());

        assert!(cancel(&db, "made").await.unwrap());
        assert!(!cancel(&db, "made").await.unwrap());
        // It stays cancelled while its files are written.
        assert!(finalize(&db, "made", &one(), None, None).await.unwrap());
        let made = get(&db, "made").await.unwrap().unwrap();
        assert_eq!(made.status, BatchStatus::Cancelling);

        let all = BatchFilter::default();
        let listed = list(&db, &all, &Page::skip(0, 1)).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&read));
        let rest = list(&db, &all, &Page::after(place(&read), 5))
            .await
            .unwrap();
        assert_eq!(rest, [made]);
        let others = BatchFilter {
            user: Some(UserId::from("bob")),
            ..all
        };
        assert_eq!(list(&db, &others, &Page::all()).await.unwrap(), []);

        assert_eq!(delete_ended(&db, db.clock.now()).await.unwrap(), 0);
        assert_eq!(delete_ended(&db, soon(&db)).await.unwrap(), 1);
        assert_eq!(answers(&db, "read", -1, None, 10).await.unwrap(), []);
        assert_eq!(pending(&db, "read", -1, 100).await.unwrap(), []);
        db.finish().await;
    }
}

#[tokio::test]
async fn what_no_provider_has_can_be_kept_here() {
    for db in databases().await {
        let made = batch(&db, "kept", 1).await;
        let native = BatchRow {
            id: "native".to_owned(),
            native: Some("echo".to_owned()),
            ..made
        };
        insert(&db, &native, &[]).await.unwrap();
        claim(&db, &one(), soon(&db), &[], 5).await.unwrap();
        ask_native(&db, "native", &one()).await.unwrap();
        assert!(!keep_here(&db, "native", &two()).await.unwrap());
        assert!(keep_here(&db, "native", &one()).await.unwrap());
        let kept = get(&db, "native").await.unwrap().unwrap();
        assert_eq!((kept.native, kept.native_asked_at), (None, None));
        assert_eq!(kept.provider.as_deref(), Some("echo"));
        // What a provider took stays with it.
        set_native_id(&db, "native", &one(), "up").await.unwrap();
        assert!(!keep_here(&db, "native", &one()).await.unwrap());
        db.finish().await;
    }
}
