use otari_metering::Cadence;
use otari_store::accounts::{self, LeaseOutcome};
use otari_store::usage::{self, UsageFilter};
use otari_store::{Page, Store};
use otari_types::{AccountId, Amounts, Charge, NodeId, Timestamp, UsageRecord};

use crate::accounts::{account, limits, load};
use crate::{amounts, charged, record};
use otari_store::testing::{EPOCH, databases};

async fn lease(store: &Store, node: &NodeId, id: &AccountId, need: Amounts) {
    let expires = EPOCH.plus_secs(60);
    let outcome = accounts::lease(store, node, id, need, i64::MAX, expires)
        .await
        .unwrap();
    assert!(
        matches!(outcome, LeaseOutcome::Granted { amounts, .. } if amounts == need),
        "{outcome:?}"
    );
}

async fn rows(store: &Store) -> i64 {
    usage::count(store, &UsageFilter::default()).await.unwrap()
}

#[tokio::test]
async fn rows_and_counters_move_together_and_only_once() {
    for db in databases().await {
        let node = NodeId::from("a");
        let (id, _) = account(
            &db,
            limits(Some(10_000), Some(10_000), Some(1000)),
            Cadence::None,
        )
        .await;
        lease(&db, &node, &id, amounts(5_000, 5_000, 500)).await;
        // More than one statement of every size, the last record twice.
        let mut records: Vec<UsageRecord> =
            (0..75).map(|_| charged(&id, amounts(10, 2, 1))).collect();
        records.push(records[74].clone());
        let settled = accounts::settle(&db, &node, &records).await.unwrap();
        assert_eq!(settled.inserted, 75);
        for _ in 0..2 {
            let row = load(&db, &id).await;
            assert_eq!(row.settled, amounts(750, 150, 75));
            assert_eq!(row.leased, amounts(4_250, 4_850, 425));
            assert_eq!(rows(&db).await, 75);
            let again = accounts::settle(&db, &node, &records).await.unwrap();
            assert_eq!(again.inserted, 0, "a replay changes nothing");
        }
        db.finish().await;
    }
}

#[tokio::test]
async fn a_batch_with_known_and_new_records_charges_the_new_ones_only() {
    for db in databases().await {
        let node = NodeId::from("a");
        let ids: Vec<AccountId> = (0..40)
            .map(|n| AccountId::from(format!("user:u{n:02}")))
            .collect();
        let first: Vec<UsageRecord> = ids.iter().map(|id| charged(id, amounts(1, 1, 1))).collect();
        accounts::settle(&db, &node, &first[..20]).await.unwrap();
        let settled = accounts::settle(&db, &node, &first).await.unwrap();
        assert_eq!(settled.inserted, 20);
        let rows = accounts::load(&db, &ids).await.unwrap();
        assert_eq!(rows.len(), 40, "accounts are created on the fly");
        assert!(
            rows.iter()
                .all(|row| row.settled == amounts(1, 1, 1) && row.leased == Amounts::ZERO)
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn a_call_charges_every_account_it_names() {
    for db in databases().await {
        let (user, team) = (AccountId::from("user:u"), AccountId::from("scope:team"));
        let charge = |account: &AccountId| Charge {
            account: account.clone(),
            amounts: amounts(7, 3, 1),
            from_lease: Amounts::ZERO,
        };
        let both = UsageRecord {
            charges: vec![charge(&user), charge(&team)],
            ..record()
        };
        accounts::settle(&db, &NodeId::from("a"), &[both])
            .await
            .unwrap();
        assert_eq!(load(&db, &user).await.settled, amounts(7, 3, 1));
        assert_eq!(load(&db, &team).await.settled, amounts(7, 3, 1));
        db.finish().await;
    }
}

#[tokio::test]
async fn a_lease_gives_what_it_has_and_a_reclaimed_one_nothing() {
    for db in databases().await {
        let (a, b) = (NodeId::from("a"), NodeId::from("b"));
        let (id, _) = account(&db, limits(Some(100), None, None), Cadence::None).await;
        lease(&db, &a, &id, amounts(10, 0, 0)).await;
        lease(&db, &b, &id, amounts(20, 0, 0)).await;
        // Dearer than the hold: the other node's lease is not touched.
        accounts::settle(&db, &a, &[charged(&id, amounts(15, 0, 0))])
            .await
            .unwrap();
        let row = load(&db, &id).await;
        assert_eq!(
            (row.settled, row.leased),
            (amounts(15, 0, 0), amounts(20, 0, 0))
        );
        accounts::reclaim_expired(&db, Timestamp(i64::MAX))
            .await
            .unwrap();
        accounts::settle(&db, &b, &[charged(&id, amounts(20, 0, 0))])
            .await
            .unwrap();
        let row = load(&db, &id).await;
        assert_eq!(
            (row.settled, row.leased),
            (amounts(35, 0, 0), Amounts::ZERO)
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn a_batch_that_cannot_be_stored_leaves_nothing_behind() {
    for db in databases().await {
        let node = NodeId::from("a");
        let id = AccountId::from("user:u");
        accounts::settle(&db, &node, &[charged(&id, amounts(i64::MAX, 0, 0))])
            .await
            .unwrap();
        let overflow = [record(), charged(&id, amounts(1, 0, 0))];
        let error = accounts::settle(&db, &node, &overflow).await.unwrap_err();
        assert!(!error.is_unavailable(), "{error:?}: waiting cannot help");
        assert_eq!(rows(&db).await, 1);
        assert_eq!(load(&db, &id).await.settled.cost.0, i64::MAX);
        db.finish().await;
    }
}

#[tokio::test]
async fn many_nodes_settle_the_same_accounts_without_losing_a_charge() {
    for db in databases().await {
        let ids: Vec<AccountId> = (0..10)
            .map(|n| AccountId::from(format!("user:u{n}")))
            .collect();
        let mut tasks = tokio::task::JoinSet::new();
        for node in 0..6 {
            let (store, mut ids) = (db.store.clone(), ids.clone());
            // Every node names the accounts in another order.
            ids.rotate_left(node);
            tasks.spawn(async move {
                let node = NodeId::from(format!("n{node}"));
                for _ in 0..10 {
                    let batch: Vec<_> =
                        ids.iter().map(|id| charged(id, amounts(1, 1, 1))).collect();
                    accounts::settle(&store, &node, &batch).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let rows = accounts::load(&db, &ids).await.unwrap();
        assert!(
            rows.iter().all(|row| row.settled == amounts(60, 60, 60)),
            "{rows:?}"
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn text_that_a_database_cannot_hold_is_stored_all_the_same() {
    for db in databases().await {
        let odd = UsageRecord {
            error_message: Some("cut\0here \u{1f980}".to_owned()),
            ..record()
        };
        accounts::settle(&db, &NodeId::from("a"), &[odd])
            .await
            .unwrap();
        let rows = usage::list(&db, &UsageFilter::default(), &Page::all())
            .await
            .unwrap();
        assert!(
            rows[0]
                .error_message
                .as_deref()
                .unwrap()
                .ends_with("here \u{1f980}")
        );
        db.finish().await;
    }
}
