//! `/v1/keys`: virtual keys.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use otari_gateway::credentials::hash_token;
use otari_gateway::tools::ToolList;
use otari_store::api_keys::{self, KeyFilter, KeyPatch, KeyRow, NewKey};
use otari_store::{Change, Cursor, StoreError, users};
use otari_types::{KeyId, Secret, Timestamp, UserId, new_id};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::admin::{allow_lists, tri_state};
use crate::error::ApiError;
use crate::extract::{CursorPage, JsonBody, Listed, Operator, QueryArgs};
use crate::start::new_key;
use crate::state::App;

const DEFAULT_USER: &str = "default";

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateKey {
    key_name: Option<String>,
    /// Created when it does not exist; the shared user `default` when left out.
    user_id: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// null: any model. []: none. Entries: `provider:model`, `provider:*`, `provider:prefix*`.
    allowed_models: Option<Vec<String>>,
    /// null: any tool. []: none. Entries: `otari_web_search`, `otari_web_fetch`, `otari_code_execution`, `mcp`,
    /// `mcp:NAME`, `search`, `search:NAME`.
    allowed_tools: Option<Vec<String>>,
    #[serde(default)]
    exclude_from_budget: bool,
    reject_user_mismatch: Option<bool>,
    capture_agent_telemetry: Option<bool>,
    workspace_id: Option<String>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UpdateKey {
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>)]
    key_name: Option<Option<String>>,
    is_active: Option<bool>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<Timestamp>>,
    exclude_from_budget: Option<bool>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<bool>)]
    reject_user_mismatch: Option<Option<bool>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<bool>)]
    capture_agent_telemetry: Option<Option<bool>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_models: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_tools: Option<Option<Vec<String>>>,
    metadata: Option<Map<String, Value>>,
}

/// A key without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyInfo {
    id: String,
    /// The first characters of the key, for recognising it.
    key_prefix: Option<String>,
    key_suffix: Option<String>,
    key_name: Option<String>,
    user_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    is_active: bool,
    allowed_models: Option<Vec<String>>,
    allowed_tools: Option<Vec<String>>,
    exclude_from_budget: bool,
    reject_user_mismatch: Option<bool>,
    capture_agent_telemetry: Option<bool>,
    workspace_id: String,
    #[schema(value_type = Object)]
    metadata: Value,
}

/// A key with its secret, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    key: String,
    #[serde(flatten)]
    info: KeyInfo,
}

impl KeyInfo {
    fn of(row: KeyRow, app: &App) -> Self {
        Self {
            id: row.id.to_string(),
            key_prefix: row.key_prefix,
            key_suffix: row.key_suffix,
            key_name: row.key_name,
            user_id: row.user_id.map(|id| id.to_string()),
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            is_active: row.is_active,
            allowed_models: row.allowed_models,
            allowed_tools: row.allowed_tools,
            exclude_from_budget: row.exclude_from_budget,
            reject_user_mismatch: row.reject_user_mismatch,
            capture_agent_telemetry: row.capture_agent_telemetry,
            workspace_id: row.workspace_id.unwrap_or_else(|| app.workspace_id.clone()),
            metadata: serde_json::from_str(&row.metadata)
                .unwrap_or_else(|_| Value::Object(Map::new())),
        }
    }
}

