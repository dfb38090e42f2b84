//! Budgets: caps and how often they start over. Accounts refer to them, so a changed cap counts at once.

use otari_metering::Cadence;
use otari_types::{Amounts, BudgetId, NanoUsd, Timestamp};

use super::accounts::{self, Limits};
use crate::page::{Order, paginate};
use crate::sql::{Query, Row, Update};
use crate::tx::Tx;
use crate::{Change, Page, Patch, Store, StoreError};

const TABLE: &str = "budgets";

/// A budget as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetRow {
    pub id: BudgetId,
    pub name: Option<String>,
    pub limits: Limits,
    pub cadence: Cadence,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A budget and what its live users add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetSummary {
    pub budget: BudgetRow,
    pub user_count: i64,
    pub total_settled: Amounts,
    pub total_leased: Amounts,
}

/// A budget to create.
#[derive(Clone, Debug)]
pub struct NewBudget {
    pub id: BudgetId,
    pub name: Option<String>,
    pub limits: Limits,
    pub cadence: Cadence,
}

/// What to change; `None` leaves as is.
#[derive(Clone, Debug, Default)]
pub struct BudgetPatch {
    pub name: Patch<String>,
    pub max_budget: Patch<NanoUsd>,
    pub token_limit: Patch<i64>,
    pub request_limit: Patch<i64>,
    /// A different cadence starts a window now for every account under the budget; what is settled stays.
    pub cadence: Option<Cadence>,
}

pub async fn create(store: &Store, budget: &NewBudget) -> Result<BudgetRow, StoreError> {
    let text = "INSERT INTO budgets (budget_id, name, max_budget, token_limit, request_limit, budget_duration_sec, \
                reset_alignment, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    let insert = Query::new(TABLE, text)
        .bind(&budget.id)
        .bind(budget.name.as_deref())
        .bind(budget.limits.cost)
        .bind(budget.limits.tokens)
        .bind(budget.limits.requests)
        .bind(budget.cadence.duration_sec())
        .bind(budget.cadence.alignment())
        .bind(store.now());
    let mut tx = store.begin().await?;
    let inserted = tx.execute(insert).await;
    inserted.map_err(|error| error.or_conflict("budget", "budget"))?;
    finish(tx, &budget.id).await
}

pub async fn get(store: &Store, id: &BudgetId) -> Result<Option<BudgetSummary>, StoreError> {
    let mut query = summaries();
    query.push_with(" AND b.budget_id = ?", id);
    store
        .row(query)
        .await?
        .as_ref()
        .map(read_summary)
        .transpose()
}

/// Oldest first.
pub async fn list(store: &Store, page: &Page) -> Result<Vec<BudgetSummary>, StoreError> {
    let mut query = summaries();
    paginate(
        &mut query,
        page,
        ("b.created_at", "b.budget_id"),
        Order::OldestFirst,
    );
    store.rows(query).await?.iter().map(read_summary).collect()
}

pub async fn patch(
    store: &Store,
    id: &BudgetId,
    patch: &BudgetPatch,
) -> Result<BudgetRow, StoreError> {
    let now = store.now();
    let mut tx = store.begin().await?;
    let before = find(&mut tx, id).await?.ok_or(StoreError::NotFound)?;
    let update = Update::new(TABLE, "updated_at", now)
        .set("name", patch.name.clone())
        .set("max_budget", patch.max_budget)
        .set("token_limit", patch.token_limit)
        .set("request_limit", patch.request_limit)
        .set(
            "budget_duration_sec",
            patch.cadence.map(Cadence::duration_sec),
        )
        .set("reset_alignment", patch.cadence.map(Cadence::alignment))
        .of("budget_id", id);
    tx.execute(update).await?;
    if let Some(cadence) = patch.cadence.filter(|cadence| *cadence != before.cadence) {
        let window = cadence.window_at(now);
        accounts::lock_under_budget(&mut tx, id).await?;
        let text = "UPDATE accounts SET period_start = $2, period_end = $3 WHERE budget_id = $1";
        let rewindow = Query::new("accounts", text)
            .bind(id)
            .bind(window.map(|window| window.start))
            .bind(window.map(|window| window.end));
        tx.execute(rewindow).await?;
    }
    finish(tx, id).await
}

