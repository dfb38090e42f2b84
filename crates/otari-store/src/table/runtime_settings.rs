//! Settings that are stored rather than configured: one text per name.

use crate::sql::Query;
use crate::{Change, Store, StoreError};

const TABLE: &str = "runtime_settings";

pub async fn get(store: &Store, key: &str) -> Result<Option<String>, StoreError> {
    let query = Query::new(TABLE, "SELECT value FROM runtime_settings WHERE key = $1").bind(key);
    store
        .row(query)
        .await?
        .map(|row| row.get("value"))
        .transpose()
}

/// Every setting, by name.
pub async fn all(store: &Store) -> Result<Vec<(String, String)>, StoreError> {
    let query = Query::new(
        TABLE,
        "SELECT key, value FROM runtime_settings ORDER BY key",
    );
    let rows = store.rows(query).await?;
    rows.iter()
        .map(|row| Ok((row.get("key")?, row.get("value")?)))
        .collect()
}

pub async fn put(store: &Store, key: &str, value: &str) -> Result<(), StoreError> {
    let text = "INSERT INTO runtime_settings (key, value, updated_at) VALUES ($1, $2, $3) \
                ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
    let mut tx = store.begin().await?;
    tx.execute(
        Query::new(TABLE, text)
            .bind(key)
            .bind(value)
            .bind(store.now()),
    )
    .await?;
    tx.notify(&Change::Settings).await?;
    tx.commit().await
}

/// Stores `value` unless there is one, and returns the one that is stored then: of several nodes that start at
/// once, one wins and all learn what it wrote.
pub async fn put_if_absent(store: &Store, key: &str, value: &str) -> Result<String, StoreError> {
    let text = "INSERT INTO runtime_settings (key, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING";
    store
        .execute(
            Query::new(TABLE, text)
                .bind(key)
                .bind(value)
                .bind(store.now()),
        )
        .await?;
    get(store, key).await?.ok_or(StoreError::NotFound)
}

/// Returns whether there was one.
pub async fn delete(store: &Store, key: &str) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let delete = Query::new(TABLE, "DELETE FROM runtime_settings WHERE key = $1").bind(key);
    let existed = tx.execute(delete).await? > 0;
    tx.notify(&Change::Settings).await?;
    tx.commit().await?;
    Ok(existed)
}
