//! Virtual keys. Only the SHA-256 of a key is stored, with its first and last characters for people to know it by.

use std::fmt::Write;

use otari_types::{BudgetId, KeyId, Timestamp, UserId};

use crate::page::{Order, paginate};
use crate::sql::{Query, Row, Update, json_list};
use crate::tx::Tx;
use crate::{Change, Page, Patch, Store, StoreError};

const TABLE: &str = "api_keys";
const PREFIX_CHARS: usize = 10;
const SUFFIX_CHARS: usize = 4;

const COLUMNS: &str = "k.id, k.key_prefix, k.key_suffix, k.key_name, k.user_id, k.workspace_id, k.created_at, \
     k.last_used_at, k.expires_at, k.is_active, k.exclude_from_budget, k.reject_user_mismatch, \
     k.capture_agent_telemetry, k.allowed_models, k.allowed_tools, k.metadata";

/// A virtual key as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    pub id: KeyId,
    /// The first characters of the key.
    pub key_prefix: Option<String>,
    /// The last characters of the key.
    pub key_suffix: Option<String>,
    pub key_name: Option<String>,
    pub user_id: Option<UserId>,
    pub workspace_id: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub is_active: bool,
    pub exclude_from_budget: bool,
    /// `None`: as the deployment says.
    pub reject_user_mismatch: Option<bool>,
    /// `None`: as the deployment says.
    pub capture_agent_telemetry: Option<bool>,
    /// `None`: as the owner may; empty: none.
    pub allowed_models: Option<Vec<String>>,
    /// `None`: any tool; empty: none.
    pub allowed_tools: Option<Vec<String>>,
    /// A JSON object as text.
    pub metadata: String,
}

/// A key and what admission needs of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWithUser {
    pub key: KeyRow,
    pub user_alias: Option<String>,
    pub user_blocked: bool,
    /// Also when there is no owner any more.
    pub user_deleted: bool,
    pub user_allowed_models: Option<Vec<String>>,
    pub user_budget_id: Option<BudgetId>,
}

/// A key to store.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub id: KeyId,
    pub hash: [u8; 32],
    pub key_prefix: String,
    pub key_suffix: String,
    pub key_name: Option<String>,
    pub user_id: Option<UserId>,
    pub workspace_id: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub exclude_from_budget: bool,
    pub reject_user_mismatch: Option<bool>,
    pub capture_agent_telemetry: Option<bool>,
    pub allowed_models: Option<Vec<String>>,
    /// `None`: any tool; empty: none.
    pub allowed_tools: Option<Vec<String>>,
    /// A JSON object as text.
    pub metadata: String,
}

impl NewKey {
    /// An unrestricted key; of `plain` only its ends are kept.
    pub fn of(id: KeyId, hash: &[u8; 32], plain: &str) -> Self {
        let (key_prefix, key_suffix) = ends(plain);
        Self {
            id,
            hash: *hash,
            key_prefix,
            key_suffix,
            key_name: None,
            user_id: None,
            workspace_id: None,
            expires_at: None,
            exclude_from_budget: false,
            reject_user_mismatch: None,
            capture_agent_telemetry: None,
            allowed_models: None,
            allowed_tools: None,
            metadata: "{}".to_owned(),
        }
    }
}

/// What to change; `None` leaves as is.
#[derive(Clone, Debug, Default)]
pub struct KeyPatch {
    pub key_name: Patch<String>,
    pub user_id: Option<UserId>,
    pub is_active: Option<bool>,
    pub expires_at: Patch<Timestamp>,
    pub exclude_from_budget: Option<bool>,
    pub reject_user_mismatch: Patch<bool>,
    pub capture_agent_telemetry: Patch<bool>,
    pub allowed_models: Patch<Vec<String>>,
    pub allowed_tools: Patch<Vec<String>>,
    pub metadata: Option<String>,
}

/// Which keys to list; what is not set does not restrict.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    pub user_id: Option<UserId>,
    pub workspace_id: Option<String>,
    pub is_active: Option<bool>,
}

/// The key with this SHA-256, and its owner.
pub async fn find_by_hash(
    store: &Store,
    hash: &[u8; 32],
) -> Result<Option<KeyWithUser>, StoreError> {
    find(store, "k.key_hash", hex(hash)).await
}

