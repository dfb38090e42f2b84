//! `/v1/aliases`: other names for models, for everybody or for one user.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use otari_store::model_aliases::{ALIASES, AliasRow};
use otari_types::{ModelSelector, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::names::{self, Kind, model_at_a_provider};
use crate::admin::users::known_user;
use crate::error::ApiError;
use crate::extract::{JsonBody, Operator, QueryArgs};
use crate::state::App;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SetAlias {
    /// Without `:` and `/`, and not the name of a provider instance.
    #[schema(example = "house")]
    name: String,
    #[schema(example = "openai:gpt-5-mini")]
    target: String,
    /// Only this user knows the name; left out or null, everybody does.
    user_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alias {
    name: String,
    target: String,
    /// `config` or `stored`.
    source: &'static str,
    user_id: Option<String>,
    workspace_id: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

impl Alias {
    fn stored(row: AliasRow, app: &App) -> Self {
        Self {
            name: row.name,
            target: row.target,
            source: "stored",
            user_id: row.user_id.map(|id| id.to_string()),
            workspace_id: Some(app.workspace_id.clone()),
            created_at: Some(row.created_at),
            updated_at: Some(row.updated_at),
        }
    }

    fn configured(name: &str, target: &str) -> Self {
        Self {
            name: name.to_owned(),
            target: target.to_owned(),
            source: "config",
            user_id: None,
            workspace_id: None,
            created_at: None,
            updated_at: None,
        }
    }
}

/// List aliases, by name
///
/// A stored alias of everybody's is shadowed by a configured one of the same name; a user's own goes before both.
#[utoipa::path(
    get, path = "/v1/aliases", tag = "aliases", operation_id = "list_aliases",
    params(("workspace_id" = Option<String>, Query, description = "Only stored ones of this workspace")),
    responses((status = 200, body = Vec<Alias>))
)]
pub(crate) async fn list_aliases(
    State(app): State<App>,
    _: Operator,
    query: QueryArgs,
) -> Result<Json<Vec<Alias>>, ApiError> {
    let mut aliases: Vec<Alias> = app
        .gateway
        .configured_aliases()
        .iter()
        .map(|(name, target)| Alias::configured(name, target))
        .collect();
    let workspace = query.one("workspace_id");
    if workspace.is_none_or(|id| id == app.workspace_id) {
        let stored = ALIASES.list(&app.gateway.store).await?;
        aliases.extend(stored.into_iter().map(|row| Alias::stored(row, &app)));
    }
    // Stable: configured before stored, and those in the store's order.
    aliases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(aliases))
}

/// Set an alias
///
/// Creates it, or gives it another target. It counts from the next call on.
#[utoipa::path(
    post, path = "/v1/aliases", tag = "aliases", operation_id = "set_alias", request_body = SetAlias,
    responses(
        (status = 200, body = Alias),
        (status = 400, description = "A name or target that cannot work, or a name that is taken"),
        (status = 404, description = "Unknown user"),
    )
)]
pub(crate) async fn set_alias(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<SetAlias>,
) -> Result<Json<Alias>, ApiError> {
    let store = &app.gateway.store;
    let name = body.name.trim();
    let user = body.user_id.as_deref().map(UserId::from);
    names::check(&app, Kind::Alias, name, user.as_ref())?;
    let target = checked_target(&app, name, &body.target)?;
    known_user(store, user.as_ref()).await?;
    let row = ALIASES
        .set(store, name, &target.to_string(), user.as_ref())
        .await?;
    app.gateway.reload().await?;
    Ok(Json(Alias::stored(row, &app)))
}

/// Delete a stored alias
///
/// Everybody's, or with `user_id` that user's own.
#[utoipa::path(
    delete, path = "/v1/aliases/{name}", tag = "aliases", operation_id = "delete_alias",
    params(("name" = String, Path), ("user_id" = Option<String>, Query)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such stored alias"))
)]
pub(crate) async fn delete_alias(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
    query: QueryArgs,
) -> Result<StatusCode, ApiError> {
    let user = query.one("user_id").map(UserId::from);
    ALIASES
        .delete(&app.gateway.store, &name, user.as_ref())
        .await
        .map_err(ApiError::missing(&name, |name| {
            ApiError::not_found(format!("Alias '{name}' not found"))
        }))?;
    app.gateway.reload().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn checked_target(app: &App, name: &str, target: &str) -> Result<ModelSelector, ApiError> {
    model_at_a_provider(app, name, target)
        .map_err(|why| ApiError::bad_request(format!("Alias target '{target}' {why}")))
}
