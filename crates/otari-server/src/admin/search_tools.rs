//! `/v1/search-tools`: the tools of the search endpoint, set up while the gateway runs.

mod checks;

use std::collections::HashSet;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use otari_config::section::tools::SearchProvider;
use otari_store::StoreError;
use otari_store::search_tools::{self, NewSearchTool, SearchToolPatch, SearchToolRow};
use otari_tools::search::SearchService;
use otari_types::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::admin::secrets::{last4, opens, seal, sealer};
use crate::admin::tri_state;
use crate::error::ApiError;
use crate::extract::{JsonBody, Operator};
use crate::state::App;

use checks::{Candidate, check, millis};

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateSearchTool {
    /// Without `/`.
    name: String,
    #[schema(example = "exa")]
    provider: String,
    #[schema(value_type = Option<String>)]
    api_key: Option<Secret>,
    api_base: Option<String>,
    /// Seconds, above 0.
    timeout: Option<f64>,
    /// Sent with every search, under the service's own names.
    options: Option<Map<String, Value>>,
}

/// Members left out stay; `null` clears the nullable ones.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UpdateSearchTool {
    provider: Option<String>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>)]
    api_key: Option<Option<Secret>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>)]
    api_base: Option<Option<String>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<f64>)]
    timeout: Option<Option<f64>>,
    options: Option<Map<String, Value>>,
    /// Change it only if this is still its `updated_at`; 412 otherwise.
    #[schema(value_type = Option<String>, format = DateTime)]
    expected_updated_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchToolsList {
    stored: Vec<StoredSearchTool>,
    config: Vec<ConfiguredSearchTool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoredSearchTool {
    name: String,
    provider: String,
    api_base: Option<String>,
    /// The end of the key, for recognising it.
    last4: Option<String>,
    timeout: Option<f64>,
    #[schema(value_type = Object)]
    options: Value,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Whether the keys at hand open its key.
    decryptable: bool,
    /// Whether it takes the place of a configured one.
    shadows_config: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfiguredSearchTool {
    name: String,
    provider: &'static str,
    api_base: Option<String>,
    has_api_key: bool,
    /// Whether a stored one takes its place.
    shadowed: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchProviderInfo {
    #[schema(example = "exa")]
    id: &'static str,
    requires_api_key: bool,
    requires_api_base: bool,
    default_api_base: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reencrypted {
    /// Sealed again under the first key.
    reencrypted: usize,
    /// None of the keys opens these.
    unreadable: usize,
}

impl StoredSearchTool {
    fn of(row: SearchToolRow, app: &App) -> Self {
        let sealed = row.sealed_key.as_deref();
        Self {
            decryptable: opens(app, search_tools::TABLE, &row.name, sealed),
            shadows_config: app.config.tools.search_tools.0.contains_key(&row.name),
            timeout: row.timeout_ms.map(seconds),
            options: serde_json::from_str(&row.options).unwrap_or_default(),
            name: row.name,
            provider: row.provider,
            api_base: row.api_base,
            last4: row.key_last4,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53 milliseconds")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// List search tools, by name
#[utoipa::path(
    get, path = "/v1/search-tools", tag = "search-tools", operation_id = "list_search_tools",
    responses((status = 200, body = SearchToolsList))
)]
pub(crate) async fn list_search_tools(
    State(app): State<App>,
    _: Operator,
) -> Result<Json<SearchToolsList>, ApiError> {
    let rows = search_tools::list(&app.gateway.store).await?;
    let stored: HashSet<String> = rows.iter().map(|row| row.name.clone()).collect();
    let configured = app.config.tools.search_tools.0.iter();
    Ok(Json(SearchToolsList {
        config: configured
            .map(|(name, spec)| ConfiguredSearchTool {
                name: name.clone(),
                provider: spec.provider.as_str(),
                api_base: spec.api_base.clone(),
                has_api_key: spec.api_key.is_some(),
                shadowed: stored.contains(name),
            })
            .collect(),
        stored: rows
            .into_iter()
            .map(|row| StoredSearchTool::of(row, &app))
            .collect(),
    }))
}

/// List the services a search tool can stand on
#[utoipa::path(
    get, path = "/v1/search-tools/providers", tag = "search-tools", operation_id = "list_search_providers",
    responses((status = 200, body = Vec<SearchProviderInfo>))
)]
pub(crate) async fn list_search_providers(_: Operator) -> Json<Vec<SearchProviderInfo>> {
    let all = SearchProvider::ALL.into_iter().map(|provider| {
        let base = SearchService::named(provider.as_str()).and_then(SearchService::usual_base);
        SearchProviderInfo {
            id: provider.as_str(),
            requires_api_key: provider.needs_key(),
            requires_api_base: base.is_none(),
            default_api_base: base,
        }
    });
    Json(all.collect())
}

/// Create a search tool
///
/// In force at once, on every node. It takes the place of a configured one of the same name.
#[utoipa::path(
    post, path = "/v1/search-tools", tag = "search-tools", operation_id = "create_search_tool", request_body = CreateSearchTool,
    responses(
        (status = 201, body = StoredSearchTool),
        (status = 400, description = "No OTARI_SECRET_KEY to seal the key with"),
        (status = 409, description = "There is one of this name"),
        (status = 422, description = "A tool that cannot work"),
    )
)]
pub(crate) async fn create_search_tool(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<CreateSearchTool>,
) -> Result<(StatusCode, Json<StoredSearchTool>), ApiError> {
    let name = body.name.trim().to_owned();
    let key = body.api_key.filter(|key| !key.expose().trim().is_empty());
    let candidate = Candidate {
        name: &name,
        provider: &body.provider,
        has_key: key.is_some(),
        api_base: body.api_base.as_deref(),
        timeout: body.timeout,
    };
    check(&app, &candidate)?;
    let sealed = seal(&app, search_tools::TABLE, &name, key.as_ref())?;
    let tool = NewSearchTool {
        sealed_key: sealed,
        key_last4: key.as_ref().map(last4),
        provider: body.provider,
        api_base: body.api_base,
        timeout_ms: body.timeout.map(millis),
        options: Value::Object(body.options.unwrap_or_default()).to_string(),
        name,
    };
    let row = search_tools::insert(&app.gateway.store, &tool).await?;
    app.gateway.reload().await?;
    Ok((StatusCode::CREATED, Json(StoredSearchTool::of(row, &app))))
}

/// Change a search tool
///
/// Members left out stay; `null` clears the nullable ones. In force at once, on every node.
#[utoipa::path(
    patch, path = "/v1/search-tools/{name}", tag = "search-tools", operation_id = "update_search_tool", params(("name" = String, Path)),
    request_body = UpdateSearchTool,
    responses(
        (status = 200, body = StoredSearchTool),
        (status = 404, description = "No such stored tool"),
        (status = 412, description = "It was changed since `expected_updated_at`"),
        (status = 422, description = "A tool that cannot work"),
    )
)]
pub(crate) async fn update_search_tool(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<UpdateSearchTool>,
) -> Result<Json<StoredSearchTool>, ApiError> {
    let store = &app.gateway.store;
    let row = search_tools::get(store, &name).await?;
    let row = row.ok_or_else(|| unknown(&name))?;
    let blank = |key: &Secret| !key.expose().trim().is_empty();
    let key = body.api_key.map(|key| key.filter(blank));
    let has_key = key
        .as_ref()
        .map_or(row.sealed_key.is_some(), Option::is_some);
    let base = body.api_base.as_ref().unwrap_or(&row.api_base);
    let candidate = Candidate {
        name: &name,
        provider: body.provider.as_deref().unwrap_or(&row.provider),
        has_key,
        api_base: base.as_deref(),
        timeout: body.timeout.flatten(),
    };
    check(&app, &candidate)?;
    let sealed = match &key {
        None => None,
        Some(key) => Some(seal(&app, search_tools::TABLE, &name, key.as_ref())?),
    };
    let patch = SearchToolPatch {
        sealed_key: sealed,
        key_last4: key.as_ref().map(|key| key.as_ref().map(last4)),
        provider: body.provider,
        api_base: body.api_base,
        timeout_ms: body.timeout.map(|timeout| timeout.map(millis)),
        options: body
            .options
            .map(|options| Value::Object(options).to_string()),
        unchanged_since: body.expected_updated_at,
    };
    let row = search_tools::update(store, &name, &patch).await;
    let row = row.map_err(|error| match error {
        StoreError::NotFound => unknown(&name),
        StoreError::Conflict { .. } => ApiError::precondition_failed(format!(
            "Search tool '{name}' was changed meanwhile; read it again"
        )),
        other => other.into(),
    })?;
    app.gateway.reload().await?;
    Ok(Json(StoredSearchTool::of(row, &app)))
}

