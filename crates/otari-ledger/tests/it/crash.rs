use std::sync::Arc;
use std::time::Duration;

use otari_store::testing;
use otari_store::usage::{self, UsageFilter};
use otari_types::Amounts;

use super::{account, hold, idle_node, node, one_request, record, row};

/// More than the memory queue keeps: the rest is read back from disk.
const CALLS: i64 = 60_000;
const SOON: Duration = Duration::from_secs(10);

/// Ends a node as `kill -9` would: nothing is flushed, nothing is given back, the folder's lock goes.
fn kill(ledger: Arc<otari_ledger::Ledger>) {
    assert_eq!(
        Arc::strong_count(&ledger),
        1,
        "something else keeps the node alive"
    );
    drop(ledger);
}

#[tokio::test]
async fn what_was_settled_before_a_crash_is_committed_once_after_it() {
    for database in testing::databases().await {
        let dir = tempfile::tempdir().unwrap();
        let id = account(&database, 10).await;
        let ledger = idle_node(&database, dir.path()).await;
        for n in 0..4 {
            let held = hold(&ledger, &id).await.unwrap();
            ledger.settle_detached(held, one_request(), record(&format!("call-{n}")));
        }
        let in_flight = hold(&ledger, &id).await.unwrap();
        drop(in_flight);
        kill(ledger);
        assert_eq!(row(&database, &id).await.settled, Amounts::ZERO);

        for _ in 0..2 {
            let ledger = idle_node(&database, dir.path()).await;
            assert_eq!(row(&database, &id).await.settled.requests, 4);
            assert_eq!(
                row(&database, &id).await.leased,
                Amounts::ZERO,
                "a dead node's lease is free again"
            );
            assert_eq!(
                usage::count(&database, &UsageFilter::default())
                    .await
                    .unwrap(),
                4
            );
            kill(ledger);
        }
        let ledger = node(&database, dir.path()).await;
        let mut left = Vec::new();
        while let Some(held) = hold(&ledger, &id).await {
            left.push(held);
        }
        assert_eq!(left.len(), 6);
        database.finish().await;
    }
}

#[tokio::test]
async fn a_write_cut_short_loses_nothing_else() {
    let database = testing::databases().await.remove(0);
    let dir = tempfile::tempdir().unwrap();
    let id = account(&database, 10).await;
    let ledger = idle_node(&database, dir.path()).await;
    for n in 0..3 {
        let held = hold(&ledger, &id).await.unwrap();
        ledger.settle_detached(held, one_request(), record(&format!("call-{n}")));
    }
    kill(ledger);
    let folder = dir.path().join("node-0");
    let is_journal =
        |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "journal");
    let mut files = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let segment = files.find(is_journal).unwrap();
    let text = std::fs::read(&segment).unwrap();
    // The last line loses its tail, and a bit of the first is flipped.
    let mut damaged = text.get(..text.len() - 40).unwrap().to_vec();
    *damaged.get_mut(60).unwrap() ^= 1;
    std::fs::write(&segment, &damaged).unwrap();

    let ledger = node(&database, dir.path()).await;
    assert_eq!(
        usage::count(&database, &UsageFilter::default())
            .await
            .unwrap(),
        1
    );
    let kept = std::fs::read_to_string(folder.join("rejected.jsonl")).unwrap();
    assert_eq!(
        kept.lines().count(),
        2,
        "damaged lines are kept for a person to look at"
    );
    assert!(ledger.accepts_calls());
    database.finish().await;
}

#[tokio::test]
async fn a_second_process_takes_a_folder_of_its_own_and_adopts_abandoned_ones() {
    let database = testing::databases().await.remove(0);
    let dir = tempfile::tempdir().unwrap();
    let id = account(&database, 10).await;
    let first = idle_node(&database, dir.path()).await;
    let second = idle_node(&database, dir.path()).await;
    assert!(dir.path().join("node-1").join("node-id").exists());
    // Everything of one budget is leased to whoever asked first on a single-node engine.
    let held = hold(&second, &id).await.unwrap();
    second.settle_detached(held, one_request(), record("second"));
    kill(second);
    kill(first);
    let only = node(&database, dir.path()).await;
    assert_eq!(
        usage::count(&database, &UsageFilter::default())
            .await
            .unwrap(),
        1
    );
    assert_eq!(row(&database, &id).await.leased, Amounts::ZERO);
    assert!(only.flush(SOON).await);
    database.finish().await;
}

#[tokio::test]
async fn thousands_of_records_wait_in_order_and_are_drained_once() {
    let database = testing::databases().await.remove(0);
    let dir = tempfile::tempdir().unwrap();
    let id = account(&database, 1_000_000).await;
    let ledger = idle_node(&database, dir.path()).await;
    for n in 0..CALLS {
        let held = hold(&ledger, &id).await.unwrap();
        ledger.settle_detached(held, one_request(), record(&format!("call-{n}")));
    }
    tokio::spawn(Arc::clone(&ledger).run(Arc::new(super::Unobserved)));
    assert!(ledger.flush(Duration::from_mins(2)).await);
    assert_eq!(
        usage::count(&database, &UsageFilter::default())
            .await
            .unwrap(),
        CALLS
    );
    assert_eq!(row(&database, &id).await.settled.requests, CALLS);
    database.finish().await;
}
