use std::collections::BTreeMap;

use otari_store::routing_memory::{Judged, Pool, add, of, pools};
use otari_store::testing::databases;
use otari_store::{StoreError, users};
use otari_types::UserId;

const WORDS: &str = "otari:words";

fn judged(number: f32, task: Option<&str>) -> Judged {
    Judged {
        task_id: task.map(str::to_owned),
        embedding_model: WORDS.to_owned(),
        embedding: vec![number, -0.5, 1e-7],
        scores: BTreeMap::from([("p:small".to_owned(), 0.25), ("p:big".to_owned(), 1.0)]),
        label_source: "human".to_owned(),
    }
}

#[tokio::test]
async fn examples_come_back_as_they_were_taught_by_user_and_model() {
    for db in databases().await {
        let (ada, bob) = (UserId::from("ada"), UserId::from("bob"));
        for user in [&ada, &bob] {
            users::ensure(&db, user, None).await.unwrap();
        }
        let other_model = Judged {
            embedding_model: "p:embed".to_owned(),
            ..judged(9.0, None)
        };
        let taught = [
            judged(1.0, None),
            judged(2.0, Some("sums")),
            judged(3.0, None),
        ];
        add(&db, &ada, &taught, 0).await.unwrap();
        add(&db, &ada, &[other_model], 0).await.unwrap();
        add(&db, &bob, &[judged(4.0, None)], 0).await.unwrap();

        let mut known = of(&db, &ada, WORDS).await.unwrap();
        known.sort_by(|a, b| a.embedding[0].total_cmp(&b.embedding[0]));
        assert_eq!(known, taught);
        let pool = |task: Option<&str>, records| Pool {
            task_id: task.map(str::to_owned),
            records,
        };
        let expected = [pool(None, 2), pool(Some("sums"), 1)];
        assert_eq!(pools(&db, &ada, WORDS).await.unwrap(), expected);

        let nobody = add(&db, &UserId::from("nobody"), &taught, 0).await;
        assert!(matches!(nobody, Err(StoreError::Missing { what: "user" })));
        db.finish().await;
    }
}

#[tokio::test]
async fn the_newest_stay_of_each_user() {
    for db in databases().await {
        let (ada, bob) = (UserId::from("ada"), UserId::from("bob"));
        for user in [&ada, &bob] {
            users::ensure(&db, user, None).await.unwrap();
            add(&db, user, &[judged(0.0, None), judged(1.0, None)], 0)
                .await
                .unwrap();
        }
        db.clock.advance_secs(1);
        let more: Vec<Judged> = [2.0, 3.0, 4.0].map(|number| judged(number, None)).into();
        add(&db, &ada, &more, 3).await.unwrap();
        assert_eq!(of(&db, &ada, WORDS).await.unwrap().len(), 3);
        let kept = of(&db, &ada, WORDS).await.unwrap();
        assert!(kept.iter().all(|example| example.embedding[0] >= 2.0));
        assert_eq!(of(&db, &bob, WORDS).await.unwrap().len(), 2);
        db.finish().await;
    }
}
