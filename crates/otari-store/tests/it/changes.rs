use futures_util::FutureExt;
use otari_store::testing::{databases, postgres};
use otari_store::{Change, Engine, accounts, runtime_settings, users};
use otari_types::{AccountId, UserId};

#[tokio::test]
async fn other_nodes_hear_what_was_written_and_nothing_of_what_was_not() {
    let Some(db) = postgres().await else { return };
    db.migrate().await.unwrap();
    let other = db.another_store().await;
    let mut changes = other.changes();
    assert_eq!(
        changes.recv().await,
        Some(Change::Lagged),
        "what came before is unknown"
    );
    let account = AccountId::from("user:ada");
    let new = users::NewUser {
        budget_id: Some("none".into()),
        ..users::NewUser::of(UserId::from("bob"))
    };
    users::create(&db, &new).await.unwrap_err();
    users::ensure(&db, &UserId::from("ada"), None)
        .await
        .unwrap();
    runtime_settings::put(&db, "a", "1").await.unwrap();
    db.notify(Change::Recall(account.clone())).await.unwrap();
    assert_eq!(
        changes.recv().await,
        Some(Change::User(UserId::from("ada")))
    );
    assert_eq!(changes.recv().await, Some(Change::Settings));
    assert_eq!(changes.recv().await, Some(Change::Recall(account)));
    let ((), end) = tokio::join!(other.close(), changes.recv());
    assert_eq!(end, None);
    db.finish().await;
}

#[tokio::test]
async fn a_lost_connection_is_reported_as_a_gap() {
    let Some(db) = postgres().await else { return };
    let mut changes = db.changes();
    assert_eq!(changes.recv().await, Some(Change::Lagged));
    db.sever_listeners().await;
    assert_eq!(changes.recv().await, Some(Change::Lagged));
    db.notify(Change::Settings).await.unwrap();
    assert_eq!(changes.recv().await, Some(Change::Settings));
    drop(changes);
    db.finish().await;
}

#[tokio::test]
async fn sqlite_has_nobody_to_tell() {
    for db in databases().await {
        if db.engine() == Engine::Sqlite {
            let mut changes = db.changes();
            db.notify(Change::Settings).await.unwrap();
            assert_eq!(changes.recv().now_or_never(), None);
            assert!(accounts::load(&db, &[]).await.unwrap().is_empty());
        }
        db.finish().await;
    }
}
