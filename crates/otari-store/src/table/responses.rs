//! Answers of the Responses API, kept for their caller until they expire.

use otari_types::{Timestamp, UserId};

use crate::sql::{Query, Row};
use crate::{Store, StoreError};

const TABLE: &str = "responses";
/// Rows deleted together, so that a large clean-up does not hold other writers up.
const EXPIRED_BATCH: i64 = 500;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseRow {
    pub id: String,
    pub user_id: UserId,
    pub previous_id: Option<String>,
    /// The instance that keeps it too; `None` for an answer that was translated.
    pub instance: Option<String>,
    /// The provider's name for the model.
    pub model: String,
    /// The items the request added, a JSON array.
    pub input: String,
    /// The response object, JSON.
    pub response: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Keeps a response. An id that is kept already stays as it is: a provider's ids are unique.
pub async fn insert(store: &Store, row: &ResponseRow) -> Result<(), StoreError> {
    let text = "INSERT INTO responses (id, user_id, previous_id, instance, model, input, response, created_at, expires_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
    let query = Query::new(TABLE, text)
        .bind(&row.id)
        .bind(&row.user_id)
        .bind(row.previous_id.as_deref())
        .bind(row.instance.as_deref())
        .bind(&row.model)
        .bind(&row.input)
        .bind(&row.response)
        .bind(row.created_at)
        .bind(row.expires_at);
    store.execute(query).await?;
    Ok(())
}

/// A caller's own response that has not expired.
pub async fn get(
    store: &Store,
    id: &str,
    user: &UserId,
    now: Timestamp,
) -> Result<Option<ResponseRow>, StoreError> {
    let text = "SELECT * FROM responses WHERE id = $1 AND user_id = $2 AND expires_at > $3";
    let query = Query::new(TABLE, text).bind(id).bind(user).bind(now);
    store.row(query).await?.as_ref().map(read).transpose()
}

/// A caller's response and those it goes on from, oldest first, at most `max` of them; fewer where one is missing.
pub async fn conversation(
    store: &Store,
    id: &str,
    user: &UserId,
    now: Timestamp,
    max: i64,
) -> Result<Vec<ResponseRow>, StoreError> {
    let text = "WITH RECURSIVE turns AS ( \
                SELECT 1 AS turn, responses.* FROM responses WHERE id = $1 AND user_id = $2 AND expires_at > $3 \
                UNION ALL \
                SELECT turns.turn + 1, responses.* FROM responses JOIN turns ON responses.id = turns.previous_id \
                WHERE responses.user_id = $2 AND responses.expires_at > $3 AND turns.turn < $4) \
                SELECT * FROM turns ORDER BY turn DESC";
    let query = Query::new(TABLE, text)
        .bind(id)
        .bind(user)
        .bind(now)
        .bind(max);
    store.rows(query).await?.iter().map(read).collect()
}

/// Returns whether there was one.
pub async fn delete(store: &Store, id: &str, user: &UserId) -> Result<bool, StoreError> {
    let text = "DELETE FROM responses WHERE id = $1 AND user_id = $2";
    let deleted = store
        .execute(Query::new(TABLE, text).bind(id).bind(user))
        .await?;
    Ok(deleted > 0)
}

/// Deletes what has expired; returns how many rows.
pub async fn delete_expired(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let text = "DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE expires_at <= $1 LIMIT $2)";
    let mut total = 0;
    loop {
        let deleted = store
            .execute(Query::new(TABLE, text).bind(now).bind(EXPIRED_BATCH))
            .await?;
        total += deleted;
        if deleted < EXPIRED_BATCH.unsigned_abs() {
            return Ok(total);
        }
    }
}

fn read(row: &Row) -> Result<ResponseRow, StoreError> {
    Ok(ResponseRow {
        id: row.get("id")?,
        user_id: row.get("user_id")?,
        previous_id: row.opt("previous_id")?,
        instance: row.opt("instance")?,
        model: row.get("model")?,
        input: row.get("input")?,
        response: row.get("response")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}
