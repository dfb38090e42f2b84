//! Tables of what an operator's names stand for: for everybody, or for one user, whose own name goes first.

use otari_types::{UserId, new_id};

use crate::sql::{Query, Row};
use crate::{Change, Store, StoreError};

/// One such table: `id`, `name`, a column of text, `user_id`, `created_at`, `updated_at`.
#[derive(Debug)]
pub struct Named<T> {
    pub(super) table: &'static str,
    /// The column of what a name stands for.
    pub(super) value: &'static str,
    /// What a row is, where its name is taken.
    pub(super) what: &'static str,
    pub(super) read: fn(&Row) -> Result<T, StoreError>,
}

impl<T> Named<T> {
    /// All of them, by name, the shared one before users' own.
    pub async fn list(&self, store: &Store) -> Result<Vec<T>, StoreError> {
        let table = self.table;
        let text = format!("SELECT * FROM {table} ORDER BY name, COALESCE(user_id, ''), id");
        let rows = store.rows(Query::new(table, text)).await?;
        rows.iter().map(self.read).collect()
    }

    /// Creates or replaces. [`StoreError::Missing`] when the user is unknown.
    pub async fn set(
        &self,
        store: &Store,
        name: &str,
        value: &str,
        user: Option<&UserId>,
    ) -> Result<T, StoreError> {
        let conflict = match user {
            Some(_) => "(name, user_id) WHERE user_id IS NOT NULL",
            None => "(name) WHERE user_id IS NULL",
        };
        let (table, column) = (self.table, self.value);
        let text = format!(
            "INSERT INTO {table} (id, name, {column}, user_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) \
             ON CONFLICT {conflict} DO UPDATE SET {column} = excluded.{column}, updated_at = excluded.updated_at \
             RETURNING *"
        );
        let upsert = Query::new(table, text)
            .bind(new_id())
            .bind(name)
            .bind(value)
            .bind(user)
            .bind(store.now());
        self.write(store, upsert).await
    }

    /// Gives the row `from` another name and content; its id and the time it was made stay. [`StoreError::NotFound`]
    /// without it, [`StoreError::Conflict`] where the new name is taken.
    pub async fn rename(
        &self,
        store: &Store,
        from: &str,
        name: &str,
        value: &str,
        user: Option<&UserId>,
    ) -> Result<T, StoreError> {
        let (table, column) = (self.table, self.value);
        let text =
            format!("UPDATE {table} SET name = $1, {column} = $2, updated_at = $3 WHERE name = $4");
        let mut update = Query::new(table, text)
            .bind(name)
            .bind(value)
            .bind(store.now())
            .bind(from);
        of_user(&mut update, user);
        update.push(" RETURNING *");
        self.write(store, update).await
    }

    pub async fn delete(
        &self,
        store: &Store,
        name: &str,
        user: Option<&UserId>,
    ) -> Result<(), StoreError> {
        let text = format!("DELETE FROM {} WHERE name = $1", self.table);
        let mut query = Query::new(self.table, text).bind(name);
        of_user(&mut query, user);
        let mut tx = store.begin().await?;
        if tx.execute(query).await? == 0 {
            return Err(StoreError::NotFound);
        }
        tx.notify(&Change::Settings).await?;
        tx.commit().await
    }

    /// Runs a statement that answers the row it wrote.
    async fn write(&self, store: &Store, query: Query) -> Result<T, StoreError> {
        let mut tx = store.begin().await?;
        let row = tx
            .row(query)
            .await
            .map_err(|error| error.or_conflict(self.what, "user"))?;
        let written = (self.read)(&row.ok_or(StoreError::NotFound)?)?;
        tx.notify(&Change::Settings).await?;
        tx.commit().await?;
        Ok(written)
    }
}

/// Everybody's, or this user's own.
fn of_user(query: &mut Query, user: Option<&UserId>) {
    match user {
        Some(user) => query.push_with(" AND user_id = ?", user),
        None => query.push(" AND user_id IS NULL"),
    }
}
