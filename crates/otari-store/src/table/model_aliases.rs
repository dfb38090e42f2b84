//! Stored names for models: for everybody, or for one user, whose own name goes first.

use otari_types::{Timestamp, UserId, new_id};

use crate::sql::{Query, Row};
use crate::{Change, Store, StoreError};

const TABLE: &str = "model_aliases";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasRow {
    pub id: String,
    pub name: String,
    /// `instance:model`.
    pub target: String,
    /// `None`: for everybody.
    pub user_id: Option<UserId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// All of them, by name, the shared one before users' own.
pub async fn list(store: &Store) -> Result<Vec<AliasRow>, StoreError> {
    let text = "SELECT * FROM model_aliases ORDER BY name, COALESCE(user_id, ''), id";
    store
        .rows(Query::new(TABLE, text))
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Creates or retargets an alias. [`StoreError::Missing`] when the user is unknown.
pub async fn set(
    store: &Store,
    name: &str,
    target: &str,
    user: Option<&UserId>,
) -> Result<AliasRow, StoreError> {
    let conflict = match user {
        Some(_) => "(name, user_id) WHERE user_id IS NOT NULL",
        None => "(name) WHERE user_id IS NULL",
    };
    let text = format!(
        "INSERT INTO model_aliases (id, name, target, user_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) \
         ON CONFLICT {conflict} DO UPDATE SET target = excluded.target, updated_at = excluded.updated_at RETURNING *"
    );
    let upsert = Query::new(TABLE, text)
        .bind(new_id())
        .bind(name)
        .bind(target)
        .bind(user)
        .bind(store.now());
    let mut tx = store.begin().await?;
    let row = tx
        .row(upsert)
        .await
        .map_err(|error| error.or_conflict("alias", "user"))?;
    let alias = read(&row.ok_or(StoreError::NotFound)?)?;
    tx.notify(&Change::Settings).await?;
    tx.commit().await?;
    Ok(alias)
}

pub async fn delete(store: &Store, name: &str, user: Option<&UserId>) -> Result<(), StoreError> {
    let mut query = Query::new(TABLE, "DELETE FROM model_aliases WHERE name = $1").bind(name);
    match user {
        Some(user) => query.push_with(" AND user_id = ?", user),
        None => query.push(" AND user_id IS NULL"),
    }
    let mut tx = store.begin().await?;
    if tx.execute(query).await? == 0 {
        return Err(StoreError::NotFound);
    }
    tx.notify(&Change::Settings).await?;
    tx.commit().await
}

fn read(row: &Row) -> Result<AliasRow, StoreError> {
    Ok(AliasRow {
        id: row.get("id")?,
        name: row.get("name")?,
        target: row.get("target")?,
        user_id: row.opt("user_id")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
