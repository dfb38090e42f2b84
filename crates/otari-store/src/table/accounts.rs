//! Ledger accounts: what is settled, what is leased to nodes, under which budget.
//!
//! Kept true at every instant: `leased` is the sum of the account's lease rows, and `settled + leased` stays
//! within every limit unless a call turned out dearer than its hold. Whoever changes a lease row holds the
//! account's row lock, so the two cannot drift apart.

mod lease;
mod settle;

pub use lease::{
    LeaseOutcome, Need, give_back, lease, leased_by_others, reclaim_expired, release_node, renew,
};
pub use settle::{Settled, settle};

use std::sync::LazyLock;

use otari_metering::Cadence;
use otari_types::{AccountId, Amounts, BudgetId, NanoUsd, Timestamp};

use crate::sql::{Query, Row};
use crate::tx::Tx;
use crate::{Engine, Store, StoreError};

const TABLE: &str = "accounts";

/// Every query of an account reads these, under the budget it has now.
pub(crate) const SELECT: &str = "SELECT a.account_id, a.budget_id, a.settled_cost, a.settled_tokens, a.settled_requests, \
     a.leased_cost, a.leased_tokens, a.leased_requests, a.period_start, a.period_end, \
     b.max_budget, b.token_limit, b.request_limit, b.budget_duration_sec, b.reset_alignment \
     FROM accounts a LEFT JOIN budgets b ON b.budget_id = a.budget_id ";

static WHERE_ID: LazyLock<String> = LazyLock::new(|| format!("{SELECT}WHERE a.account_id = $1"));
static WHERE_ID_FOR_UPDATE: LazyLock<String> =
    LazyLock::new(|| format!("{SELECT}WHERE a.account_id = $1 FOR UPDATE OF a"));

/// What a budget caps; `None` is uncapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub cost: Option<NanoUsd>,
    pub tokens: Option<i64>,
    pub requests: Option<i64>,
}

/// An account as stored, with the terms of its budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    pub id: AccountId,
    pub budget_id: Option<BudgetId>,
    pub limits: Limits,
    pub cadence: Cadence,
    /// Spent in this period.
    pub settled: Amounts,
    /// Granted to nodes and not settled yet.
    pub leased: Amounts,
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
}

impl AccountRow {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("account_id")?,
            budget_id: row.opt("budget_id")?,
            limits: limits(row)?,
            cadence: cadence(row)?,
            settled: amounts(row, ["settled_cost", "settled_tokens", "settled_requests"])?,
            leased: amounts(row, ["leased_cost", "leased_tokens", "leased_requests"])?,
            period_start: row.opt("period_start")?,
            period_end: row.opt("period_end")?,
        })
    }
}

pub(crate) fn limits(row: &Row) -> Result<Limits, StoreError> {
    Ok(Limits {
        cost: row.opt("max_budget")?,
        tokens: row.opt("token_limit")?,
        requests: row.opt("request_limit")?,
    })
}

pub(crate) fn cadence(row: &Row) -> Result<Cadence, StoreError> {
    let alignment: Option<String> = row.opt("reset_alignment")?;
    let duration: Option<i64> = row.opt("budget_duration_sec")?;
    Cadence::parse(duration, alignment.as_deref()).map_err(|_| row.corrupt("reset_alignment"))
}

pub(crate) fn amounts(row: &Row, columns: [&str; 3]) -> Result<Amounts, StoreError> {
    let [cost, tokens, requests] = columns;
    Ok(Amounts {
        cost: row.get(cost)?,
        tokens: row.get(tokens)?,
        requests: row.get(requests)?,
    })
}

/// The accounts that exist among `ids`, by id.
pub async fn load(store: &Store, ids: &[AccountId]) -> Result<Vec<AccountRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = if let [id] = ids {
        Query::new(TABLE, WHERE_ID.as_str()).bind(id)
    } else {
        let mut query = Query::new(TABLE, SELECT);
        query.push("WHERE a.account_id IN ");
        query.push_list(ids);
        query.push(" ORDER BY a.account_id");
        query
    };
    store
        .rows(query)
        .await?
        .iter()
        .map(AccountRow::read)
        .collect()
}