/// The key with this id, and its owner.
pub async fn find_by_id(store: &Store, id: &KeyId) -> Result<Option<KeyWithUser>, StoreError> {
    find(store, "k.id", id.to_string()).await
}

async fn find(
    store: &Store,
    column: &str,
    value: String,
) -> Result<Option<KeyWithUser>, StoreError> {
    let text = format!(
        "SELECT {COLUMNS}, u.alias AS user_alias, u.blocked AS user_blocked, u.deleted_at AS user_deleted_at, \
         u.created_at AS user_created_at, u.allowed_models AS user_allowed_models, a.budget_id AS user_budget_id \
         FROM api_keys k LEFT JOIN users u ON u.user_id = k.user_id \
         LEFT JOIN accounts a ON a.account_id = 'user:' || k.user_id WHERE {column} = $1"
    );
    let Some(row) = store.row(Query::new(TABLE, text).bind(value)).await? else {
        return Ok(None);
    };
    let exists = row.opt::<Timestamp>("user_created_at")?.is_some();
    Ok(Some(KeyWithUser {
        key: read(&row)?,
        user_alias: row.opt("user_alias")?,
        user_blocked: row.opt("user_blocked")?.unwrap_or(false),
        user_deleted: !exists || row.opt::<Timestamp>("user_deleted_at")?.is_some(),
        user_allowed_models: row.json("user_allowed_models")?,
        user_budget_id: row.opt("user_budget_id")?,
    }))
}

/// Stores a key. [`StoreError::Conflict`] when the same key is there, [`StoreError::Missing`] when the owner is not.
pub async fn insert(store: &Store, key: &NewKey) -> Result<KeyRow, StoreError> {
    let text = "INSERT INTO api_keys (id, key_hash, key_prefix, key_suffix, key_name, user_id, workspace_id, \
                created_at, expires_at, is_active, exclude_from_budget, reject_user_mismatch, \
                capture_agent_telemetry, allowed_models, allowed_tools, metadata) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let insert = Query::new(TABLE, text)
        .bind(&key.id)
        .bind(hex(&key.hash))
        .bind(&key.key_prefix)
        .bind(&key.key_suffix)
        .bind(key.key_name.as_deref())
        .bind(key.user_id.as_ref())
        .bind(key.workspace_id.as_deref())
        .bind(store.now())
        .bind(key.expires_at)
        .bind(true)
        .bind(key.exclude_from_budget)
        .bind(key.reject_user_mismatch)
        .bind(key.capture_agent_telemetry)
        .bind(key.allowed_models.as_deref().map(json_list))
        .bind(key.allowed_tools.as_deref().map(json_list))
        .bind(&key.metadata);
    let mut tx = store.begin().await?;
    let inserted = tx.execute(insert).await;
    inserted.map_err(|error| error.or_conflict("API key", "user"))?;
    finish(tx, &key.id).await
}

pub async fn get(store: &Store, id: &KeyId) -> Result<Option<KeyRow>, StoreError> {
    store.row(by_id(id)).await?.as_ref().map(read).transpose()
}

/// Oldest first.
pub async fn list(
    store: &Store,
    filter: &KeyFilter,
    page: &Page,
) -> Result<Vec<KeyRow>, StoreError> {
    let mut query = Query::new(
        TABLE,
        format!("SELECT {COLUMNS} FROM api_keys k WHERE 1 = 1"),
    );
    if let Some(user) = &filter.user_id {
        query.push_with(" AND k.user_id = ?", user);
    }
    if let Some(workspace) = &filter.workspace_id {
        query.push_with(" AND k.workspace_id = ?", workspace);
    }
    if let Some(active) = filter.is_active {
        query.push_with(" AND k.is_active = ?", active);
    }
    paginate(
        &mut query,
        page,
        ("k.created_at", "k.id"),
        Order::OldestFirst,
    );
    store.rows(query).await?.iter().map(read).collect()
}

/// All keys, inactive ones included.
pub async fn count(store: &Store) -> Result<i64, StoreError> {
    let query = Query::new(TABLE, "SELECT COUNT(*) AS n FROM api_keys");
    store.row(query).await?.map_or(Ok(0), |row| row.get("n"))
}

