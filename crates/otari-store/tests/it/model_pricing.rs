use otari_store::model_pricing::{self, NewPrice};
use otari_store::testing::{EPOCH, databases};
use otari_store::{Cursor, Page, StoreError};
use otari_types::{Rate, Timestamp};

const KEY: &str = "openai:gpt-5";

fn price(input: i64, effective_at: Timestamp) -> NewPrice {
    NewPrice {
        model_key: KEY.to_owned(),
        effective_at,
        input: Rate(input),
        output: Rate(2 * input),
        cache_read: None,
        cache_write: None,
        cache_write_1h: None,
        tiers: None,
        origin: "api".to_owned(),
        unit: "tokens".to_owned(),
    }
}

#[tokio::test]
async fn the_newest_price_that_has_begun_is_in_force() {
    for db in databases().await {
        for (input, offset) in [(1, 0), (3, 200), (2, 100)] {
            model_pricing::set(&db, &price(input, EPOCH.plus_secs(offset)))
                .await
                .unwrap();
        }
        for (offset, input, next) in [
            (-1, None, Some(0)),
            (0, Some(1), Some(100)),
            (150, Some(2), Some(200)),
            (500, Some(3), None),
        ] {
            let at = EPOCH.plus_secs(offset);
            let row = model_pricing::effective(&db, KEY, at).await.unwrap();
            assert_eq!(row.map(|row| row.input), input.map(Rate), "{offset}");
            let change = model_pricing::next_change(&db, KEY, at).await.unwrap();
            assert_eq!(
                change,
                next.map(|offset| EPOCH.plus_secs(offset)),
                "{offset}"
            );
        }
        let history = model_pricing::history(&db, KEY).await.unwrap();
        assert_eq!(
            history.iter().map(|row| row.input.0).collect::<Vec<_>>(),
            [3, 2, 1]
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn the_old_spelling_of_a_key_counts_only_without_the_new_one() {
    for db in databases().await {
        let old = NewPrice {
            model_key: "openai/gpt-5".to_owned(),
            ..price(7, EPOCH.plus_secs(50))
        };
        model_pricing::set(&db, &old).await.unwrap();
        let at = EPOCH.plus_secs(60);
        let input = async || {
            model_pricing::effective(&db, KEY, at)
                .await
                .unwrap()
                .unwrap()
                .input
        };
        assert_eq!(input().await, Rate(7));
        model_pricing::set(&db, &price(1, EPOCH)).await.unwrap();
        assert_eq!(input().await, Rate(1));
        assert_eq!(
            model_pricing::keys(&db).await.unwrap(),
            ["openai/gpt-5", KEY]
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn what_is_left_out_is_inherited_and_null_clears() {
    for db in databases().await {
        let first = NewPrice {
            cache_read: Some(Some(Rate(5))),
            cache_write: Some(Some(Rate(6))),
            tiers: Some(r#"[{"min_input_tokens":1}]"#.to_owned()),
            ..price(1, EPOCH)
        };
        model_pricing::set(&db, &first).await.unwrap();
        let second = NewPrice {
            cache_write: Some(None),
            ..price(2, EPOCH.plus_secs(10))
        };
        let row = model_pricing::set(&db, &second).await.unwrap();
        assert_eq!(
            (row.cache_read, row.cache_write, row.cache_write_1h),
            (Some(Rate(5)), None, None)
        );
        assert_eq!(row.tiers, r#"[{"min_input_tokens":1}]"#);
        let cleared = NewPrice {
            tiers: Some("[]".to_owned()),
            ..second
        };
        let row = model_pricing::set(&db, &cleared).await.unwrap();
        assert_eq!((row.tiers.as_str(), row.cache_read), ("[]", Some(Rate(5))));
        assert_eq!(
            model_pricing::history(&db, KEY).await.unwrap().len(),
            2,
            "the same moment is replaced"
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn a_seed_fills_only_what_has_no_price_whoever_is_first() {
    for db in databases().await {
        let mut tasks = tokio::task::JoinSet::new();
        for node in 0..6 {
            let store = db.store.clone();
            let seed = price(node, EPOCH.plus_secs(node));
            tasks.spawn(async move { model_pricing::seed_if_absent(&store, &seed).await.unwrap() });
        }
        let seeded = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|seeded| *seeded)
            .count();
        assert_eq!(seeded, 1);
        assert_eq!(model_pricing::history(&db, KEY).await.unwrap().len(), 1);
        db.finish().await;
    }
}

#[tokio::test]
async fn lists_go_by_key_then_newest_and_deletion_takes_one_or_all() {
    for db in databases().await {
        for key in ["b:x", "a:x"] {
            for offset in 0..2 {
                let new = NewPrice {
                    model_key: key.to_owned(),
                    ..price(offset, EPOCH.plus_secs(offset))
                };
                model_pricing::set(&db, &new).await.unwrap();
            }
        }
        let rows = model_pricing::list(&db, &Page::all()).await.unwrap();
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (row.model_key.as_str(), row.input.0))
            .collect();
        assert_eq!(shown, [("a:x", 1), ("a:x", 0), ("b:x", 1), ("b:x", 0)]);
        let after = Cursor::new(rows[0].effective_at, rows[0].model_key.as_str());
        assert_eq!(
            model_pricing::list(&db, &Page::after(after, 2))
                .await
                .unwrap(),
            rows[1..3]
        );
        assert_eq!(
            model_pricing::list(&db, &Page::skip(3, 9)).await.unwrap(),
            rows[3..]
        );

        model_pricing::delete(&db, "a:x", Some(EPOCH))
            .await
            .unwrap();
        assert_eq!(model_pricing::history(&db, "a:x").await.unwrap().len(), 1);
        model_pricing::delete(&db, "b:x", None).await.unwrap();
        assert_eq!(model_pricing::keys(&db).await.unwrap(), ["a:x"]);
        assert!(matches!(
            model_pricing::delete(&db, "b:x", None).await,
            Err(StoreError::NotFound)
        ));
        db.finish().await;
    }
}
