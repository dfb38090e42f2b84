//! `GET /v1/models`, `GET /v1/models/{id}`

use axum::Json;
use axum::extract::{Path, State};
use otari_gateway::models::ModelEntry;
use otari_metering::Price;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::{AnyKey, QueryArgs};
use crate::state::App;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    #[schema(example = "list")]
    object: &'static str,
    data: Vec<Model>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Model {
    #[schema(example = "openai:gpt-5-mini")]
    id: String,
    #[schema(example = "model")]
    object: &'static str,
    created: i64,
    owned_by: String,
    /// Dollars per million tokens; null when the model has no price.
    #[schema(value_type = Option<Object>)]
    pricing: Option<ModelPricing>,
    /// `configured`, `default` (the bundled list) or `none`.
    pricing_source: &'static str,
    /// Tokens; null when the bundled list does not know the model.
    context_window: Option<i64>,
}

#[derive(Debug, Serialize)]
struct ModelPricing {
    #[serde(flatten)]
    price: Price,
    unit: &'static str,
}

impl From<ModelEntry> for Model {
    fn from(entry: ModelEntry) -> Self {
        let pricing_source = entry
            .price
            .as_ref()
            .map_or("none", |point| point.source.as_str());
        let pricing = entry.price.map(|point| ModelPricing {
            price: point.price.as_ref().clone(),
            unit: "tokens",
        });
        Self {
            id: entry.id,
            object: "model",
            created: entry.created,
            owned_by: entry.owned_by,
            pricing,
            pricing_source,
            context_window: entry.context_window,
        }
    }
}

/// List models
///
/// Discovered, declared, priced and aliased models that the key may use.
#[utoipa::path(
    get, path = "/v1/models", tag = "models", operation_id = "list_models",
    params(("provider" = Option<String>, Query, description = "Only this provider instance")),
    responses((status = 200, body = ModelList), (status = 401, description = "Missing or invalid API key"))
)]
pub(crate) async fn list_models(
    State(app): State<App>,
    key: AnyKey,
    query: QueryArgs,
) -> Result<Json<ModelList>, ApiError> {
    let entries = app
        .gateway
        .list_models(query.one("provider"), key.user(), key.allowed())
        .await?;
    Ok(Json(ModelList {
        object: "list",
        data: entries.into_iter().map(Model::from).collect(),
    }))
}

/// Get a model
#[utoipa::path(
    get, path = "/v1/models/{model_id}", tag = "models", operation_id = "get_model",
    params(("model_id" = String, Path, description = "`provider:model`; may contain slashes")),
    responses((status = 200, body = Model), (status = 404, description = "Unknown, or not permitted for this key"))
)]
pub(crate) async fn get_model(
    State(app): State<App>,
    key: AnyKey,
    Path(model_id): Path<String>,
) -> Result<Json<Model>, ApiError> {
    let entry = app
        .gateway
        .get_model(&model_id, key.user(), key.allowed())
        .await?;
    Ok(Json(Model::from(entry)))
}