/// Create a key
///
/// The secret is in the answer and cannot be shown again.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", operation_id = "create_key", request_body = CreateKey,
    responses((status = 200, body = CreatedKey), (status = 400, description = "Bad allow-list"), (status = 404, description = "Deleted user, or unknown workspace"))
)]
pub(crate) async fn create_key(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<CreateKey>,
) -> Result<Json<CreatedKey>, ApiError> {
    let gateway = &app.gateway;
    let user = owner(&app, body.user_id.as_deref()).await?;
    if body
        .workspace_id
        .as_ref()
        .is_some_and(|id| *id != app.workspace_id)
    {
        return Err(ApiError::not_found("Workspace not found"));
    }
    if let Some(list) = &body.allowed_models {
        allow_lists::check(gateway, list)?;
        allow_lists::check_within(list, user.allowed_models.as_deref())?;
    }
    check_tools(body.allowed_tools.as_deref())?;
    let secret = new_key();
    let key = NewKey {
        key_name: body.key_name,
        workspace_id: Some(app.workspace_id.clone()),
        expires_at: body.expires_at,
        allowed_models: body.allowed_models,
        allowed_tools: body.allowed_tools,
        exclude_from_budget: body.exclude_from_budget,
        reject_user_mismatch: body.reject_user_mismatch,
        capture_agent_telemetry: body.capture_agent_telemetry,
        metadata: Value::Object(body.metadata.unwrap_or_default()).to_string(),
        user_id: Some(user.user_id),
        ..NewKey::of(
            KeyId::from(new_id()),
            &hash_token(secret.expose()),
            secret.expose(),
        )
    };
    let row = api_keys::insert(&gateway.store, &key).await?;
    Ok(Json(created(row, &secret, &app)))
}

/// The user a key will belong to.
async fn owner(app: &App, named: Option<&str>) -> Result<users::UserRow, ApiError> {
    let store = &app.gateway.store;
    match named {
        None => {
            let user = UserId::from(DEFAULT_USER);
            let row = users::ensure(store, &user, Some("Default")).await?;
            Ok(if row.deleted_at.is_some() {
                users::undelete(store, &user).await?
            } else {
                row
            })
        }
        Some(named) => {
            let user = UserId::from(named);
            let row = users::ensure(store, &user, Some(&format!("User {named}"))).await?;
            if row.deleted_at.is_some() {
                let message =
                    format!("User '{named}' was deleted. Recreate via POST /v1/users first");
                return Err(ApiError::not_found(message));
            }
            Ok(row)
        }
    }
}

fn created(row: KeyRow, secret: &Secret, app: &App) -> CreatedKey {
    CreatedKey {
        key: secret.expose().to_owned(),
        info: KeyInfo::of(row, app),
    }
}

/// List keys, oldest first
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", operation_id = "list_keys",
    params(
        ("skip" = Option<i64>, Query), ("limit" = Option<i64>, Query),
        ("cursor" = Option<String>, Query, description = "The `X-Next-Cursor` of the page before"),
        ("user_id" = Option<String>, Query), ("workspace_id" = Option<String>, Query),
    ),
    responses((status = 200, body = Vec<KeyInfo>, headers(("X-Next-Cursor" = String, description = "Where the next page begins; on a full page"))))
)]
pub(crate) async fn list_keys(
    State(app): State<App>,
    _: Operator,
    page: CursorPage,
    query: QueryArgs,
) -> Result<Listed<KeyInfo>, ApiError> {
    let filter = KeyFilter {
        user_id: query.one("user_id").map(UserId::from),
        workspace_id: query.one("workspace_id").map(str::to_owned),
        is_active: query.bool("is_active")?,
    };
    let rows = api_keys::list(&app.gateway.store, &filter, &page.place()).await?;
    Ok(page.answer(
        rows,
        |row| Cursor::new(row.created_at, row.id.as_str()),
        |row| KeyInfo::of(row, &app),
    ))
}

/// Get a key
#[utoipa::path(
    get, path = "/v1/keys/{key_id}", tag = "keys", operation_id = "get_key", params(("key_id" = String, Path)),
    responses((status = 200, body = KeyInfo), (status = 404, description = "Unknown key"))
)]
pub(crate) async fn get_key(
    State(app): State<App>,
    _: Operator,
    Path(key_id): Path<String>,
) -> Result<Json<KeyInfo>, ApiError> {
    let row = api_keys::get(&app.gateway.store, &KeyId::from(key_id.as_str())).await?;
    Ok(Json(KeyInfo::of(
        row.ok_or_else(|| unknown(&key_id))?,
        &app,
    )))
}

