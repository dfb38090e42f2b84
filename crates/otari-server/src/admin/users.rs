//! `/v1/users`: who spend is attributed to.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use otari_store::usage::UsageFilter;
use otari_store::users::{self, NewUser, UserPatch, UserRow};
use otari_store::{Change, Cursor, Store, StoreError, budgets};
use otari_types::{AccountId, BudgetId, NanoUsd, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::admin::usage::{self, UsageEntry};
use crate::admin::{allow_lists, settle_first, tri_state};
use crate::error::ApiError;
use crate::extract::{CursorPage, JsonBody, Listed, Operator};
use crate::state::App;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateUser {
    user_id: String,
    alias: Option<String>,
    budget_id: Option<String>,
    #[serde(default)]
    blocked: bool,
    allowed_models: Option<Vec<String>>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UpdateUser {
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>)]
    alias: Option<Option<String>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>)]
    budget_id: Option<Option<String>>,
    blocked: Option<bool>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_models: Option<Option<Vec<String>>>,
    metadata: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    user_id: String,
    alias: Option<String>,
    /// Dollars settled in this period.
    #[schema(value_type = f64)]
    spend: NanoUsd,
    /// Dollars held by calls in flight on this node.
    #[schema(value_type = f64)]
    reserved: NanoUsd,
    current_tokens: i64,
    current_requests: i64,
    reserved_tokens: i64,
    reserved_requests: i64,
    budget_id: Option<String>,
    allowed_models: Option<Vec<String>>,
    #[schema(value_type = Option<String>, format = DateTime)]
    budget_started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    next_budget_reset_at: Option<Timestamp>,
    blocked: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Object)]
    metadata: Value,
}

impl User {
    fn of(row: UserRow, app: &App) -> Self {
        let held = app.gateway.ledger.held(&AccountId::of_user(&row.user_id));
        Self {
            user_id: row.user_id.to_string(),
            alias: row.alias,
            spend: row.settled.cost,
            reserved: held.cost,
            current_tokens: row.settled.tokens,
            current_requests: row.settled.requests,
            reserved_tokens: held.tokens,
            reserved_requests: held.requests,
            budget_id: row.budget_id.map(|id| id.to_string()),
            allowed_models: row.allowed_models,
            budget_started_at: row.period_start,
            next_budget_reset_at: row.period_end,
            blocked: row.blocked,
            created_at: row.created_at,
            updated_at: row.updated_at,
            metadata: serde_json::from_str(&row.metadata)
                .unwrap_or_else(|_| Value::Object(Map::new())),
        }
    }
}

/// Create a user
#[utoipa::path(
    post, path = "/v1/users", tag = "users", operation_id = "create_user", request_body = CreateUser,
    responses((status = 200, body = User), (status = 404, description = "Unknown budget"), (status = 409, description = "Exists"))
)]
pub(crate) async fn create_user(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<CreateUser>,
) -> Result<Json<User>, ApiError> {
    let gateway = &app.gateway;
    if body.user_id.trim().is_empty() {
        return Err(ApiError::bad_request("user_id must not be empty"));
    }
    if let Some(list) = &body.allowed_models {
        allow_lists::check(gateway, list)?;
    }
    let budget_id = existing_budget(&app, body.budget_id.as_deref()).await?;
    let user_id = UserId::from(body.user_id.as_str());
    let user = NewUser {
        user_id: user_id.clone(),
        alias: body.alias,
        budget_id,
        blocked: body.blocked,
        allowed_models: body.allowed_models,
        metadata: Value::Object(body.metadata.unwrap_or_default()).to_string(),
    };
    let row = users::create(&gateway.store, &user)
        .await
        .map_err(|error| match error {
            StoreError::Conflict { .. } => {
                ApiError::conflict(format!("User with id '{user_id}' already exists"))
            }
            other => other.into(),
        })?;
    gateway.changed(&Change::User(user_id)).await;
    Ok(Json(User::of(row, &app)))
}

async fn existing_budget(app: &App, budget_id: Option<&str>) -> Result<Option<BudgetId>, ApiError> {
    let Some(text) = budget_id else {
        return Ok(None);
    };
    let id = BudgetId::from(text);
    match budgets::get(&app.gateway.store, &id).await? {
        Some(_) => Ok(Some(id)),
        None => Err(ApiError::not_found(format!(
            "Budget with id '{text}' not found"
        ))),
    }
}

/// List users, oldest first
#[utoipa::path(
    get, path = "/v1/users", tag = "users", operation_id = "list_users",
    params(
        ("skip" = Option<i64>, Query), ("limit" = Option<i64>, Query),
        ("cursor" = Option<String>, Query, description = "The `X-Next-Cursor` of the page before"),
    ),
    responses((status = 200, body = Vec<User>, headers(("X-Next-Cursor" = String, description = "Where the next page begins; on a full page"))))
)]
pub(crate) async fn list_users(
    State(app): State<App>,
    _: Operator,
    page: CursorPage,
) -> Result<Listed<User>, ApiError> {
    settle_first(&app).await;
    let rows = users::list(&app.gateway.store, &page.place()).await?;
    Ok(page.answer(
        rows,
        |row| Cursor::new(row.created_at, row.user_id.as_str()),
        |row| User::of(row, &app),
    ))
}

