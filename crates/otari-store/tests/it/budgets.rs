use otari_metering::Cadence;
use otari_store::accounts::{self, Limits};
use otari_store::budgets::{self, BudgetPatch, NewBudget};
use otari_store::testing::{EPOCH, databases};
use otari_store::{Page, Store, StoreError, budget_reset_logs, users};
use otari_types::{BudgetId, NanoUsd, NodeId, UserId, new_id};

use crate::accounts::{account, limits, load};
use crate::{amounts, charged};

pub(crate) async fn budget(store: &Store, limits: Limits, cadence: Cadence) -> BudgetId {
    let id = BudgetId::from(new_id());
    let new = NewBudget {
        id: id.clone(),
        name: Some("team".to_owned()),
        limits,
        cadence,
    };
    let created = budgets::create(store, &new).await.unwrap();
    assert_eq!((&created.limits, created.cadence), (&new.limits, cadence));
    id
}

#[tokio::test]
async fn a_patch_is_tri_state_in_every_limit_and_counts_at_once() {
    for db in databases().await {
        let (id, budget) = account(&db, limits(Some(1), Some(2), None), Cadence::None).await;
        let patch = BudgetPatch {
            name: Some(Some("new".to_owned())),
            max_budget: Some(None),
            request_limit: Some(Some(9)),
            ..BudgetPatch::default()
        };
        let after = budgets::patch(&db, &budget, &patch).await.unwrap();
        assert_eq!(after.limits, limits(None, Some(2), Some(9)));
        assert_eq!(after.name.as_deref(), Some("new"));
        assert_eq!(load(&db, &id).await.limits, after.limits);
        let missing = budgets::patch(&db, &BudgetId::from("none"), &patch).await;
        assert!(matches!(missing, Err(StoreError::NotFound)));
        db.finish().await;
    }
}

#[tokio::test]
async fn a_new_cadence_reaches_the_accounts_already_under_the_budget() {
    for db in databases().await {
        let (id, budget) = account(&db, limits(Some(100), None, None), Cadence::None).await;
        accounts::settle(&db, &NodeId::from("n"), &[charged(&id, amounts(5, 0, 0))])
            .await
            .unwrap();
        assert_eq!(load(&db, &id).await.period_end, None);
        db.clock.advance_secs(3600);
        let cadence = |cadence| BudgetPatch {
            cadence: Some(cadence),
            ..BudgetPatch::default()
        };
        budgets::patch(&db, &budget, &cadence(Cadence::CalendarDay))
            .await
            .unwrap();
        let row = load(&db, &id).await;
        assert_eq!(
            (row.period_start, row.period_end),
            (Some(EPOCH), Some(EPOCH.plus_secs(86_400)))
        );
        assert_eq!(
            (row.cadence, row.settled),
            (Cadence::CalendarDay, amounts(5, 0, 0))
        );
        budgets::patch(&db, &budget, &cadence(Cadence::Rolling(60)))
            .await
            .unwrap();
        let rolling = load(&db, &id).await;
        assert_eq!(rolling.period_end, Some(EPOCH.plus_secs(3660)));
        db.clock.advance_secs(30);
        budgets::patch(&db, &budget, &cadence(Cadence::Rolling(60)))
            .await
            .unwrap();
        assert_eq!(
            load(&db, &id).await,
            rolling,
            "the same cadence again moves no window"
        );
        budgets::patch(&db, &budget, &cadence(Cadence::None))
            .await
            .unwrap();
        assert_eq!(load(&db, &id).await.period_end, None);
        db.finish().await;
    }
}

#[tokio::test]
async fn a_budget_sums_up_its_live_users() {
    for db in databases().await {
        let (first, budget) = account(&db, limits(Some(100), None, None), Cadence::None).await;
        let lonely = self::budget(&db, Limits::default(), Cadence::None).await;
        let mut ids = vec![first];
        for name in ["b", "gone"] {
            let user = users::NewUser {
                budget_id: Some(budget.clone()),
                ..users::NewUser::of(UserId::from(name))
            };
            users::create(&db, &user).await.unwrap();
            ids.push(format!("user:{name}").as_str().into());
        }
        let node = NodeId::from("n");
        for id in &ids {
            accounts::settle(&db, &node, &[charged(id, amounts(10, 4, 1))])
                .await
                .unwrap();
        }
        users::soft_delete(&db, &UserId::from("gone"))
            .await
            .unwrap();
        accounts::lease(&db, &node, &ids[0], amounts(7, 0, 0), i64::MAX, EPOCH)
            .await
            .unwrap();
        let list = budgets::list(&db, &Page::all()).await.unwrap();
        assert_eq!(list.len(), 2);
        let sums = budgets::get(&db, &budget).await.unwrap().unwrap();
        assert!(list.contains(&sums));
        assert_eq!(
            (sums.user_count, sums.total_settled),
            (2, amounts(20, 8, 2))
        );
        assert_eq!(sums.total_leased, amounts(7, 0, 0));
        assert_eq!(
            budgets::get(&db, &lonely)
                .await
                .unwrap()
                .unwrap()
                .user_count,
            0
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn deleting_detaches_its_users_and_keeps_their_spend_and_the_log() {
    for db in databases().await {
        let (id, budget) = account(&db, limits(Some(100), None, None), Cadence::Rolling(60)).await;
        let node = NodeId::from("n");
        accounts::settle(&db, &node, &[charged(&id, amounts(5, 0, 0))])
            .await
            .unwrap();
        let end = EPOCH.plus_secs(60);
        assert!(
            accounts::roll_period(&db, &id, end, end, end.plus_secs(60))
                .await
                .unwrap()
        );
        accounts::settle(&db, &node, &[charged(&id, amounts(3, 0, 0))])
            .await
            .unwrap();
        budgets::delete(&db, &budget).await.unwrap();
        let row = load(&db, &id).await;
        assert_eq!(
            (row.budget_id, row.period_start, row.period_end),
            (None, None, None)
        );
        assert_eq!(
            (row.settled, row.limits),
            (amounts(3, 0, 0), Limits::default())
        );
        let logs = budget_reset_logs::list(&db, &budget, 0, 10).await.unwrap();
        assert_eq!(
            logs.iter()
                .map(|log| log.previous_spend)
                .collect::<Vec<_>>(),
            [NanoUsd(5)]
        );
        assert!(matches!(
            budgets::delete(&db, &budget).await,
            Err(StoreError::NotFound)
        ));
        db.finish().await;
    }
}
