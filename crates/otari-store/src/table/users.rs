//! Users: whom spend is attributed to. Deleting one keeps its row, so that its id and its history stay known.

use otari_types::{AccountId, Amounts, BudgetId, Timestamp, UserId};

use super::accounts;
use crate::page::{Order, paginate};
use crate::sql::{Query, Row, Update, json_list};
use crate::tx::Tx;
use crate::{Change, Page, Patch, Store, StoreError};

const TABLE: &str = "users";

/// A user with its account, which every user has.
const SELECT: &str = "SELECT u.user_id, u.alias, u.blocked, u.allowed_models, u.metadata, u.created_at, u.updated_at, \
     u.deleted_at, a.budget_id, a.settled_cost, a.settled_tokens, a.settled_requests, a.leased_cost, \
     a.leased_tokens, a.leased_requests, a.period_start, a.period_end \
     FROM users u JOIN accounts a ON a.account_id = 'user:' || u.user_id WHERE ";

/// A user and the counters of its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    pub user_id: UserId,
    pub alias: Option<String>,
    pub blocked: bool,
    /// `None`: any model; empty: none.
    pub allowed_models: Option<Vec<String>>,
    /// A JSON object as text.
    pub metadata: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub budget_id: Option<BudgetId>,
    /// Spent in this period.
    pub settled: Amounts,
    /// Granted to nodes: calls in flight and allowance they keep at hand.
    pub leased: Amounts,
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
}

/// A user to create.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub user_id: UserId,
    pub alias: Option<String>,
    pub budget_id: Option<BudgetId>,
    pub blocked: bool,
    pub allowed_models: Option<Vec<String>>,
    /// A JSON object as text.
    pub metadata: String,
}

impl NewUser {
    /// An unrestricted user without a budget.
    pub fn of(user_id: UserId) -> Self {
        Self {
            user_id,
            alias: None,
            budget_id: None,
            blocked: false,
            allowed_models: None,
            metadata: "{}".to_owned(),
        }
    }
}

/// What to change; `None` leaves as is.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    pub alias: Patch<String>,
    /// A budget starts its window now; `Some(None)` detaches.
    pub budget_id: Patch<BudgetId>,
    pub blocked: Option<bool>,
    pub allowed_models: Patch<Vec<String>>,
    pub metadata: Option<String>,
}

/// Creates a user, or revives a deleted one under the same id with its spend at zero.
///
/// [`StoreError::Conflict`] when it is live, [`StoreError::Missing`] when the budget is unknown.
pub async fn create(store: &Store, user: &NewUser) -> Result<UserRow, StoreError> {
    let now = store.now();
    let account = AccountId::of_user(&user.user_id);
    let mut tx = store.begin().await?;
    let values = |query: Query| {
        query
            .bind(&user.user_id)
            .bind(user.alias.as_deref())
            .bind(user.blocked)
            .bind(user.allowed_models.as_deref().map(json_list))
            .bind(&user.metadata)
            .bind(now)
    };
    let text = "UPDATE users SET alias = $2, blocked = $3, allowed_models = $4, metadata = $5, updated_at = $6, \
                deleted_at = NULL WHERE user_id = $1 AND deleted_at IS NOT NULL";
    if tx.execute(values(Query::new(TABLE, text))).await? > 0 {
        accounts::zero_settled(&mut tx, &account).await?;
    } else {
        let text = "INSERT INTO users (user_id, alias, blocked, allowed_models, metadata, created_at, updated_at) \
                    VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (user_id) DO NOTHING";
        if tx.execute(values(Query::new(TABLE, text))).await? == 0 {
            return Err(StoreError::Conflict { what: "user" });
        }
        accounts::ensure(&mut tx, &account).await?;
    }
    accounts::assign_budget(&mut tx, &account, user.budget_id.as_ref(), now).await?;
    finish(tx, &user.user_id).await
}

/// The user of this id, created if there is none. It may be a deleted one: see `deleted_at`.
pub async fn ensure(
    store: &Store,
    id: &UserId,
    alias: Option<&str>,
) -> Result<UserRow, StoreError> {
    if let Some(row) = store.row(any(id)).await? {
        return read(&row);
    }
    let mut tx = store.begin().await?;
    let text = "INSERT INTO users (user_id, alias, blocked, metadata, created_at, updated_at) \
                VALUES ($1, $2, $3, '{}', $4, $4) ON CONFLICT (user_id) DO NOTHING";
    let insert = Query::new(TABLE, text)
        .bind(id)
        .bind(alias)
        .bind(false)
        .bind(store.now());
    tx.execute(insert).await?;
    accounts::ensure(&mut tx, &AccountId::of_user(id)).await?;
    finish(tx, id).await
}