/// Get a user
#[utoipa::path(
    get, path = "/v1/users/{user_id}", tag = "users", operation_id = "get_user", params(("user_id" = String, Path)),
    responses((status = 200, body = User), (status = 404, description = "Unknown user"))
)]
pub(crate) async fn get_user(
    State(app): State<App>,
    _: Operator,
    Path(user_id): Path<String>,
) -> Result<Json<User>, ApiError> {
    settle_first(&app).await;
    let row = users::get(&app.gateway.store, &UserId::from(user_id.as_str())).await?;
    Ok(Json(User::of(row.ok_or_else(|| unknown(&user_id))?, &app)))
}

/// Change a user
///
/// Members left out stay; `null` clears the nullable ones. A newly assigned budget starts its window now.
#[utoipa::path(
    patch, path = "/v1/users/{user_id}", tag = "users", operation_id = "update_user", params(("user_id" = String, Path)),
    request_body = UpdateUser,
    responses((status = 200, body = User), (status = 404, description = "Unknown user or budget"))
)]
pub(crate) async fn update_user(
    State(app): State<App>,
    _: Operator,
    Path(user_id): Path<String>,
    JsonBody(body): JsonBody<UpdateUser>,
) -> Result<Json<User>, ApiError> {
    let gateway = &app.gateway;
    if let Some(Some(list)) = &body.allowed_models {
        allow_lists::check(gateway, list)?;
    }
    let budget_id = match &body.budget_id {
        None => None,
        Some(budget) => Some(existing_budget(&app, budget.as_deref()).await?),
    };
    let id = UserId::from(user_id.as_str());
    let patch = UserPatch {
        alias: body.alias,
        budget_id,
        blocked: body.blocked,
        allowed_models: body.allowed_models,
        metadata: body
            .metadata
            .map(|metadata| Value::Object(metadata).to_string()),
    };
    let row = users::patch(&gateway.store, &id, &patch)
        .await
        .map_err(ApiError::missing(&user_id, unknown))?;
    gateway.changed(&Change::User(id)).await;
    Ok(Json(User::of(row, &app)))
}

/// Delete a user
///
/// Its keys stop working; its usage rows stay.
#[utoipa::path(
    delete, path = "/v1/users/{user_id}", tag = "users", operation_id = "delete_user", params(("user_id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "Unknown user"))
)]
pub(crate) async fn delete_user(
    State(app): State<App>,
    _: Operator,
    Path(user_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = UserId::from(user_id.as_str());
    users::soft_delete(&app.gateway.store, &id)
        .await
        .map_err(ApiError::missing(&user_id, unknown))?;
    app.gateway.changed(&Change::User(id)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// A user's usage rows, newest first
///
/// Also answers for a deleted user.
#[utoipa::path(
    get, path = "/v1/users/{user_id}/usage", tag = "users", operation_id = "get_user_usage",
    params(
        ("user_id" = String, Path), ("skip" = Option<i64>, Query), ("limit" = Option<i64>, Query),
        ("cursor" = Option<String>, Query, description = "The `X-Next-Cursor` of the page before"),
    ),
    responses((status = 200, body = Vec<UsageEntry>, headers(("X-Next-Cursor" = String, description = "Where the next page begins; on a full page"))))
)]
pub(crate) async fn get_user_usage(
    State(app): State<App>,
    _: Operator,
    Path(user_id): Path<String>,
    page: CursorPage,
    uri: http::Uri,
) -> Result<Listed<UsageEntry>, ApiError> {
    settle_first(&app).await;
    let filter = UsageFilter {
        user_ids: vec![user_id.clone()],
        ..UsageFilter::default()
    };
    let rows = otari_store::usage::list(&app.gateway.store, &filter, &page.place()).await?;
    let nobody = rows.is_empty()
        && users::get(&app.gateway.store, &UserId::from(user_id.as_str()))
            .await?
            .is_none();
    if nobody {
        return Err(unknown(&user_id));
    }
    Ok(usage::entries(&page, rows, &uri))
}

/// 404 for a user that there is not, or no more.
pub(super) async fn known_user(store: &Store, user: Option<&UserId>) -> Result<(), ApiError> {
    let Some(user) = user else { return Ok(()) };
    match users::get(store, user).await? {
        Some(row) if row.deleted_at.is_none() => Ok(()),
        _ => Err(unknown(user.as_str())),
    }
}

fn unknown(user_id: &str) -> ApiError {
    ApiError::not_found(format!("User with id '{user_id}' not found"))
}
