use otari_store::runtime_settings::{all, delete, get, put, put_if_absent};
use otari_store::testing::databases;

#[tokio::test]
async fn a_setting_is_put_replaced_and_deleted() {
    for db in databases().await {
        assert_eq!(get(&db, "a").await.unwrap(), None);
        put(&db, "a", "1").await.unwrap();
        put(&db, "a", "2").await.unwrap();
        assert_eq!(get(&db, "a").await.unwrap().as_deref(), Some("2"));
        assert_eq!(all(&db).await.unwrap(), [("a".to_owned(), "2".to_owned())]);
        assert!(delete(&db, "a").await.unwrap());
        assert!(!delete(&db, "a").await.unwrap());
        db.finish().await;
    }
}

#[tokio::test]
async fn of_many_that_put_at_once_one_wins_and_all_see_it() {
    for db in databases().await {
        let mut tasks = tokio::task::JoinSet::new();
        for node in 0..10 {
            let store = db.another_store().await;
            tasks.spawn(async move {
                put_if_absent(&store, "key", &format!("v{node}"))
                    .await
                    .unwrap()
            });
        }
        let seen = tasks.join_all().await;
        assert!(seen.iter().all(|value| *value == seen[0]), "{seen:?}");
        db.finish().await;
    }
}
