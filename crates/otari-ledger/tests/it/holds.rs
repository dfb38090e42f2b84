use std::time::Duration;

use otari_metering::Cadence;
use otari_store::accounts::Limits;
use otari_store::testing;
use otari_types::{Amounts, NanoUsd};

use super::{account, hold, limited, node, one_request, record, row};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_hold_ends_in_one_settlement_or_one_release() {
    for database in testing::databases().await {
        let dir = tempfile::tempdir().unwrap();
        let ledger = node(&database, dir.path()).await;
        let id = account(&database, 2).await;
        let (first, second) = (
            hold(&ledger, &id).await.unwrap(),
            hold(&ledger, &id).await.unwrap(),
        );
        assert!(hold(&ledger, &id).await.is_none());
        assert_eq!(ledger.held(&id), one_request() + one_request());
        drop(first);
        let third = hold(&ledger, &id).await.unwrap();
        let spent = Amounts {
            cost: NanoUsd(3),
            ..one_request()
        };
        ledger.settle(second, spent, record("one")).await;
        ledger.settle(third, spent, record("two")).await;
        assert!(ledger.flush(SOON).await);
        assert_eq!(ledger.held(&id), Amounts::ZERO);
        assert_eq!(row(&database, &id).await.settled, spent + spent);
        assert!(hold(&ledger, &id).await.is_none());
        database.finish().await;
    }
}

#[tokio::test]
async fn several_accounts_are_held_together_or_not_at_all() {
    for database in testing::databases().await {
        let dir = tempfile::tempdir().unwrap();
        let ledger = node(&database, dir.path()).await;
        let (wide, narrow) = (account(&database, 5).await, account(&database, 1).await);
        let both = [wide.clone(), narrow.clone()];
        let kept = ledger
            .hold(&both, one_request(), false)
            .await
            .unwrap()
            .unwrap();
        let refused = ledger
            .hold(&both, one_request(), false)
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(refused.account, narrow);
        assert_eq!(
            ledger.held(&wide),
            one_request(),
            "the refused call holds nothing on the first account"
        );
        drop(kept);
        assert_eq!(ledger.held(&wide), Amounts::ZERO);
        database.finish().await;
    }
}

#[tokio::test]
async fn a_need_of_nothing_is_refused_at_the_cap_but_not_below_it() {
    for database in testing::databases().await {
        let dir = tempfile::tempdir().unwrap();
        let ledger = node(&database, dir.path()).await;
        let limits = Limits {
            cost: Some(NanoUsd(5)),
            ..Limits::default()
        };
        let id = limited(&database, limits, Cadence::None).await;
        let ids = std::slice::from_ref(&id);
        let nothing = Amounts {
            cost: NanoUsd(0),
            ..one_request()
        };
        let below = ledger.hold(ids, nothing, false).await.unwrap();
        assert!(below.is_ok());
        let all = ledger
            .hold(ids, one_request(), false)
            .await
            .unwrap()
            .unwrap();
        assert!(ledger.hold(ids, nothing, false).await.unwrap().is_err());
        assert!(
            ledger.hold(ids, nothing, true).await.unwrap().is_ok(),
            "a free model passes the cap"
        );
        drop(all);
        database.finish().await;
    }
}

#[tokio::test]
async fn a_call_dearer_than_its_hold_is_charged_in_full() {
    for database in testing::databases().await {
        let dir = tempfile::tempdir().unwrap();
        let ledger = node(&database, dir.path()).await;
        let limits = Limits {
            cost: Some(NanoUsd(10)),
            ..Limits::default()
        };
        let id = limited(&database, limits, Cadence::None).await;
        let held = hold(&ledger, &id).await.unwrap();
        let dear = Amounts {
            cost: NanoUsd(25),
            ..one_request()
        };
        ledger.settle(held, dear, record("dear")).await;
        assert!(hold(&ledger, &id).await.is_none(), "nothing is left");
        assert!(ledger.flush(SOON).await);
        let row = row(&database, &id).await;
        assert_eq!(
            (row.settled.cost, row.leased),
            (NanoUsd(25), Amounts::ZERO),
            "no allowance is stuck"
        );
        database.finish().await;
    }
}

#[tokio::test]
async fn a_limit_set_later_finds_what_was_settled_without_one() {
    for database in testing::databases().await {
        let dir = tempfile::tempdir().unwrap();
        let ledger = node(&database, dir.path()).await;
        let id = limited(&database, Limits::default(), Cadence::None).await;
        for n in 0..3 {
            let held = hold(&ledger, &id).await.unwrap();
            ledger
                .settle(held, one_request(), record(&n.to_string()))
                .await;
        }
        let budget = row(&database, &id).await.budget_id.unwrap();
        let patch = otari_store::budgets::BudgetPatch {
            request_limit: Some(Some(4)),
            ..Default::default()
        };
        otari_store::budgets::patch(&database, &budget, &patch)
            .await
            .unwrap();
        ledger.invalidate(&id).await;
        let last = hold(&ledger, &id).await;
        assert!(last.is_some() && hold(&ledger, &id).await.is_none());
        database.finish().await;
    }
}

#[tokio::test]
async fn a_hold_grows_only_where_there_is_room_and_ends_as_one_charge() {
    for database in testing::databases().await {
        let dir = tempfile::tempdir().unwrap();
        let ledger = node(&database, dir.path()).await;
        let limits = Limits {
            cost: Some(NanoUsd(10)),
            requests: Some(1),
            ..Limits::default()
        };
        let id = limited(&database, limits, Cadence::None).await;
        let ids = std::slice::from_ref(&id);
        let cost = |nano: i64, requests: i64| Amounts {
            cost: NanoUsd(nano),
            tokens: 0,
            requests,
        };
        let mut held = ledger.hold(ids, cost(4, 1), false).await.unwrap().unwrap();
        // The only request of the budget is this one: more money asks for no second.
        ledger
            .top_up(&mut held, cost(6, 0), false)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(ledger.held(&id), cost(10, 1));
        ledger
            .top_up(&mut held, cost(1, 0), false)
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(ledger.held(&id), cost(10, 1), "a refusal changes nothing");
        ledger.settle(held, cost(7, 1), record("one")).await;
        assert!(ledger.flush(SOON).await);
        assert_eq!(
            (ledger.held(&id), row(&database, &id).await.settled),
            (Amounts::ZERO, cost(7, 1))
        );
        database.finish().await;
    }
}
