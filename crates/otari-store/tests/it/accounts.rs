use otari_metering::Cadence;
use otari_store::accounts::{self, AccountRow, LeaseOutcome, Limits, Need};
use otari_store::budgets::{self, NewBudget};
use otari_store::testing::{Database, EPOCH, databases};
use otari_store::users::{self, NewUser};
use otari_store::{Store, budget_reset_logs};
use otari_types::{AccountId, Amounts, BudgetId, NanoUsd, NodeId, Timestamp, UserId, new_id};

use crate::{amounts, charged};

const LATER: Timestamp = Timestamp(EPOCH.0 + 60_000_000);

pub(crate) fn limits(cost: Option<i64>, tokens: Option<i64>, requests: Option<i64>) -> Limits {
    Limits {
        cost: cost.map(NanoUsd),
        tokens,
        requests,
    }
}

/// A user under a new budget; its account.
pub(crate) async fn account(
    store: &Store,
    limits: Limits,
    cadence: Cadence,
) -> (AccountId, BudgetId) {
    let budget = BudgetId::from(new_id());
    let new = NewBudget {
        id: budget.clone(),
        name: None,
        limits,
        cadence,
    };
    budgets::create(store, &new).await.unwrap();
    let user = UserId::from(new_id());
    let new = NewUser {
        budget_id: Some(budget.clone()),
        ..NewUser::of(user.clone())
    };
    users::create(store, &new).await.unwrap();
    (AccountId::of_user(&user), budget)
}

pub(crate) async fn load(store: &Store, id: &AccountId) -> AccountRow {
    accounts::load(store, std::slice::from_ref(id))
        .await
        .unwrap()
        .pop()
        .unwrap()
}

async fn take(
    store: &Store,
    node: &str,
    id: &AccountId,
    need: impl Into<Need>,
    divisor: i64,
) -> Option<Amounts> {
    let node = NodeId::from(node);
    match accounts::lease(store, &node, id, need, divisor, LATER)
        .await
        .unwrap()
    {
        LeaseOutcome::Granted { amounts, row } => {
            assert_eq!(
                row,
                load(store, id).await,
                "the answer shows the account as it is now"
            );
            Some(amounts)
        }
        LeaseOutcome::Refused { row } => {
            assert_eq!(row, load(store, id).await);
            None
        }
        LeaseOutcome::Missing => panic!("{id} exists"),
    }
}

async fn single(db: &Database, cost: i64) -> AccountId {
    account(db, limits(Some(cost), None, None), Cadence::None)
        .await
        .0
}

