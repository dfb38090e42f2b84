use std::sync::Arc;

use otari_store::testing;
use otari_store::{Change, Engine};

use super::{account, hold, idle_node, node, row};

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_admit_exactly_what_fits() {
    for database in testing::databases().await {
        if database.engine() == Engine::Sqlite {
            continue;
        }
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let id = account(&database, 300).await;
        let mut tasks = Vec::new();
        for dir in &dirs {
            let ledger = node(&database, dir.path()).await;
            follow_recalls(&ledger, database.another_store().await);
            for _ in 0..500 {
                let (ledger, id) = (Arc::clone(&ledger), id.clone());
                tasks.push(tokio::spawn(async move { hold(&ledger, &id).await }));
            }
        }
        let mut holds = Vec::new();
        for task in tasks {
            holds.extend(task.await.unwrap());
        }
        assert_eq!(holds.len(), 300);
        assert_eq!(row(&database, &id).await.leased.requests, 300);
        drop(holds);
        database.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn allowance_that_one_node_does_not_use_is_returned_to_the_other() {
    for database in testing::databases().await {
        if database.engine() == Engine::Sqlite {
            continue;
        }
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let id = account(&database, 40).await;
        let (idle, busy) = (
            node(&database, dirs[0].path()).await,
            node(&database, dirs[1].path()).await,
        );
        follow_recalls(&idle, database.another_store().await);
        let kept = hold(&idle, &id).await.unwrap();
        let mut holds = Vec::new();
        while let Some(held) = hold(&busy, &id).await {
            holds.push(held);
        }
        assert_eq!(holds.len(), 39, "all but what the other node holds");
        drop(kept);
        database.finish().await;
    }
}

#[tokio::test]
async fn a_node_that_is_gone_keeps_its_lease_until_it_expires() {
    for database in testing::databases().await {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let id = account(&database, 1).await;
        let gone = idle_node(&database, dirs[0].path()).await;
        std::mem::forget(hold(&gone, &id).await.unwrap());
        drop(gone);
        let other = idle_node(&database, dirs[1].path()).await;
        assert!(hold(&other, &id).await.is_none());
        database.clock.advance_secs(900 + 61);
        otari_store::accounts::reclaim_expired(&database, otari_types::Clock::now(&database.clock))
            .await
            .unwrap();
        assert!(hold(&other, &id).await.is_some());
        database.finish().await;
    }
}

/// What a gateway does for its ledger: returns allowance when another node asks.
fn follow_recalls(ledger: &Arc<otari_ledger::Ledger>, store: otari_store::Store) {
    let ledger = Arc::clone(ledger);
    tokio::spawn(async move {
        let mut changes = store.changes();
        while let Some(change) = changes.recv().await {
            if let Change::Recall(id) = change {
                ledger.recall(&id).await;
            }
        }
    });
}
