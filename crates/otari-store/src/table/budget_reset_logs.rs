//! When whose spend went back to zero, and what it was. Written by the roll of a period.

use otari_types::{BudgetId, NanoUsd, Timestamp};

use crate::sql::{Query, Row};
use crate::{Store, StoreError};

/// One reset of one user's spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetLogRow {
    pub id: i64,
    pub user_id: Option<String>,
    /// May name a budget that is gone.
    pub budget_id: BudgetId,
    pub previous_spend: NanoUsd,
    pub reset_at: Timestamp,
    pub next_reset_at: Option<Timestamp>,
}

/// The resets under a budget, newest first.
pub async fn list(
    store: &Store,
    budget: &BudgetId,
    skip: i64,
    limit: i64,
) -> Result<Vec<ResetLogRow>, StoreError> {
    let text = "SELECT id, user_id, budget_id, previous_spend, reset_at, next_reset_at FROM budget_reset_logs \
                WHERE budget_id = $1 ORDER BY reset_at DESC, id DESC LIMIT $2 OFFSET $3";
    let query = Query::new("budget_reset_logs", text)
        .bind(budget)
        .bind(limit.max(0))
        .bind(skip.max(0));
    store.rows(query).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<ResetLogRow, StoreError> {
    Ok(ResetLogRow {
        id: row.get("id")?,
        user_id: row.opt("user_id")?,
        budget_id: row.get("budget_id")?,
        previous_spend: row.get("previous_spend")?,
        reset_at: row.get("reset_at")?,
        next_reset_at: row.opt("next_reset_at")?,
    })
}
