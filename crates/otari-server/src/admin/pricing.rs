//! `/v1/pricing`: what models cost. Reading is open to any key.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use otari_gateway::price_of;
use otari_metering::{Price, Tier};
use otari_store::Change;
use otari_store::model_pricing::{self, NewPrice, PricingRow};
use otari_types::{ModelSelector, Rate, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::tri_state;
use crate::error::{ApiError, Problems};
use crate::extract::{AnyKey, JsonBody, Operator, Page, QueryArgs, query_problem};
use crate::state::App;

const UNITS: [&str; 3] = ["tokens", "requests", "images"];

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SetPricing {
    /// `provider:model`
    model_key: String,
    #[schema(value_type = f64)]
    input_price_per_million: Rate,
    #[schema(value_type = f64)]
    output_price_per_million: Rate,
    /// Left out: as the latest price has it; null: none.
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<f64>)]
    cache_read_price_per_million: Option<Option<Rate>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<f64>)]
    cache_write_price_per_million: Option<Option<Rate>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<f64>)]
    cache_write_1h_price_per_million: Option<Option<Rate>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<Vec<Object>>)]
    pricing_tiers: Option<Option<Vec<Tier>>>,
    /// Now when left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    effective_at: Option<Timestamp>,
    unit: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pricing {
    model_key: String,
    #[schema(value_type = String, format = DateTime)]
    effective_at: Timestamp,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    price: Price,
    /// What the rates are per million of: `tokens`, `requests` or `images`.
    unit: String,
    /// Who set it: `api` or `config`.
    origin: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<PricingRow> for Pricing {
    fn from(row: PricingRow) -> Self {
        Self {
            price: price_of(&row),
            model_key: row.model_key,
            effective_at: row.effective_at,
            unit: row.unit,
            origin: Some(row.origin),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Set a price
///
/// Replaces the price of the same `effective_at`, else adds a version.
#[utoipa::path(
    post, path = "/v1/pricing", tag = "pricing", operation_id = "set_pricing", request_body = SetPricing,
    responses((status = 200, body = Pricing), (status = 400, description = "An alias, or not provider:model"), (status = 422, description = "Invalid rate"))
)]
pub(crate) async fn set_pricing(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<SetPricing>,
) -> Result<Json<Pricing>, ApiError> {
    let gateway = &app.gateway;
    let model_key = priceable(&app, &body.model_key)?;
    check_rates(&body)?;
    let unit = body.unit.unwrap_or_else(|| "tokens".to_owned());
    if !UNITS.contains(&unit.as_str()) {
        return Err(ApiError::bad_request(format!(
            "unit must be one of: {}",
            UNITS.join(", ")
        )));
    }
    let price = NewPrice {
        model_key: model_key.clone(),
        effective_at: body.effective_at.unwrap_or_else(|| gateway.clock.now()),
        input: body.input_price_per_million,
        output: body.output_price_per_million,
        cache_read: body.cache_read_price_per_million,
        cache_write: body.cache_write_price_per_million,
        cache_write_1h: body.cache_write_1h_price_per_million,
        tiers: body
            .pricing_tiers
            .map(|tiers| tiers_json(&tiers.unwrap_or_default())),
        origin: "api".to_owned(),
        unit,
    };
    let row = model_pricing::set(&gateway.store, &price).await?;
    gateway.changed(&Change::Price(model_key)).await;
    Ok(Json(row.into()))
}

fn tiers_json(tiers: &[Tier]) -> String {
    serde_json::to_string(tiers).unwrap_or_else(|_| "[]".to_owned())
}

/// The canonical key, if a price under it can ever count.
fn priceable(app: &App, key: &str) -> Result<String, ApiError> {
    if let Some(target) = app.gateway.targets.aliases().shared(key) {
        let message = format!("'{key}' is an alias for '{target}'; set the price of '{target}'");
        return Err(ApiError::bad_request(message));
    }
    if app.gateway.policies.has_name(key) {
        let message = format!("'{key}' is a routing policy; set the prices of its models");
        return Err(ApiError::bad_request(message));
    }
    ModelSelector::parse(key)
        .map(|selector| selector.to_string())
        .map_err(|_| {
            ApiError::bad_request(format!(
                "model_key '{key}' is not of the form provider:model"
            ))
        })
}

fn check_rates(body: &SetPricing) -> Result<(), ApiError> {
    let rates = [
        (
            "input_price_per_million",
            Some(body.input_price_per_million),
        ),
        (
            "output_price_per_million",
            Some(body.output_price_per_million),
        ),
        (
            "cache_read_price_per_million",
            body.cache_read_price_per_million.flatten(),
        ),
        (
            "cache_write_price_per_million",
            body.cache_write_price_per_million.flatten(),
        ),
        (
            "cache_write_1h_price_per_million",
            body.cache_write_1h_price_per_million.flatten(),
        ),
    ];
    let mut problems = Problems::default();
    for (member, rate) in rates {
        if rate.is_some_and(|rate| rate < Rate::ZERO) {
            let message = "Input should be greater than or equal to 0";
            problems.add(&[member], "greater_than_equal", message);
        }
    }
    let tiers = body.pricing_tiers.clone().flatten().unwrap_or_default();
    let price = Price {
        tiers,
        ..Price::default()
    };
    if let Err(found) = price.validate() {
        for problem in &found {
            problems.wrong("pricing_tiers", problem.to_string());
        }
    }
    problems.refuse()
}

/// List prices, by model and newest first
#[utoipa::path(
    get, path = "/v1/pricing", tag = "pricing", operation_id = "list_pricing",
    params(("skip" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, body = Vec<Pricing>))
)]
pub(crate) async fn list_pricing(
    State(app): State<App>,
    _: AnyKey,
    page: Page,
) -> Result<Json<Vec<Pricing>>, ApiError> {
    let rows = model_pricing::list(&app.gateway.store, &page.into()).await?;
    Ok(Json(rows.into_iter().map(Into::into).collect()))
}