pub async fn update(store: &Store, id: &KeyId, patch: &KeyPatch) -> Result<KeyRow, StoreError> {
    let models = patch
        .allowed_models
        .as_ref()
        .map(|list| list.as_deref().map(json_list));
    let tools = patch.allowed_tools.as_ref();
    // Sets nothing by itself, so that an empty patch is an update too.
    let update = Update::new(TABLE, "id", id)
        .set("key_name", patch.key_name.clone())
        .set("user_id", patch.user_id.clone())
        .set("is_active", patch.is_active)
        .set("expires_at", patch.expires_at)
        .set("exclude_from_budget", patch.exclude_from_budget)
        .set("reject_user_mismatch", patch.reject_user_mismatch)
        .set("capture_agent_telemetry", patch.capture_agent_telemetry)
        .set("allowed_models", models)
        .set(
            "allowed_tools",
            tools.map(|list| list.as_deref().map(json_list)),
        )
        .set("metadata", patch.metadata.clone())
        .of("id", id);
    let mut tx = store.begin().await?;
    let updated = tx.execute(update).await;
    if updated.map_err(|error| error.or_conflict("API key", "user"))? == 0 {
        return Err(StoreError::NotFound);
    }
    finish(tx, id).await
}

/// Puts a new secret in place of the old one, which is dead from then on.
pub async fn rotate(
    store: &Store,
    id: &KeyId,
    hash: &[u8; 32],
    plain: &str,
) -> Result<KeyRow, StoreError> {
    let (prefix, suffix) = ends(plain);
    let text = "UPDATE api_keys SET key_hash = $2, key_prefix = $3, key_suffix = $4, last_used_at = NULL WHERE id = $1";
    let update = Query::new(TABLE, text)
        .bind(id)
        .bind(hex(hash))
        .bind(prefix)
        .bind(suffix);
    let mut tx = store.begin().await?;
    let updated = tx.execute(update).await;
    if updated.map_err(|error| error.or_conflict("API key", "user"))? == 0 {
        return Err(StoreError::NotFound);
    }
    finish(tx, id).await
}

/// Removes a key; its usage stays.
pub async fn delete(store: &Store, id: &KeyId) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let delete = Query::new(TABLE, "DELETE FROM api_keys WHERE id = $1").bind(id);
    if tx.execute(delete).await? == 0 {
        return Err(StoreError::NotFound);
    }
    tx.notify(&Change::Key(id.clone())).await?;
    tx.commit().await
}

/// Writes that these keys were used just now.
pub async fn touch_last_used(store: &Store, ids: &[KeyId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut query =
        Query::new(TABLE, "UPDATE api_keys SET last_used_at = $1 WHERE id IN ").bind(store.now());
    query.push_list(ids);
    store.execute(query).await.map(drop)
}

fn by_id(id: &KeyId) -> Query {
    Query::new(
        TABLE,
        format!("SELECT {COLUMNS} FROM api_keys k WHERE k.id = $1"),
    )
    .bind(id)
}

/// Reads back what was written, announces it and commits.
async fn finish(mut tx: Tx, id: &KeyId) -> Result<KeyRow, StoreError> {
    let row = tx.row(by_id(id)).await?.ok_or(StoreError::NotFound)?;
    let key = read(&row)?;
    tx.notify(&Change::Key(id.clone())).await?;
    tx.commit().await?;
    Ok(key)
}

fn ends(plain: &str) -> (String, String) {
    let length = plain.chars().count();
    let prefix = plain.chars().take(PREFIX_CHARS).collect();
    let suffix = plain
        .chars()
        .skip(length.saturating_sub(SUFFIX_CHARS))
        .collect();
    (prefix, suffix)
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn read(row: &Row) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        id: row.get("id")?,
        key_prefix: row.opt("key_prefix")?,
        key_suffix: row.opt("key_suffix")?,
        key_name: row.opt("key_name")?,
        user_id: row.opt("user_id")?,
        workspace_id: row.opt("workspace_id")?,
        created_at: row.get("created_at")?,
        last_used_at: row.opt("last_used_at")?,
        expires_at: row.opt("expires_at")?,
        is_active: row.get("is_active")?,
        exclude_from_budget: row.get("exclude_from_budget")?,
        reject_user_mismatch: row.opt("reject_user_mismatch")?,
        capture_agent_telemetry: row.opt("capture_agent_telemetry")?,
        allowed_models: row.json("allowed_models")?,
        allowed_tools: row.json("allowed_tools")?,
        metadata: row.get("metadata")?,
    })
}