#[tokio::test]
async fn a_lease_takes_the_need_or_a_share_of_the_room_and_only_of_limited_units() {
    for db in databases().await {
        let (id, _) = account(&db, limits(Some(1000), None, Some(80)), Cadence::None).await;
        assert_eq!(
            take(&db, "a", &id, amounts(10, 500, 1), 8).await,
            Some(amounts(125, 0, 10))
        );
        assert_eq!(
            take(&db, "b", &id, amounts(600, 500, 1), 8).await,
            Some(amounts(600, 0, 8))
        );
        assert_eq!(load(&db, &id).await.leased, amounts(725, 0, 18));
        assert_eq!(
            take(&db, "a", &id, amounts(1, 1, 1), 1).await,
            Some(amounts(275, 0, 62))
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn a_refused_lease_changes_nothing_and_the_cap_itself_refuses() {
    for db in databases().await {
        let (id, _) = account(&db, limits(Some(100), Some(10), None), Cadence::None).await;
        assert_eq!(take(&db, "a", &id, amounts(50, 11, 1), 8).await, None);
        assert_eq!(load(&db, &id).await.leased, Amounts::ZERO);
        assert_eq!(
            take(&db, "a", &id, amounts(100, 1, 1), 100).await,
            Some(amounts(100, 1, 0))
        );
        assert_eq!(
            take(&db, "b", &id, amounts(0, 1, 1), 100).await,
            None,
            "at the cap even a free call is refused"
        );
        // A unit that is not asked for neither refuses nor grows.
        let tokens_only = Need {
            tokens: Some(1),
            ..Need::default()
        };
        assert_eq!(
            take(&db, "b", &id, tokens_only, 100).await,
            Some(amounts(0, 1, 0))
        );
        let nobody = AccountId::from("user:nobody");
        let missing = accounts::lease(&db, &NodeId::from("a"), &nobody, amounts(1, 1, 1), 1, LATER)
            .await
            .unwrap();
        assert_eq!(missing, LeaseOutcome::Missing);
        db.finish().await;
    }
}

#[tokio::test]
async fn an_account_without_limits_grants_at_once_and_leases_nothing() {
    for db in databases().await {
        let user = UserId::from("free");
        users::ensure(&db, &user, None).await.unwrap();
        let id = AccountId::of_user(&user);
        assert_eq!(
            take(&db, "a", &id, amounts(1_000_000, 5, 1), 1).await,
            Some(Amounts::ZERO)
        );
        assert_eq!(load(&db, &id).await.leased, Amounts::ZERO);
        db.finish().await;
    }
}

#[tokio::test]
async fn racing_nodes_never_break_the_limit() {
    const LIMIT: i64 = 10_000;
    for db in databases().await {
        let id = single(&db, LIMIT).await;
        let mut tasks = tokio::task::JoinSet::new();
        for node in 0..12 {
            let store = if node % 2 == 0 {
                db.store.clone()
            } else {
                db.another_store().await
            };
            let id = id.clone();
            tasks.spawn(async move {
                let node = NodeId::from(format!("node-{node}"));
                let (mut granted, mut spent) = (0, 0);
                for round in 0..25 {
                    let need = amounts(50 + round, 0, 0);
                    if let LeaseOutcome::Granted { amounts: more, row } =
                        accounts::lease(&store, &node, &id, need, 16, LATER)
                            .await
                            .unwrap()
                    {
                        assert!(row.settled.cost.0 + row.leased.cost.0 <= LIMIT);
                        granted += more.cost.0;
                    }
                    let spend = (granted - spent).min(30);
                    accounts::settle(&store, &node, &[charged(&id, amounts(spend, 0, 0))])
                        .await
                        .unwrap();
                    spent += spend;
                    if round % 5 == 4 {
                        let unused = amounts((granted - spent) / 2, 0, 0);
                        accounts::give_back(&store, &node, &id, unused)
                            .await
                            .unwrap();
                        granted -= unused.cost.0;
                    }
                }
                (granted, spent)
            });
        }
        let (mut granted, mut spent) = (0, 0);
        while let Some(done) = tasks.join_next().await {
            let (node_granted, node_spent) = done.unwrap();
            granted += node_granted;
            spent += node_spent;
        }
        let row = load(&db, &id).await;
        assert_eq!(row.settled.cost.0, spent);
        assert_eq!(row.leased.cost.0, granted - spent);
        assert!(row.settled.cost.0 + row.leased.cost.0 <= LIMIT);
        assert!(spent > 0);
        db.finish().await;
    }
}

#[tokio::test]
async fn what_is_given_back_is_clamped_at_what_the_lease_holds() {
    for db in databases().await {
        let id = single(&db, 100).await;
        take(&db, "a", &id, amounts(40, 0, 0), 100).await.unwrap();
        take(&db, "b", &id, amounts(30, 0, 0), 100).await.unwrap();
        let a = NodeId::from("a");
        assert_eq!(
            accounts::leased_by_others(&db, &a, &id).await.unwrap(),
            amounts(30, 0, 0)
        );
        accounts::give_back(&db, &a, &id, amounts(-5, 0, 0))
            .await
            .unwrap();
        accounts::give_back(&db, &a, &id, amounts(10, 7, 0))
            .await
            .unwrap();
        assert_eq!(load(&db, &id).await.leased, amounts(60, 0, 0));
        accounts::give_back(&db, &a, &id, amounts(1000, 0, 0))
            .await
            .unwrap();
        assert_eq!(load(&db, &id).await.leased, amounts(30, 0, 0));
        accounts::give_back(&db, &NodeId::from("stranger"), &id, amounts(30, 0, 0))
            .await
            .unwrap();
        assert_eq!(load(&db, &id).await.leased, amounts(30, 0, 0));
        db.finish().await;
    }
}

#[tokio::test]
async fn leases_that_expired_or_whose_node_ended_return_to_the_account() {
    for db in databases().await {
        let id = single(&db, 100).await;
        take(&db, "a", &id, amounts(40, 0, 0), 100).await.unwrap();
        take(&db, "b", &id, amounts(30, 0, 0), 100).await.unwrap();
        assert_eq!(accounts::reclaim_expired(&db, EPOCH).await.unwrap(), 0);
        let b = NodeId::from("b");
        assert_eq!(
            accounts::renew(&db, &b, LATER.plus_secs(60)).await.unwrap(),
            1
        );
        assert_eq!(
            accounts::reclaim_expired(&db, LATER).await.unwrap(),
            1,
            "a's; b's was renewed"
        );
        assert_eq!(load(&db, &id).await.leased, amounts(30, 0, 0));
        assert_eq!(accounts::release_node(&db, &b).await.unwrap(), 1);
        assert_eq!(load(&db, &id).await.leased, Amounts::ZERO);
        assert_eq!(accounts::release_node(&db, &b).await.unwrap(), 0);
        db.finish().await;
    }
}

#[tokio::test]
async fn one_of_many_rolls_the_period_and_logs_it() {
    for db in databases().await {
        let (id, budget) = account(&db, limits(Some(100), None, None), Cadence::Rolling(60)).await;
        let node = NodeId::from("a");
        take(&db, "a", &id, amounts(50, 0, 0), 100).await.unwrap();
        accounts::settle(&db, &node, &[charged(&id, amounts(20, 3, 1))])
            .await
            .unwrap();
        let end = load(&db, &id).await.period_end.unwrap();
        assert_eq!(end, EPOCH.plus_secs(60));
        db.clock.advance_secs(61);
        let (start, next) = (EPOCH.plus_secs(61), EPOCH.plus_secs(121));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (store, id) = (db.store.clone(), id.clone());
            tasks.spawn(async move {
                accounts::roll_period(&store, &id, end, start, next)
                    .await
                    .unwrap()
            });
        }
        let winners = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|won| *won)
            .count();
        assert_eq!(winners, 1);
        let row = load(&db, &id).await;
        assert_eq!(row.settled, Amounts::ZERO);
        assert_eq!(row.leased, amounts(30, 0, 0), "calls in flight go on");
        assert_eq!(
            (row.period_start, row.period_end),
            (Some(start), Some(next))
        );
        let logs = budget_reset_logs::list(&db, &budget, 0, 10).await.unwrap();
        assert_eq!(logs.len(), 1);
        assert_eq!(logs[0].previous_spend, NanoUsd(20));
        assert_eq!(
            logs[0].user_id.as_deref(),
            id.as_str().strip_prefix("user:")
        );
        assert_eq!(
            (logs[0].reset_at, logs[0].next_reset_at),
            (start, Some(next))
        );
        db.finish().await;
    }
}