/// Delete a stored search tool
#[utoipa::path(
    delete, path = "/v1/search-tools/{name}", tag = "search-tools", operation_id = "delete_search_tool", params(("name" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such stored tool"))
)]
pub(crate) async fn delete_search_tool(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let deleted = search_tools::delete(&app.gateway.store, &name).await;
    deleted.map_err(ApiError::missing(&name, unknown))?;
    app.gateway.reload().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Seal the stored keys again
///
/// Under the first of the secret keys, so that older ones can go.
#[utoipa::path(
    post, path = "/v1/search-tools/reencrypt", tag = "search-tools", operation_id = "reencrypt_search_tools",
    responses((status = 200, body = Reencrypted), (status = 400, description = "No OTARI_SECRET_KEY"))
)]
pub(crate) async fn reencrypt_search_tools(
    State(app): State<App>,
    _: Operator,
) -> Result<Json<Reencrypted>, ApiError> {
    let sealer = sealer(&app)?;
    let store = &app.gateway.store;
    let mut done = Reencrypted {
        reencrypted: 0,
        unreadable: 0,
    };
    for row in search_tools::list(store).await? {
        let Some(sealed) = &row.sealed_key else {
            continue;
        };
        let Ok(key) = sealer.open(search_tools::TABLE, &row.name, sealed) else {
            done.unreadable += 1;
            continue;
        };
        let patch = SearchToolPatch {
            sealed_key: Some(seal(&app, search_tools::TABLE, &row.name, Some(&key))?),
            unchanged_since: Some(row.updated_at),
            ..SearchToolPatch::default()
        };
        // One that changes at this moment is sealed by that change.
        match search_tools::update(store, &row.name, &patch).await {
            Ok(_) => done.reencrypted += 1,
            Err(StoreError::NotFound | StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Json(done))
}

fn unknown(name: &str) -> ApiError {
    ApiError::not_found(format!("Search tool '{name}' is not stored"))
}