/// Get a price, or its history
///
/// `/v1/pricing/{model_key}` is the price in force (at `as_of`, else now); `/v1/pricing/{model_key}/history` is
/// every version, newest first. The key may contain slashes.
#[utoipa::path(
    get, path = "/v1/pricing/{model_key}", tag = "pricing", operation_id = "get_pricing",
    params(("model_key" = String, Path), ("as_of" = Option<String>, Query)),
    responses((status = 200, body = Pricing), (status = 404, description = "No price"))
)]
pub(crate) async fn get_pricing(
    State(app): State<App>,
    _: AnyKey,
    Path(model_key): Path<String>,
    query: QueryArgs,
) -> Result<Response, ApiError> {
    let store = &app.gateway.store;
    if let Some(key) = model_key.strip_suffix("/history") {
        let rows = model_pricing::history(store, &canonical(key)).await?;
        let versions: Vec<Pricing> = rows.into_iter().map(Into::into).collect();
        return Ok(Json(versions).into_response());
    }
    let at = moment(&query, "as_of")?.unwrap_or_else(|| app.gateway.clock.now());
    let row = model_pricing::effective(store, &canonical(&model_key), at).await?;
    let row = row.ok_or_else(|| unknown(&model_key))?;
    Ok(Json(Pricing::from(row)).into_response())
}

/// Delete a price
///
/// One version with `effective_at`, else the whole history.
#[utoipa::path(
    delete, path = "/v1/pricing/{model_key}", tag = "pricing", operation_id = "delete_pricing",
    params(("model_key" = String, Path), ("effective_at" = Option<String>, Query)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No price"))
)]
pub(crate) async fn delete_pricing(
    State(app): State<App>,
    _: Operator,
    Path(model_key): Path<String>,
    query: QueryArgs,
) -> Result<StatusCode, ApiError> {
    let at = moment(&query, "effective_at")?;
    let key = canonical(&model_key);
    model_pricing::delete(&app.gateway.store, &key, at)
        .await
        .map_err(ApiError::missing(&model_key, unknown))?;
    app.gateway.changed(&Change::Price(key)).await;
    Ok(StatusCode::NO_CONTENT)
}

fn canonical(key: &str) -> String {
    ModelSelector::parse(key).map_or_else(|_| key.to_owned(), |selector| selector.to_string())
}

fn moment(query: &QueryArgs, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = query.one(name) else {
        return Ok(None);
    };
    let moment = Timestamp::parse(text);
    moment
        .map(Some)
        .ok_or_else(|| query_problem(name, "datetime_parsing", "Input should be a valid datetime"))
}

fn unknown(model_key: &str) -> ApiError {
    ApiError::not_found(format!("Pricing for model '{model_key}' not found"))
}
