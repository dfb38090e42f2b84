use std::sync::Arc;

use otari_store::testing::{EPOCH, databases, postgres, sqlite};
use otari_store::{Engine, Store, StoreError, StoreOptions, runtime_settings};
use otari_types::ManualClock;

#[tokio::test]
async fn many_processes_may_migrate_at_once_and_again() {
    let mut fresh = vec![sqlite().await];
    fresh.extend(postgres().await);
    for db in fresh {
        assert_eq!(
            db.pending_migrations().await.unwrap(),
            [
                "0001_init",
                "0002_responses",
                "0003_files",
                "0004_tools",
                "0005_batches",
                "0006_routing",
                "0007_routing_memory",
                "0008_batch_handover"
            ]
        );
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = db.another_store().await;
            tasks.spawn(async move { store.migrate().await.unwrap() });
        }
        tasks.join_all().await;
        db.migrate().await.unwrap();
        assert!(db.pending_migrations().await.unwrap().is_empty());
        db.ping().await.unwrap();
        db.finish().await;
    }
}

#[tokio::test]
async fn what_is_written_is_there_for_the_next_process() {
    for db in databases().await {
        runtime_settings::put(&db, "a", "1").await.unwrap();
        let other = db.another_store().await;
        assert_eq!(
            runtime_settings::get(&other, "a").await.unwrap().as_deref(),
            Some("1")
        );
        other.close().await;
        let error = runtime_settings::get(&other, "a").await.unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
        db.finish().await;
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_told_from_a_mistake() {
    let open = async |url: &str| {
        Store::open(&StoreOptions::new(url), Arc::new(ManualClock::at(EPOCH)))
            .await
            .unwrap_err()
    };
    assert!(
        open("postgres://otari@127.0.0.1:1/none")
            .await
            .is_unavailable()
    );
    assert!(matches!(
        open("sqlite::memory:").await,
        StoreError::Unusable(_)
    ));
    let db = sqlite().await;
    assert_eq!(db.engine(), Engine::Sqlite);
    let error = runtime_settings::get(&db, "a").await.unwrap_err();
    assert!(
        !error.is_unavailable(),
        "a table that is not there: {error:?}"
    );
    db.finish().await;
}
