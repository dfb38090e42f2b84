use otari_store::responses::{ResponseRow, conversation, delete, delete_expired, get, insert};
use otari_store::testing::databases;
use otari_types::{Timestamp, UserId};

fn row(id: &str, expires: i64) -> ResponseRow {
    ResponseRow {
        id: id.to_owned(),
        user_id: UserId::from("alice"),
        previous_id: Some("before".to_owned()),
        instance: None,
        model: "m".to_owned(),
        input: "[]".to_owned(),
        response: "{}".to_owned(),
        created_at: Timestamp::from_secs(1),
        expires_at: Timestamp::from_secs(expires),
    }
}

#[tokio::test]
async fn a_response_belongs_to_its_caller_until_it_expires() {
    for db in databases().await {
        let (alice, bob) = (UserId::from("alice"), UserId::from("bob"));
        let at = Timestamp::from_secs;
        let kept = row("one", 100);
        insert(&db, &kept).await.unwrap();
        insert(
            &db,
            &ResponseRow {
                model: "other".to_owned(),
                ..kept.clone()
            },
        )
        .await
        .unwrap();
        assert_eq!(get(&db, "one", &alice, at(99)).await.unwrap(), Some(kept));
        assert_eq!(get(&db, "one", &alice, at(100)).await.unwrap(), None);
        assert_eq!(get(&db, "one", &bob, at(1)).await.unwrap(), None);
        assert!(!delete(&db, "one", &bob).await.unwrap());
        assert!(delete(&db, "one", &alice).await.unwrap());
        assert!(!delete(&db, "one", &alice).await.unwrap());
        db.finish().await;
    }
}

#[tokio::test]
async fn what_has_expired_is_deleted_and_nothing_else() {
    for db in databases().await {
        for index in 0..1100 {
            insert(&db, &row(&format!("old-{index}"), 50))
                .await
                .unwrap();
        }
        insert(&db, &row("new", 51)).await.unwrap();
        assert_eq!(
            delete_expired(&db, Timestamp::from_secs(50)).await.unwrap(),
            1100
        );
        let left = get(&db, "new", &UserId::from("alice"), Timestamp::from_secs(1)).await;
        assert!(left.unwrap().is_some());
        db.finish().await;
    }
}

#[tokio::test]
async fn a_conversation_is_read_from_its_end_to_its_beginning_at_once() {
    for db in databases().await {
        for (id, previous) in [("one", None), ("two", Some("one")), ("three", Some("two"))] {
            let turn = ResponseRow {
                previous_id: previous.map(str::to_owned),
                ..row(id, 100)
            };
            insert(&db, &turn).await.unwrap();
        }
        let read = async |id: &str, user: &str, max: i64| {
            let user = UserId::from(user);
            let turns = conversation(&db, id, &user, Timestamp::from_secs(1), max);
            let ids = turns.await.unwrap().into_iter().map(|turn| turn.id);
            ids.collect::<Vec<_>>()
        };
        assert_eq!(read("three", "alice", 10).await, ["one", "two", "three"]);
        assert_eq!(read("two", "alice", 10).await, ["one", "two"]);
        assert_eq!(read("three", "alice", 2).await, ["two", "three"]);
        assert!(read("three", "bob", 10).await.is_empty());
        db.finish().await;
    }
}
