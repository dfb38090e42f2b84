//! The ledger against real databases: what fits is held, what is settled survives, nothing is counted twice.

#![expect(
    clippy::unwrap_used,
    reason = "what a test helper cannot do fails its test"
)]

mod crash;
mod holds;
mod nodes;

use std::path::Path;
use std::sync::Arc;

use otari_ledger::{Durability, Hold, Ledger, LedgerOptions, WhenUnwritable};
use otari_metering::Cadence;
use otari_store::accounts::{AccountRow, Limits};
use otari_store::testing::Database;
use otari_store::{Store, accounts, budgets, users};
use otari_types::{
    AccountId, Amounts, BudgetId, CallStatus, NanoUsd, Timestamp, UsageRecord, UserId, new_id,
};

/// A node on the database, with a data directory of its own.
pub(crate) async fn node(database: &Database, dir: &Path) -> Arc<Ledger> {
    let ledger = idle_node(database, dir).await;
    tokio::spawn(Arc::clone(&ledger).run(Arc::new(Unobserved)));
    ledger
}

#[derive(Debug)]
pub(crate) struct Unobserved;

impl otari_ledger::DrainObserver for Unobserved {
    fn batch(&self, _: usize, _: std::time::Duration, _: bool) {}
    fn row_refused(&self) {}
}

/// A node whose drainer does not run: what it settles stays in its journal.
pub(crate) async fn idle_node(database: &Database, dir: &Path) -> Arc<Ledger> {
    let options = LedgerOptions {
        data_dir: dir.to_owned(),
        lease_ttl_secs: 900,
        durability: Durability::Journal,
        when_unwritable: WhenUnwritable::Refuse,
    };
    let store = database.another_store().await;
    Ledger::open(&options, store, Arc::new(database.clock.clone()))
        .await
        .unwrap()
}

/// A user whose budget allows so many requests.
pub(crate) async fn account(store: &Store, requests: i64) -> AccountId {
    limited(
        store,
        Limits {
            requests: Some(requests),
            ..Limits::default()
        },
        Cadence::None,
    )
    .await
}

pub(crate) async fn limited(store: &Store, limits: Limits, cadence: Cadence) -> AccountId {
    let budget = budgets::NewBudget {
        id: BudgetId::from(new_id()),
        name: None,
        limits,
        cadence,
    };
    let budget_id = budgets::create(store, &budget).await.unwrap().id;
    let user = UserId::from(new_id());
    let user = users::NewUser {
        budget_id: Some(budget_id),
        ..users::NewUser::of(user)
    };
    AccountId::of_user(&users::create(store, &user).await.unwrap().user_id)
}

pub(crate) async fn row(store: &Store, id: &AccountId) -> AccountRow {
    accounts::load(store, std::slice::from_ref(id))
        .await
        .unwrap()
        .pop()
        .unwrap()
}

pub(crate) fn one_request() -> Amounts {
    Amounts {
        cost: NanoUsd(5),
        tokens: 7,
        requests: 1,
    }
}

/// A hold of one request, or `None` when refused.
pub(crate) async fn hold(ledger: &Ledger, id: &AccountId) -> Option<Hold> {
    ledger
        .hold(std::slice::from_ref(id), one_request(), false)
        .await
        .unwrap()
        .ok()
}

pub(crate) fn record(id: &str) -> UsageRecord {
    UsageRecord::new(id, Timestamp::from_secs(1_767_225_600), CallStatus::Success)
}
