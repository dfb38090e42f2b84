//! `/v1/aliases`: other names for models, for everybody or for one user.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use otari_providers::catalog;
use otari_store::model_aliases::{self, AliasRow};
use otari_store::users;
use otari_types::{ModelSelector, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::{JsonBody, Operator, QueryArgs};
use crate::state::App;

/// What separates the parts of a selector, and so cannot be in a name.
pub(super) const SEPARATORS: [char; 2] = [':', '/'];

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
        let stored = model_aliases::list(&app.gateway.store).await?;
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
    check_name(&app, name, user.as_ref())?;
    let target = checked_target(&app, name, &body.target)?;
    if let Some(user) = &user {
        let row = users::get(store, user).await?;
        if row.is_none_or(|row| row.deleted_at.is_some()) {
            return Err(ApiError::not_found(format!(
                "User with id '{user}' not found"
            )));
        }
    }
    let row = model_aliases::set(store, name, &target.to_string(), user.as_ref()).await?;
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
    model_aliases::delete(&app.gateway.store, &name, user.as_ref())
        .await
        .map_err(ApiError::missing(&name, |name| {
            ApiError::not_found(format!("Alias '{name}' not found"))
        }))?;
    app.gateway.reload().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_name(app: &App, name: &str, user: Option<&UserId>) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::bad_request(format!("Alias name '{name}' {why}")));
    if name.is_empty() || name.contains(SEPARATORS) {
        return refuse("must not be empty or contain ':' or '/'");
    }
    if app.gateway.targets.instances.load().contains_key(name) {
        return refuse("is the name of a provider");
    }
    if app.gateway.policies.has_name(name) {
        return refuse("is the name of a routing policy");
    }
    if user.is_none() && app.gateway.configured_aliases().contains_key(name) {
        return refuse("is taken by the configuration; change it there");
    }
    // The other half of "aliases do not chain": no target may turn into an alias afterwards.
    match app.gateway.targets.aliases().name_into(name) {
        Some(other) => refuse(&format!("is the provider of alias '{other}'")),
        None => Ok(()),
    }
}

fn checked_target(app: &App, name: &str, target: &str) -> Result<ModelSelector, ApiError> {
    model_at_a_provider(app, name, target)
        .map_err(|why| ApiError::bad_request(format!("Alias target '{target}' {why}")))
}

/// A model that an alias or policy called `name` can stand for, or why not: names do not chain.
pub(super) fn model_at_a_provider(
    app: &App,
    name: &str,
    target: &str,
) -> Result<ModelSelector, &'static str> {
    let selector = ModelSelector::parse(target).map_err(|_| "is not of the form provider:model")?;
    let instance = selector.instance.as_str();
    let gateway = &app.gateway;
    if instance == name || gateway.targets.aliases().has_name(instance) {
        return Err("names an alias itself; aliases do not chain");
    }
    if gateway.policies.has_name(instance) {
        return Err("names a routing policy; policies do not chain");
    }
    let by_own_name = catalog::find(instance).is_some()
        && !instance.ends_with("-compatible")
        && !instance.ends_with("_compatible");
    if !by_own_name && !gateway.targets.instances.load().contains_key(instance) {
        return Err("names a provider that is neither configured nor known");
    }
    Ok(selector)
}
