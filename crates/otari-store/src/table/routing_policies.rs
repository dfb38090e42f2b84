//! Stored routing policies: for everybody, or for one user, whose own policy goes first.

use otari_types::{Timestamp, UserId, new_id};

use crate::sql::{Query, Row};
use crate::{Change, Store, StoreError};

const TABLE: &str = "routing_policies";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    pub id: String,
    pub name: String,
    /// JSON, as it was written.
    pub spec: String,
    /// `None`: for everybody.
    pub user_id: Option<UserId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// All of them, by name, the shared one before users' own.
pub async fn list(store: &Store) -> Result<Vec<PolicyRow>, StoreError> {
    let text = "SELECT * FROM routing_policies ORDER BY name, COALESCE(user_id, ''), id";
    store
        .rows(Query::new(TABLE, text))
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Creates or replaces a policy. [`StoreError::Missing`] when the user is unknown.
pub async fn set(
    store: &Store,
    name: &str,
    spec: &str,
    user: Option<&UserId>,
) -> Result<PolicyRow, StoreError> {
    let conflict = match user {
        Some(_) => "(name, user_id) WHERE user_id IS NOT NULL",
        None => "(name) WHERE user_id IS NULL",
    };
    let text = format!(
        "INSERT INTO routing_policies (id, name, spec, user_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) \
         ON CONFLICT {conflict} DO UPDATE SET spec = excluded.spec, updated_at = excluded.updated_at RETURNING *"
    );
    let upsert = Query::new(TABLE, text)
        .bind(new_id())
        .bind(name)
        .bind(spec)
        .bind(user)
        .bind(store.now());
    write(store, upsert).await
}

/// Gives the policy `from` another name and content; its id and the time it was made stay. [`StoreError::NotFound`]
/// without it, [`StoreError::Conflict`] where the new name is taken.
pub async fn rename(
    store: &Store,
    from: &str,
    name: &str,
    spec: &str,
    user: Option<&UserId>,
) -> Result<PolicyRow, StoreError> {
    let text = "UPDATE routing_policies SET name = $1, spec = $2, updated_at = $3 WHERE name = $4";
    let mut update = Query::new(TABLE, text)
        .bind(name)
        .bind(spec)
        .bind(store.now())
        .bind(from);
    of_user(&mut update, user);
    update.push(" RETURNING *");
    write(store, update).await
}

pub async fn delete(store: &Store, name: &str, user: Option<&UserId>) -> Result<(), StoreError> {
    let mut query = Query::new(TABLE, "DELETE FROM routing_policies WHERE name = $1").bind(name);
    of_user(&mut query, user);
    let mut tx = store.begin().await?;
    if tx.execute(query).await? == 0 {
        return Err(StoreError::NotFound);
    }
    tx.notify(&Change::Settings).await?;
    tx.commit().await
}

async fn write(store: &Store, query: Query) -> Result<PolicyRow, StoreError> {
    let mut tx = store.begin().await?;
    let row = tx
        .row(query)
        .await
        .map_err(|error| error.or_conflict("routing policy", "user"))?;
    let policy = read(&row.ok_or(StoreError::NotFound)?)?;
    tx.notify(&Change::Settings).await?;
    tx.commit().await?;
    Ok(policy)
}

fn of_user(query: &mut Query, user: Option<&UserId>) {
    match user {
        Some(user) => query.push_with(" AND user_id = ?", user),
        None => query.push(" AND user_id IS NULL"),
    }
}

fn read(row: &Row) -> Result<PolicyRow, StoreError> {
    Ok(PolicyRow {
        id: row.get("id")?,
        name: row.get("name")?,
        spec: row.get("spec")?,
        user_id: row.opt("user_id")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