/// Brings a deleted user back as it was. Its keys stay inactive.
pub async fn undelete(store: &Store, id: &UserId) -> Result<UserRow, StoreError> {
    let mut tx = store.begin().await?;
    let text = "UPDATE users SET deleted_at = NULL, updated_at = $2 WHERE user_id = $1";
    if tx
        .execute(Query::new(TABLE, text).bind(id).bind(store.now()))
        .await?
        == 0
    {
        return Err(StoreError::NotFound);
    }
    finish(tx, id).await
}

/// The live user of this id.
pub async fn get(store: &Store, id: &UserId) -> Result<Option<UserRow>, StoreError> {
    let mut query = Query::new(TABLE, SELECT);
    query.push_with("u.user_id = ? AND u.deleted_at IS NULL", id);
    query.cached = true;
    store.row(query).await?.as_ref().map(read).transpose()
}

/// Live users, oldest first.
pub async fn list(store: &Store, page: &Page) -> Result<Vec<UserRow>, StoreError> {
    let mut query = Query::new(TABLE, SELECT);
    query.push("u.deleted_at IS NULL");
    paginate(
        &mut query,
        page,
        ("u.created_at", "u.user_id"),
        Order::OldestFirst,
    );
    store.rows(query).await?.iter().map(read).collect()
}

/// Live users.
pub async fn count(store: &Store) -> Result<i64, StoreError> {
    let query = Query::new(
        TABLE,
        "SELECT COUNT(*) AS n FROM users WHERE deleted_at IS NULL",
    );
    store.row(query).await?.map_or(Ok(0), |row| row.get("n"))
}

/// Changes a live user.
pub async fn patch(store: &Store, id: &UserId, patch: &UserPatch) -> Result<UserRow, StoreError> {
    let now = store.now();
    let mut tx = store.begin().await?;
    let models = patch
        .allowed_models
        .as_ref()
        .map(|list| list.as_deref().map(json_list));
    let mut update = Update::new(TABLE, "updated_at", now)
        .set("alias", patch.alias.clone())
        .set("blocked", patch.blocked)
        .set("allowed_models", models)
        .set("metadata", patch.metadata.clone())
        .of("user_id", id);
    update.push(" AND deleted_at IS NULL");
    if tx.execute(update).await? == 0 {
        return Err(StoreError::NotFound);
    }
    if let Some(budget) = &patch.budget_id {
        accounts::assign_budget(&mut tx, &AccountId::of_user(id), budget.as_ref(), now).await?;
    }
    finish(tx, id).await
}

/// Marks a user deleted and deactivates its keys. Its usage stays.
pub async fn soft_delete(store: &Store, id: &UserId) -> Result<(), StoreError> {
    let now = store.now();
    let mut tx = store.begin().await?;
    let text = "UPDATE users SET deleted_at = $2, updated_at = $2 WHERE user_id = $1 AND deleted_at IS NULL";
    if tx
        .execute(Query::new(TABLE, text).bind(id).bind(now))
        .await?
        == 0
    {
        return Err(StoreError::NotFound);
    }
    let text = "UPDATE api_keys SET is_active = $2 WHERE user_id = $1";
    tx.execute(Query::new("api_keys", text).bind(id).bind(false))
        .await?;
    tx.notify(&Change::User(id.clone())).await?;
    tx.commit().await
}

fn any(id: &UserId) -> Query {
    let mut query = Query::new(TABLE, SELECT);
    query.push_with("u.user_id = ?", id);
    query.cached = true;
    query
}

/// Reads back what was written, announces it and commits.
async fn finish(mut tx: Tx, id: &UserId) -> Result<UserRow, StoreError> {
    let row = tx.row(any(id)).await?.ok_or(StoreError::NotFound)?;
    let user = read(&row)?;
    tx.notify(&Change::User(id.clone())).await?;
    tx.commit().await?;
    Ok(user)
}

fn read(row: &Row) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        user_id: row.get("user_id")?,
        alias: row.opt("alias")?,
        blocked: row.get("blocked")?,
        allowed_models: row.json("allowed_models")?,
        metadata: row.get("metadata")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        deleted_at: row.opt("deleted_at")?,
        budget_id: row.opt("budget_id")?,
        settled: accounts::amounts(row, ["settled_cost", "settled_tokens", "settled_requests"])?,
        leased: accounts::amounts(row, ["leased_cost", "leased_tokens", "leased_requests"])?,
        period_start: row.opt("period_start")?,
        period_end: row.opt("period_end")?,
    })
}