/// Starts a new period: spend at zero, leases untouched (calls in flight end in the new period).
///
/// `false` when the period no longer ends at `seen_period_end`: somebody else was first.
pub async fn roll_period(
    store: &Store,
    account: &AccountId,
    seen_period_end: Timestamp,
    new_start: Timestamp,
    new_end: Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let Some(row) = locked(&mut tx, account).await? else {
        return Ok(false);
    };
    if row.period_end != Some(seen_period_end) {
        return Ok(false);
    }
    let text = "UPDATE accounts SET settled_cost = 0, settled_tokens = 0, settled_requests = 0, \
                period_start = $2, period_end = $3 WHERE account_id = $1";
    let update = Query::new(TABLE, text)
        .bind(account)
        .bind(new_start)
        .bind(new_end);
    tx.execute(update).await?;
    // Only a user's resets are logged: the log's readers know accounts by their user.
    let user = account.as_str().strip_prefix("user:");
    if let (Some(user), Some(budget)) = (user, &row.budget_id) {
        let text = "INSERT INTO budget_reset_logs (user_id, budget_id, previous_spend, reset_at, next_reset_at) \
                    VALUES ($1, $2, $3, $4, $5)";
        let log = Query::new("budget_reset_logs", text)
            .bind(user)
            .bind(budget)
            .bind(row.settled.cost)
            .bind(store.now())
            .bind(new_end);
        tx.execute(log).await?;
    }
    tx.notify(&crate::Change::Account(account.clone())).await?;
    tx.commit().await?;
    Ok(true)
}

/// Reads an account and keeps others from changing it until the transaction ends.
pub(crate) async fn locked(
    tx: &mut Tx,
    account: &AccountId,
) -> Result<Option<AccountRow>, StoreError> {
    let text = match tx.engine() {
        // The transaction holds the write lock already.
        Engine::Sqlite => WHERE_ID.as_str(),
        Engine::Postgres => WHERE_ID_FOR_UPDATE.as_str(),
    };
    let row = tx.row(Query::new(TABLE, text).bind(account)).await?;
    row.as_ref().map(AccountRow::read).transpose()
}

/// Puts an account under a budget, or none, and starts that budget's window now; what is settled stays.
pub(crate) async fn assign_budget(
    tx: &mut Tx,
    account: &AccountId,
    budget: Option<&BudgetId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let window = match budget {
        None => None,
        Some(id) => {
            let row = super::budgets::find(tx, id).await?;
            let row = row.ok_or(StoreError::Missing { what: "budget" })?;
            row.cadence.window_at(now)
        }
    };
    let text = "UPDATE accounts SET budget_id = $2, period_start = $3, period_end = $4 WHERE account_id = $1";
    let update = Query::new(TABLE, text)
        .bind(account)
        .bind(budget)
        .bind(window.map(|window| window.start))
        .bind(window.map(|window| window.end));
    tx.execute(update).await.map(drop)
}

/// Creates an account with empty counters unless it exists.
pub(crate) async fn ensure(tx: &mut Tx, account: &AccountId) -> Result<(), StoreError> {
    let text = "INSERT INTO accounts (account_id) VALUES ($1) ON CONFLICT (account_id) DO NOTHING";
    tx.execute(Query::new(TABLE, text).bind(account))
        .await
        .map(drop)
}

/// Sets what an account has spent to zero; its leases stay.
pub(crate) async fn zero_settled(tx: &mut Tx, account: &AccountId) -> Result<(), StoreError> {
    let text = "UPDATE accounts SET settled_cost = 0, settled_tokens = 0, settled_requests = 0 WHERE account_id = $1";
    tx.execute(Query::new(TABLE, text).bind(account))
        .await
        .map(drop)
}

/// Takes the row locks of every account under a budget, in the order all writers take them.
pub(crate) async fn lock_under_budget(tx: &mut Tx, budget: &BudgetId) -> Result<(), StoreError> {
    if tx.engine() == Engine::Sqlite {
        return Ok(());
    }
    let text =
        "SELECT account_id FROM accounts WHERE budget_id = $1 ORDER BY account_id FOR UPDATE";
    tx.rows(Query::new(TABLE, text).bind(budget))
        .await
        .map(drop)
}