/// Change a key
///
/// Members left out stay; `null` clears the nullable ones.
#[utoipa::path(
    patch, path = "/v1/keys/{key_id}", tag = "keys", operation_id = "update_key", params(("key_id" = String, Path)),
    request_body = UpdateKey,
    responses((status = 200, body = KeyInfo), (status = 400, description = "Bad allow-list"), (status = 404, description = "Unknown key"))
)]
pub(crate) async fn update_key(
    State(app): State<App>,
    _: Operator,
    Path(key_id): Path<String>,
    JsonBody(body): JsonBody<UpdateKey>,
) -> Result<Json<KeyInfo>, ApiError> {
    let gateway = &app.gateway;
    let id = KeyId::from(key_id.as_str());
    if let Some(Some(list)) = &body.allowed_models {
        let row = api_keys::get(&gateway.store, &id)
            .await?
            .ok_or_else(|| unknown(&key_id))?;
        let user = match &row.user_id {
            Some(user) => users::get(&gateway.store, user).await?,
            None => None,
        };
        allow_lists::check(gateway, list)?;
        allow_lists::check_within(list, user.and_then(|user| user.allowed_models).as_deref())?;
    }
    check_tools(body.allowed_tools.as_ref().and_then(Option::as_deref))?;
    let patch = KeyPatch {
        key_name: body.key_name,
        user_id: None,
        is_active: body.is_active,
        expires_at: body.expires_at,
        exclude_from_budget: body.exclude_from_budget,
        reject_user_mismatch: body.reject_user_mismatch,
        capture_agent_telemetry: body.capture_agent_telemetry,
        allowed_models: body.allowed_models,
        allowed_tools: body.allowed_tools,
        metadata: body
            .metadata
            .map(|metadata| Value::Object(metadata).to_string()),
    };
    let row = api_keys::update(&gateway.store, &id, &patch)
        .await
        .map_err(missing(&key_id))?;
    gateway.changed(&Change::Key(id)).await;
    Ok(Json(KeyInfo::of(row, &app)))
}

/// Replace a key's secret
///
/// The old secret is dead at once.
#[utoipa::path(
    post, path = "/v1/keys/{key_id}/rotate", tag = "keys", operation_id = "rotate_key", params(("key_id" = String, Path)),
    responses((status = 200, body = CreatedKey), (status = 404, description = "Unknown key"))
)]
pub(crate) async fn rotate_key(
    State(app): State<App>,
    _: Operator,
    Path(key_id): Path<String>,
) -> Result<Json<CreatedKey>, ApiError> {
    let id = KeyId::from(key_id.as_str());
    let secret = new_key();
    let hash = hash_token(secret.expose());
    let row = api_keys::rotate(&app.gateway.store, &id, &hash, secret.expose()).await;
    let row = row.map_err(missing(&key_id))?;
    app.gateway.changed(&Change::Key(id)).await;
    Ok(Json(created(row, &secret, &app)))
}

/// Delete a key
///
/// Its usage rows stay.
#[utoipa::path(
    delete, path = "/v1/keys/{key_id}", tag = "keys", operation_id = "delete_key", params(("key_id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "Unknown key"))
)]
pub(crate) async fn delete_key(
    State(app): State<App>,
    _: Operator,
    Path(key_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = KeyId::from(key_id.as_str());
    api_keys::delete(&app.gateway.store, &id)
        .await
        .map_err(missing(&key_id))?;
    app.gateway.changed(&Change::Key(id)).await;
    Ok(StatusCode::NO_CONTENT)
}

fn check_tools(list: Option<&[String]>) -> Result<(), ApiError> {
    let problem = list.and_then(ToolList::problem);
    problem.map_or(Ok(()), |text| Err(ApiError::bad_request(text)))
}

fn unknown(key_id: &str) -> ApiError {
    ApiError::not_found(format!("API key with id '{key_id}' not found"))
}

fn missing(key_id: &str) -> impl FnOnce(StoreError) -> ApiError + '_ {
    ApiError::missing(key_id, unknown)
}
