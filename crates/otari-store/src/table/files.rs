//! Files: who owns them, where their bytes are, and when those may go.

use otari_types::{Timestamp, UserId};

use crate::page::{Cursor, Order, Page, paginate};
use crate::sql::{Query, Row};
use crate::{Store, StoreError};

const TABLE: &str = "files";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    pub id: String,
    pub user_id: UserId,
    pub filename: String,
    pub mime_type: String,
    pub purpose: String,
    pub bytes: i64,
    /// `local` or `s3`.
    pub storage: String,
    pub created_at: Timestamp,
    /// `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// Notes that bytes of a file may come to be in a storage.
pub async fn begin(store: &Store, id: &str, storage: &str) -> Result<(), StoreError> {
    let text = "INSERT INTO files (id, user_id, filename, mime_type, purpose, bytes, storage, state, created_at) \
                VALUES ($1, '', '', '', '', 0, $2, 'uploading', $3)";
    let query = Query::new(TABLE, text)
        .bind(id)
        .bind(storage)
        .bind(store.now());
    store.execute(query).await?;
    Ok(())
}

/// All bytes are there: from now on the file is its owner's. [`StoreError::NotFound`] when the upload took so long
/// that it was given up.
pub async fn finish(store: &Store, row: &FileRow) -> Result<(), StoreError> {
    let text = "UPDATE files SET user_id = $2, filename = $3, mime_type = $4, purpose = $5, bytes = $6, \
                created_at = $7, expires_at = $8, state = 'ready' WHERE id = $1 AND state = 'uploading'";
    let query = Query::new(TABLE, text)
        .bind(&row.id)
        .bind(&row.user_id)
        .bind(&row.filename)
        .bind(&row.mime_type)
        .bind(&row.purpose)
        .bind(row.bytes)
        .bind(row.created_at)
        .bind(row.expires_at);
    match store.execute(query).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// A user's own file that has not expired.
pub async fn get(store: &Store, id: &str, user: &UserId) -> Result<Option<FileRow>, StoreError> {
    let text = "SELECT * FROM files WHERE id = $1 AND user_id = $2 AND state = 'ready' \
                AND (expires_at IS NULL OR expires_at > $3)";
    let query = Query::new(TABLE, text)
        .bind(id)
        .bind(user)
        .bind(store.now());
    store.row(query).await?.as_ref().map(read).transpose()
}

/// Where a user's file stands in the list, expired or not: a page may go on after one that is gone by now.
pub async fn place(store: &Store, id: &str, user: &UserId) -> Result<Option<Cursor>, StoreError> {
    let text = "SELECT id, created_at FROM files WHERE id = $1 AND user_id = $2";
    let row = store
        .row(Query::new(TABLE, text).bind(id).bind(user))
        .await?;
    row.map(|row| {
        Ok(Cursor::new(
            row.get("created_at")?,
            row.get::<String>("id")?,
        ))
    })
    .transpose()
}

/// A user's files that have not expired, by age.
pub async fn list(
    store: &Store,
    user: &UserId,
    purpose: Option<&str>,
    page: &Page,
    order: Order,
) -> Result<Vec<FileRow>, StoreError> {
    let text = "SELECT * FROM files WHERE user_id = $1 AND state = 'ready' AND (expires_at IS NULL OR expires_at > $2)";
    let mut query = Query::new(TABLE, text).bind(user).bind(store.now());
    if let Some(purpose) = purpose {
        query.push_with(" AND purpose = ?", purpose);
    }
    paginate(&mut query, page, ("created_at", "id"), order);
    store.rows(query).await?.iter().map(read).collect()
}

/// Bytes of all files of a user.
pub async fn total_bytes(store: &Store, user: &UserId) -> Result<i64, StoreError> {
    let text = "SELECT user_id, CAST(SUM(bytes) AS BIGINT) AS total FROM files WHERE user_id = $1 AND state = 'ready' \
                GROUP BY user_id";
    let row = store.row(Query::new(TABLE, text).bind(user)).await?;
    row.map_or(Ok(0), |row| row.get("total"))
}

/// Takes a file from its owner; its bytes can go then, and after them the row ([`forget`]). `false`: there was none.
pub async fn delete(store: &Store, id: &str, user: &UserId) -> Result<bool, StoreError> {
    let text = "UPDATE files SET state = 'deleted' WHERE id = $1 AND user_id = $2 AND state = 'ready' \
                AND (expires_at IS NULL OR expires_at > $3)";
    let query = Query::new(TABLE, text)
        .bind(id)
        .bind(user)
        .bind(store.now());
    Ok(store.execute(query).await? > 0)
}

/// Gives up a file that was never complete.
pub async fn abandon(store: &Store, id: &str) -> Result<(), StoreError> {
    let text = "UPDATE files SET state = 'deleted' WHERE id = $1 AND state = 'uploading'";
    store.execute(Query::new(TABLE, text).bind(id)).await?;
    Ok(())
}

/// Takes what has expired, what belonged to users that are deleted and uploads begun before `stale` from their
/// owners, and tells the id and storage of some of the files whose bytes can go.
pub async fn condemn(
    store: &Store,
    stale: Timestamp,
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let now = store.now();
    let expired = "UPDATE files SET state = 'deleted' WHERE state = 'ready' AND expires_at <= $1";
    store.execute(Query::new(TABLE, expired).bind(now)).await?;
    let stuck = "UPDATE files SET state = 'deleted' WHERE state = 'uploading' AND created_at < $1";
    store.execute(Query::new(TABLE, stuck).bind(stale)).await?;
    let orphaned = "UPDATE files SET state = 'deleted' WHERE state = 'ready' AND user_id IN \
                    (SELECT user_id FROM users WHERE deleted_at IS NOT NULL)";
    store.execute(Query::new(TABLE, orphaned)).await?;
    let text =
        "SELECT id, storage FROM files WHERE state = 'deleted' ORDER BY created_at, id LIMIT $1";
    let rows = store.rows(Query::new(TABLE, text).bind(limit)).await?;
    rows.iter()
        .map(|row| Ok((row.get("id")?, row.get("storage")?)))
        .collect()
}

/// The bytes of a deleted file are gone.
pub async fn forget(store: &Store, id: &str) -> Result<(), StoreError> {
    let text = "DELETE FROM files WHERE id = $1 AND state = 'deleted'";
    store.execute(Query::new(TABLE, text).bind(id)).await?;
    Ok(())
}

fn read(row: &Row) -> Result<FileRow, StoreError> {
    Ok(FileRow {
        id: row.get("id")?,
        user_id: row.get("user_id")?,
        filename: row.get("filename")?,
        mime_type: row.get("mime_type")?,
        purpose: row.get("purpose")?,
        bytes: row.get("bytes")?,
        storage: row.get("storage")?,
        created_at: row.get("created_at")?,
        expires_at: row.opt("expires_at")?,
    })
}
