//! Search tools that were set up while the gateway runs. What is in the configuration is not here.

use otari_types::Timestamp;

use crate::sql::{Query, Row, Update};
use crate::tx::Tx;
use crate::{Change, Patch, Store, StoreError};

pub const TABLE: &str = "search_tools";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchToolRow {
    pub name: String,
    pub provider: String,
    pub api_base: Option<String>,
    /// Sealed for this table and the tool's name.
    pub sealed_key: Option<String>,
    pub key_last4: Option<String>,
    pub timeout_ms: Option<i64>,
    /// A JSON object as text.
    pub options: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A tool to store.
#[derive(Clone, Debug, Default)]
pub struct NewSearchTool {
    pub name: String,
    pub provider: String,
    pub api_base: Option<String>,
    pub sealed_key: Option<String>,
    pub key_last4: Option<String>,
    pub timeout_ms: Option<i64>,
    /// A JSON object as text.
    pub options: String,
}

/// What to change; `None` leaves as is.
#[derive(Clone, Debug, Default)]
pub struct SearchToolPatch {
    pub provider: Option<String>,
    pub api_base: Patch<String>,
    pub sealed_key: Patch<String>,
    pub key_last4: Patch<String>,
    pub timeout_ms: Patch<i64>,
    pub options: Option<String>,
    /// Change it only if it was last changed then.
    pub unchanged_since: Option<Timestamp>,
}

/// All of them, by name.
pub async fn list(store: &Store) -> Result<Vec<SearchToolRow>, StoreError> {
    let query = Query::new(TABLE, "SELECT * FROM search_tools ORDER BY name");
    store.rows(query).await?.iter().map(read).collect()
}

pub async fn get(store: &Store, name: &str) -> Result<Option<SearchToolRow>, StoreError> {
    store
        .row(by_name(name))
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Stores a tool. [`StoreError::Conflict`] when there is one of this name.
pub async fn insert(store: &Store, tool: &NewSearchTool) -> Result<SearchToolRow, StoreError> {
    let text = "INSERT INTO search_tools (name, provider, api_base, sealed_key, key_last4, timeout_ms, options, \
                created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    let insert = Query::new(TABLE, text)
        .bind(&tool.name)
        .bind(&tool.provider)
        .bind(tool.api_base.as_deref())
        .bind(tool.sealed_key.as_deref())
        .bind(tool.key_last4.as_deref())
        .bind(tool.timeout_ms)
        .bind(&tool.options)
        .bind(store.now());
    let mut tx = store.begin().await?;
    let inserted = tx.execute(insert).await;
    inserted.map_err(|error| error.or_conflict("search tool", "search tool"))?;
    finish(tx, &tool.name).await
}

/// Changes a tool. [`StoreError::Conflict`] when it was changed since the moment the patch names.
pub async fn update(
    store: &Store,
    name: &str,
    patch: &SearchToolPatch,
) -> Result<SearchToolRow, StoreError> {
    let mut update = Update::new(TABLE, "updated_at", store.now())
        .set("provider", patch.provider.clone())
        .set("api_base", patch.api_base.clone())
        .set("sealed_key", patch.sealed_key.clone())
        .set("key_last4", patch.key_last4.clone())
        .set("timeout_ms", patch.timeout_ms)
        .set("options", patch.options.clone())
        .of("name", name);
    if let Some(since) = patch.unchanged_since {
        update.push_with(" AND updated_at = ?", since);
    }
    let mut tx = store.begin().await?;
    if tx.execute(update).await? == 0 {
        return Err(match tx.row(by_name(name)).await? {
            None => StoreError::NotFound,
            Some(_) => StoreError::Conflict {
                what: "a newer version of the search tool",
            },
        });
    }
    finish(tx, name).await
}

pub async fn delete(store: &Store, name: &str) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let delete = Query::new(TABLE, "DELETE FROM search_tools WHERE name = $1").bind(name);
    if tx.execute(delete).await? == 0 {
        return Err(StoreError::NotFound);
    }
    tx.notify(&Change::Settings).await?;
    tx.commit().await
}

fn by_name(name: &str) -> Query {
    Query::new(TABLE, "SELECT * FROM search_tools WHERE name = $1").bind(name)
}

async fn finish(mut tx: Tx, name: &str) -> Result<SearchToolRow, StoreError> {
    let row = tx.row(by_name(name)).await?.ok_or(StoreError::NotFound)?;
    let tool = read(&row)?;
    tx.notify(&Change::Settings).await?;
    tx.commit().await?;
    Ok(tool)
}

fn read(row: &Row) -> Result<SearchToolRow, StoreError> {
    Ok(SearchToolRow {
        name: row.get("name")?,
        provider: row.get("provider")?,
        api_base: row.opt("api_base")?,
        sealed_key: row.opt("sealed_key")?,
        key_last4: row.opt("key_last4")?,
        timeout_ms: row.opt("timeout_ms")?,
        options: row.get("options")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
