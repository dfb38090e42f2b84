//! The lines of batches: calls to make, and what they were answered. A line is answered once.

use std::sync::LazyLock;

use otari_types::{NodeId, Timestamp};

use crate::sql::{MultiRow, Query, Row};
use crate::tx::Tx;
use crate::{Store, StoreError};

const TABLE: &str = "batch_lines";

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLine {
    pub line: i64,
    pub custom_id: String,
    /// The body, JSON.
    pub request: String,
}

/// A call that was made, or will never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineAnswer {
    pub line: i64,
    pub custom_id: String,
    /// 0: it was not made.
    pub status: i64,
    /// JSON.
    pub answer: String,
}

/// What is to be noted of a line.
#[derive(Clone, Debug)]
pub struct LineResult {
    pub line: i64,
    pub status: i64,
    pub answer: String,
}

const SUCCEEDED: std::ops::Range<i64> = 200..300;

static INSERT: LazyLock<MultiRow> = LazyLock::new(|| {
    let head = "INSERT INTO batch_lines (batch_id, line, custom_id, request) VALUES ";
    MultiRow::values(head, 4, "")
});

/// Adds lines to a batch that is being read, numbered on from `first`.
pub async fn append(
    store: &Store,
    batch: &str,
    first: i64,
    lines: &[(String, String)],
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    insert(&mut tx, batch, first, lines).await?;
    tx.commit().await
}

pub(super) async fn insert(
    tx: &mut Tx,
    batch: &str,
    first: i64,
    lines: &[(String, String)],
) -> Result<(), StoreError> {
    let mut number = first;
    for (text, lines) in INSERT.cut(tx.engine(), lines) {
        let mut query = Query::new(TABLE, text);
        for (custom_id, request) in lines {
            query = query.bind(batch).bind(number).bind(custom_id).bind(request);
            number += 1;
        }
        tx.execute(query).await?;
    }
    Ok(())
}

/// Forgets lines that were read before a crash; they are read again.
pub async fn clear(store: &Store, batch: &str) -> Result<(), StoreError> {
    let query = Query::new(TABLE, "DELETE FROM batch_lines WHERE batch_id = $1").bind(batch);
    store.execute(query).await.map(drop)
}

/// Lines without an answer after the line `after`, in order.
pub async fn pending(
    store: &Store,
    batch: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<BatchLine>, StoreError> {
    let text = "SELECT custom_id, line, request FROM batch_lines WHERE batch_id = $1 AND line > $2 AND status IS NULL \
                ORDER BY line LIMIT $3";
    let query = Query::new(TABLE, text).bind(batch).bind(after).bind(limit);
    let read = |row: &Row| {
        Ok(BatchLine {
            line: row.get("line")?,
            custom_id: row.get("custom_id")?,
            request: row.get("request")?,
        })
    };
    store.rows(query).await?.iter().map(read).collect()
}

/// Notes answers, moves the batch's counts and keeps it for `node` until `until`, all or nothing. `false`, and
/// nothing noted, when it is another node's by now. A line that has an answer keeps it.
pub async fn record(
    store: &Store,
    batch: &str,
    node: &NodeId,
    results: &[LineResult],
    until: Timestamp,
) -> Result<bool, StoreError> {
    let (mut completed, mut failed) = (0i64, 0i64);
    let mut tx = store.begin().await?;
    for result in results {
        let text = "UPDATE batch_lines SET status = $3, answer = $4, request = '' \
                    WHERE batch_id = $1 AND line = $2 AND status IS NULL";
        let query = Query::new(TABLE, text)
            .bind(batch)
            .bind(result.line)
            .bind(result.status)
            .bind(&result.answer);
        let count = if SUCCEEDED.contains(&result.status) {
            &mut completed
        } else {
            &mut failed
        };
        *count += i64::from(tx.execute(query).await? > 0);
    }
    let text = "UPDATE batches SET completed = completed + $3, failed = failed + $4, leased_until = $5 \
                WHERE id = $1 AND node_id = $2 AND ended_at IS NULL";
    let query = Query::new("batches", text)
        .bind(batch)
        .bind(node)
        .bind(completed)
        .bind(failed)
        .bind(until);
    if tx.execute(query).await? == 0 {
        return Ok(false);
    }
    tx.commit().await?;
    Ok(true)
}

/// Gives every line that has none the same answer: it will not be run. As [`record`].
pub async fn give_up(
    store: &Store,
    batch: &str,
    node: &NodeId,
    answer: &str,
) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let text = "UPDATE batch_lines SET status = 0, answer = $2, request = '' WHERE batch_id = $1 AND status IS NULL";
    let given_up = tx
        .execute(Query::new(TABLE, text).bind(batch).bind(answer))
        .await?;
    let text = "UPDATE batches SET failed = failed + $3 WHERE id = $1 AND node_id = $2 AND ended_at IS NULL";
    let query = Query::new("batches", text)
        .bind(batch)
        .bind(node)
        .bind(i64::try_from(given_up).unwrap_or(i64::MAX));
    if tx.execute(query).await? == 0 {
        return Ok(false);
    }
    tx.commit().await?;
    Ok(true)
}

/// Whether any line was given up.
pub async fn any_given_up(store: &Store, batch: &str) -> Result<bool, StoreError> {
    let text = "SELECT custom_id FROM batch_lines WHERE batch_id = $1 AND status = 0 LIMIT 1";
    let found = store.row(Query::new(TABLE, text).bind(batch)).await?;
    Ok(found.is_some())
}

/// Answered lines after the line `after`, in order; only those that succeeded, or only the others, where that is said.
pub async fn answers(
    store: &Store,
    batch: &str,
    after: i64,
    succeeded: Option<bool>,
    limit: i64,
) -> Result<Vec<LineAnswer>, StoreError> {
    let which = match succeeded {
        None => "status IS NOT NULL",
        Some(true) => "status >= 200 AND status < 300",
        Some(false) => "(status < 200 OR status >= 300)",
    };
    let text = format!(
        "SELECT custom_id, line, status, answer FROM batch_lines WHERE batch_id = $1 AND line > $2 AND {which} \
         ORDER BY line LIMIT $3"
    );
    let query = Query::new(TABLE, text).bind(batch).bind(after).bind(limit);
    let read = |row: &Row| {
        Ok(LineAnswer {
            line: row.get("line")?,
            custom_id: row.get("custom_id")?,
            status: row.get("status")?,
            answer: row.get("answer")?,
        })
    };
    store.rows(query).await?.iter().map(read).collect()
}