/// Removes a budget. Its accounts keep their spend and lose the limit and its window; the log of resets stays.
pub async fn delete(store: &Store, id: &BudgetId) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    accounts::lock_under_budget(&mut tx, id).await?;
    let text = "UPDATE accounts SET budget_id = NULL, period_start = NULL, period_end = NULL WHERE budget_id = $1";
    tx.execute(Query::new("accounts", text).bind(id)).await?;
    let delete = Query::new(TABLE, "DELETE FROM budgets WHERE budget_id = $1").bind(id);
    if tx.execute(delete).await? == 0 {
        return Err(StoreError::NotFound);
    }
    tx.notify(&Change::Budget(id.clone())).await?;
    tx.commit().await
}

pub(crate) async fn find(tx: &mut Tx, id: &BudgetId) -> Result<Option<BudgetRow>, StoreError> {
    let query = Query::new(TABLE, "SELECT * FROM budgets WHERE budget_id = $1").bind(id);
    tx.row(query).await?.as_ref().map(read).transpose()
}

/// The budgets with the sums of their live users, grouped once for all of them.
fn summaries() -> Query {
    let text = "SELECT b.*, COALESCE(r.user_count, 0) AS user_count, COALESCE(r.settled_cost, 0) AS settled_cost, \
         COALESCE(r.settled_tokens, 0) AS settled_tokens, COALESCE(r.settled_requests, 0) AS settled_requests, \
         COALESCE(r.leased_cost, 0) AS leased_cost, COALESCE(r.leased_tokens, 0) AS leased_tokens, \
         COALESCE(r.leased_requests, 0) AS leased_requests FROM budgets b LEFT JOIN (\
         SELECT a.budget_id, COUNT(*) AS user_count, CAST(SUM(a.settled_cost) AS BIGINT) AS settled_cost, \
         CAST(SUM(a.settled_tokens) AS BIGINT) AS settled_tokens, \
         CAST(SUM(a.settled_requests) AS BIGINT) AS settled_requests, \
         CAST(SUM(a.leased_cost) AS BIGINT) AS leased_cost, CAST(SUM(a.leased_tokens) AS BIGINT) AS leased_tokens, \
         CAST(SUM(a.leased_requests) AS BIGINT) AS leased_requests \
         FROM users u JOIN accounts a ON a.account_id = 'user:' || u.user_id \
         WHERE u.deleted_at IS NULL AND a.budget_id IS NOT NULL GROUP BY a.budget_id\
         ) r ON r.budget_id = b.budget_id WHERE 1 = 1";
    Query::new(TABLE, text)
}

/// Reads back what was written, announces it and commits.
async fn finish(mut tx: Tx, id: &BudgetId) -> Result<BudgetRow, StoreError> {
    let budget = find(&mut tx, id).await?.ok_or(StoreError::NotFound)?;
    tx.notify(&Change::Budget(id.clone())).await?;
    tx.commit().await?;
    Ok(budget)
}

fn read_summary(row: &Row) -> Result<BudgetSummary, StoreError> {
    Ok(BudgetSummary {
        budget: read(row)?,
        user_count: row.get("user_count")?,
        total_settled: accounts::amounts(
            row,
            ["settled_cost", "settled_tokens", "settled_requests"],
        )?,
        total_leased: accounts::amounts(row, ["leased_cost", "leased_tokens", "leased_requests"])?,
    })
}

fn read(row: &Row) -> Result<BudgetRow, StoreError> {
    Ok(BudgetRow {
        id: row.get("budget_id")?,
        name: row.opt("name")?,
        limits: accounts::limits(row)?,
        cadence: accounts::cadence(row)?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
