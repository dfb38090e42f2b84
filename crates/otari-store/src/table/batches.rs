//! Batches: what was asked for, how far it is, and which node is at it.

use otari_types::{KeyId, NodeId, Timestamp, UserId};

use crate::page::{Cursor, Order, Page, paginate};
use crate::sql::{Query, Row};
use crate::{Store, StoreError};

const TABLE: &str = "batches";

/// Where a batch is on its way; the words are OpenAI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStatus {
    Validating,
    InProgress,
    Finalizing,
    Cancelling,
    Completed,
    Failed,
    Expired,
    Cancelled,
}

impl BatchStatus {
    const ALL: [Self; 8] = [
        Self::Validating,
        Self::InProgress,
        Self::Finalizing,
        Self::Cancelling,
        Self::Completed,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Cancelling => "cancelling",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing more will happen to it.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Expired | Self::Cancelled
        )
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRow {
    pub id: String,
    pub user_id: UserId,
    /// The key that asked; `None`: the operator.
    pub api_key_id: Option<KeyId>,
    /// The route each line is a call of.
    pub endpoint: String,
    /// Of all lines, where they were given with the batch.
    pub model: Option<String>,
    /// The instance of the model, where that is known.
    pub provider: Option<String>,
    /// The instance whose own batches it goes to; `None`: the gateway runs it.
    pub native: Option<String>,
    /// Its name there.
    pub native_id: Option<String>,
    /// When it was about to be handed over: without a name it may or may not have been.
    pub native_asked_at: Option<Timestamp>,
    pub input_file_id: Option<String>,
    pub output_file_id: Option<String>,
    pub error_file_id: Option<String>,
    pub completion_window: String,
    /// Seconds the output files are kept.
    pub output_lifetime_sec: Option<i64>,
    /// A JSON object as text.
    pub metadata: Option<String>,
    pub status: BatchStatus,
    /// A JSON array as text.
    pub errors: Option<String>,
    pub total: i64,
    pub completed: i64,
    pub failed: i64,
    pub created_at: Timestamp,
    /// When lines that were not run yet will not be run any more.
    pub expires_at: Timestamp,
    pub in_progress_at: Option<Timestamp>,
    pub finalizing_at: Option<Timestamp>,
    pub cancelling_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// Which batches to list; what is not set does not restrict.
#[derive(Clone, Debug, Default)]
pub struct BatchFilter {
    pub user: Option<UserId>,
    pub provider: Option<String>,
}

/// Stores a new batch together with its lines, where there are any yet: custom ids and bodies.
pub async fn insert(
    store: &Store,
    row: &BatchRow,
    lines: &[(String, String)],
) -> Result<(), StoreError> {
    let text = "INSERT INTO batches (id, user_id, api_key_id, endpoint, model, provider, native, input_file_id, \
                completion_window, output_lifetime_sec, metadata, status, total, completed, failed, created_at, \
                expires_at, in_progress_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0, $14, $15, $16)";
    let query = Query::new(TABLE, text)
        .bind(&row.id)
        .bind(&row.user_id)
        .bind(row.api_key_id.as_ref())
        .bind(&row.endpoint)
        .bind(row.model.as_deref())
        .bind(row.provider.as_deref())
        .bind(row.native.as_deref())
        .bind(row.input_file_id.as_deref())
        .bind(&row.completion_window)
        .bind(row.output_lifetime_sec)
        .bind(row.metadata.as_deref())
        .bind(row.status.as_str())
        .bind(row.total)
        .bind(row.created_at)
        .bind(row.expires_at)
        .bind(row.in_progress_at);
    let mut tx = store.begin().await?;
    tx.execute(query).await?;
    super::batch_lines::insert(&mut tx, &row.id, 0, lines).await?;
    tx.commit().await
}

pub async fn get(store: &Store, id: &str) -> Result<Option<BatchRow>, StoreError> {
    let query = Query::new(TABLE, "SELECT * FROM batches WHERE id = $1").bind(id);
    store.row(query).await?.as_ref().map(read).transpose()
}

/// Newest first.
pub async fn list(
    store: &Store,
    filter: &BatchFilter,
    page: &Page,
) -> Result<Vec<BatchRow>, StoreError> {
    let mut query = Query::new(TABLE, "SELECT * FROM batches WHERE 1 = 1");
    if let Some(user) = &filter.user {
        query.push_with(" AND user_id = ?", user);
    }
    if let Some(provider) = &filter.provider {
        query.push_with(" AND provider = ?", provider);
    }
    paginate(&mut query, page, ("created_at", "id"), Order::NewestFirst);
    store.rows(query).await?.iter().map(read).collect()
}

/// Where a batch stands in the list.
pub fn place(row: &BatchRow) -> Cursor {
    Cursor::new(row.created_at, row.id.clone())
}

/// Open batches that nobody is at, oldest first, taken by `node` until `until`. What the node has already comes again
/// unless it is in `running`.
pub async fn claim(
    store: &Store,
    node: &NodeId,
    until: Timestamp,
    running: &[String],
    limit: i64,
) -> Result<Vec<BatchRow>, StoreError> {
    const FREE: &str =
        "ended_at IS NULL AND (leased_until IS NULL OR leased_until <= $1 OR node_id = $2)";
    let now = store.now();
    let text = format!("SELECT id FROM batches WHERE {FREE}");
    let mut query = Query::new(TABLE, text).bind(now).bind(node);
    if !running.is_empty() {
        query.push(" AND id NOT IN ");
        query.push_list(running);
    }
    query.push_with(" ORDER BY created_at, id LIMIT ?", limit);
    let mut claimed = Vec::new();
    for candidate in store.rows(query).await? {
        let id: String = candidate.get("id")?;
        let text =
            format!("UPDATE batches SET node_id = $2, leased_until = $3 WHERE id = $4 AND {FREE}");
        let take = Query::new(TABLE, text)
            .bind(now)
            .bind(node)
            .bind(until)
            .bind(&id);
        if store.execute(take).await? > 0 {
            claimed.extend(get(store, &id).await?);
        }
    }
    Ok(claimed)
}

/// Keeps a batch for `node`, and tells how it is by now; `None` when it is another node's.
pub async fn renew(
    store: &Store,
    id: &str,
    node: &NodeId,
    until: Timestamp,
) -> Result<Option<BatchRow>, StoreError> {
    let text =
        "UPDATE batches SET leased_until = $3 WHERE id = $1 AND node_id = $2 AND ended_at IS NULL";
    let query = Query::new(TABLE, text).bind(id).bind(node).bind(until);
    match store.execute(query).await? {
        0 => Ok(None),
        _ => get(store, id).await,
    }
}

/// Lets other nodes have it.
pub async fn release(store: &Store, id: &str, node: &NodeId) -> Result<(), StoreError> {
    let text =
        "UPDATE batches SET node_id = NULL, leased_until = NULL WHERE id = $1 AND node_id = $2";
    let query = Query::new(TABLE, text).bind(id).bind(node);
    store.execute(query).await.map(drop)
}

/// All lines are there: they can be run, unless it was cancelled meanwhile. `false` when it is another node's.
pub async fn begin(
    store: &Store,
    id: &str,
    node: &NodeId,
    total: i64,
    provider: Option<&str>,
    native: Option<&str>,
) -> Result<bool, StoreError> {
    let text = "UPDATE batches SET status = CASE status WHEN 'validating' THEN 'in_progress' ELSE status END, \
                in_progress_at = $3, total = $4, provider = $5, native = $6 \
                WHERE id = $1 AND node_id = $2 AND in_progress_at IS NULL AND ended_at IS NULL";
    let query = Query::new(TABLE, text)
        .bind(id)
        .bind(node)
        .bind(store.now())
        .bind(total)
        .bind(provider)
        .bind(native);
    Ok(store.execute(query).await? > 0)
}

/// The provider is about to be asked to take it.
pub async fn ask_native(store: &Store, id: &str, node: &NodeId) -> Result<bool, StoreError> {
    let text = "UPDATE batches SET native_asked_at = $3 WHERE id = $1 AND node_id = $2 AND ended_at IS NULL";
    let query = Query::new(TABLE, text)
        .bind(id)
        .bind(node)
        .bind(store.now());
    Ok(store.execute(query).await? > 0)
}

/// The gateway runs it after all. `false` when it is another node's.
pub async fn keep_here(store: &Store, id: &str, node: &NodeId) -> Result<bool, StoreError> {
    let text = "UPDATE batches SET native = NULL, native_asked_at = NULL \
                WHERE id = $1 AND node_id = $2 AND native_id IS NULL AND ended_at IS NULL";
    let query = Query::new(TABLE, text).bind(id).bind(node);
    Ok(store.execute(query).await? > 0)
}

/// Whether a batch is known to be the one that an instance calls `native_id`.
pub async fn is_native(store: &Store, native: &str, native_id: &str) -> Result<bool, StoreError> {
    let text = "SELECT id FROM batches WHERE native = $1 AND native_id = $2 LIMIT 1";
    let query = Query::new(TABLE, text).bind(native).bind(native_id);
    Ok(store.row(query).await?.is_some())
}

/// The provider has taken it.
pub async fn set_native_id(
    store: &Store,
    id: &str,
    node: &NodeId,
    native_id: &str,
) -> Result<bool, StoreError> {
    let text =
        "UPDATE batches SET native_id = $3 WHERE id = $1 AND node_id = $2 AND ended_at IS NULL";
    let query = Query::new(TABLE, text).bind(id).bind(node).bind(native_id);
    Ok(store.execute(query).await? > 0)
}

/// Asks for its end. `false` when it has ended, or is about to.
pub async fn cancel(store: &Store, id: &str) -> Result<bool, StoreError> {
    let text = "UPDATE batches SET status = 'cancelling', cancelling_at = $2 \
                WHERE id = $1 AND status IN ('validating', 'in_progress')";
    let query = Query::new(TABLE, text).bind(id).bind(store.now());
    Ok(store.execute(query).await? > 0)
}

/// Names the files that the answers are about to be written to, so that a crash while they are leaves none that
/// nobody knows of.
pub async fn finalize(
    store: &Store,
    id: &str,
    node: &NodeId,
    output: Option<&str>,
    error: Option<&str>,
) -> Result<bool, StoreError> {
    let text = "UPDATE batches SET finalizing_at = COALESCE(finalizing_at, $3), output_file_id = $4, \
                error_file_id = $5, status = CASE status WHEN 'in_progress' THEN 'finalizing' ELSE status END \
                WHERE id = $1 AND node_id = $2 AND ended_at IS NULL";
    let query = Query::new(TABLE, text)
        .bind(id)
        .bind(node)
        .bind(store.now())
        .bind(output)
        .bind(error);
    Ok(store.execute(query).await? > 0)
}

/// Its end.
pub async fn end(
    store: &Store,
    id: &str,
    node: &NodeId,
    status: BatchStatus,
    errors: Option<&str>,
) -> Result<bool, StoreError> {
    let text = "UPDATE batches SET status = $3, ended_at = $4, errors = $5, node_id = NULL, leased_until = NULL \
                WHERE id = $1 AND node_id = $2 AND ended_at IS NULL";
    let query = Query::new(TABLE, text)
        .bind(id)
        .bind(node)
        .bind(status.as_str())
        .bind(store.now())
        .bind(errors);
    Ok(store.execute(query).await? > 0)
}

/// Deletes batches that ended before `before`, with their lines; returns how many.
pub async fn delete_ended(store: &Store, before: Timestamp) -> Result<u64, StoreError> {
    const TOGETHER: i64 = 10;
    let text = "DELETE FROM batches WHERE id IN \
                (SELECT id FROM batches WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)";
    let mut total = 0;
    loop {
        let query = Query::new(TABLE, text).bind(before).bind(TOGETHER);
        let deleted = store.execute(query).await?;
        total += deleted;
        if deleted < TOGETHER.unsigned_abs() {
            return Ok(total);
        }
    }
}

fn read(row: &Row) -> Result<BatchRow, StoreError> {
    let status: String = row.get("status")?;
    Ok(BatchRow {
        id: row.get("id")?,
        user_id: row.get("user_id")?,
        api_key_id: row.opt("api_key_id")?,
        endpoint: row.get("endpoint")?,
        model: row.opt("model")?,
        provider: row.opt("provider")?,
        native: row.opt("native")?,
        native_id: row.opt("native_id")?,
        native_asked_at: row.opt("native_asked_at")?,
        input_file_id: row.opt("input_file_id")?,
        output_file_id: row.opt("output_file_id")?,
        error_file_id: row.opt("error_file_id")?,
        completion_window: row.get("completion_window")?,
        output_lifetime_sec: row.opt("output_lifetime_sec")?,
        metadata: row.opt("metadata")?,
        status: BatchStatus::parse(&status).ok_or_else(|| row.corrupt("status"))?,
        errors: row.opt("errors")?,
        total: row.get("total")?,
        completed: row.get("completed")?,
        failed: row.get("failed")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        in_progress_at: row.opt("in_progress_at")?,
        finalizing_at: row.opt("finalizing_at")?,
        cancelling_at: row.opt("cancelling_at")?,
        ended_at: row.opt("ended_at")?,
    })
}
