//! `GET /v1/usage/summary`, `GET /v1/usage/series`, `GET /v1/usage/summary.csv`

mod answer;
mod csv;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use otari_store::usage::{self, Dimension, SummaryParts};

use crate::admin::settle_first;
use crate::admin::usage::window::{Window, bucket};
use crate::error::ApiError;
use crate::extract::{Operator, QueryArgs, query_problem};
use crate::state::App;

use answer::{UsageGroupedSeries, UsageSummary};

/// A longer series shows only the buckets in which something happened.
const POINTS_MAX: usize = 1_000;
/// Groups of a grouped series beside the rest.
const SERIES_GROUPS_MAX: usize = 8;
/// Groups of one dimension in a CSV file beside the rest: far more than anyone reads, few enough for memory.
const CSV_GROUPS_MAX: usize = 100_000;

/// Summarise usage
///
/// Totals, breakdowns, failures and a series over a window: the last 30 days by default, 366 days at most. Takes the
/// filters of the list.
#[utoipa::path(
    get, path = "/v1/usage/summary", tag = "usage", operation_id = "summarize_usage",
    params(
        ("start_date" = Option<String>, Query, description = "At or after: ISO 8601 or epoch seconds"),
        ("end_date" = Option<String>, Query, description = "Before; now by default"),
        ("bucket" = Option<String>, Query, description = "`hour` or `day` (default)"),
        ("dimensions" = Option<Vec<String>>, Query, description = "Which breakdowns: `model`, `user`, `api_key`, `source`, `source_label`, `endpoint`, `provider`, `tool`, `status_code`, or `none`. All by default; others come back empty"),
        ("user_id" = Option<Vec<String>>, Query), ("model" = Option<Vec<String>>, Query),
        ("api_key_id" = Option<Vec<String>>, Query), ("status" = Option<String>, Query),
        ("status_code" = Option<i64>, Query), ("endpoint" = Option<String>, Query),
        ("provider" = Option<String>, Query), ("source" = Option<String>, Query),
        ("source_label" = Option<String>, Query), ("priced" = Option<bool>, Query),
        ("tool" = Option<String>, Query), ("counts_toward_budget" = Option<bool>, Query),
    ),
    responses((status = 200, body = UsageSummary))
)]
pub(crate) async fn summarize_usage(
    State(app): State<App>,
    _: Operator,
    query: QueryArgs,
) -> Result<Json<UsageSummary>, ApiError> {
    let window = Window::read(&app, &query)?;
    let bucket = bucket(&query)?;
    let parts = SummaryParts {
        series: Some(bucket),
        ..parts(&query)?
    };
    settle_first(&app).await;
    let summary = usage::summary(&app.gateway.store, &window.filter, &parts).await?;
    Ok(Json(UsageSummary::new(&window, bucket, summary)))
}

/// Usage over time by group
///
/// The eight groups that spent most and the rest as one. A window of more than 1000 buckets is refused.
#[utoipa::path(
    get, path = "/v1/usage/series", tag = "usage", operation_id = "group_usage_series",
    params(
        ("group_by" = String, Query, description = "`model`, `user_id`, `api_key_id` or `source`"),
        ("start_date" = Option<String>, Query), ("end_date" = Option<String>, Query),
        ("bucket" = Option<String>, Query, description = "`hour` or `day` (default)"),
    ),
    responses((status = 200, body = UsageGroupedSeries), (status = 422, description = "Too many buckets, or an unknown group"))
)]
pub(crate) async fn group_usage_series(
    State(app): State<App>,
    _: Operator,
    query: QueryArgs,
) -> Result<Json<UsageGroupedSeries>, ApiError> {
    let window = Window::read(&app, &query)?;
    let bucket = bucket(&query)?;
    let (dimension, name) = group_by(&query)?;
    if window.buckets(bucket) > POINTS_MAX {
        let message =
            format!("The window has more than {POINTS_MAX} buckets: shorten it or use bucket=day");
        return Err(query_problem("bucket", "value_error", &message));
    }
    settle_first(&app).await;
    let store = &app.gateway.store;
    let series =
        usage::grouped_series(store, &window.filter, bucket, dimension, SERIES_GROUPS_MAX).await?;
    Ok(Json(UsageGroupedSeries::new(&window, bucket, name, series)))
}

/// Usage as a CSV file
///
/// One line a group of every dimension. Takes the filters of the list; the window is that of the summary.
#[utoipa::path(
    get, path = "/v1/usage/summary.csv", tag = "usage", operation_id = "export_usage_summary",
    params(("start_date" = Option<String>, Query), ("end_date" = Option<String>, Query)),
    responses((status = 200, description = "`dimension,key,cost,tokens,requests`", content_type = "text/csv", body = String))
)]
pub(crate) async fn export_usage_summary(
    State(app): State<App>,
    _: Operator,
    query: QueryArgs,
) -> Result<impl IntoResponse, ApiError> {
    let window = Window::read(&app, &query)?;
    let parts = SummaryParts {
        dimensions: Dimension::ALL.to_vec(),
        groups_max: Some(CSV_GROUPS_MAX),
        ..SummaryParts::default()
    };
    settle_first(&app).await;
    let summary = usage::summary(&app.gateway.store, &window.filter, &parts).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"usage-summary.csv\"",
        ),
    ];
    Ok((headers, csv::render(&summary.breakdowns)))
}

/// Every part, or those that `dimensions` names.
fn parts(query: &QueryArgs) -> Result<SummaryParts, ApiError> {
    let names = query.all("dimensions");
    if names.is_empty() {
        return Ok(SummaryParts {
            dimensions: Dimension::ALL.to_vec(),
            errors: true,
            tools: true,
            ..SummaryParts::default()
        });
    }
    let mut parts = SummaryParts::default();
    for name in &names {
        let dimension = Dimension::ALL
            .into_iter()
            .find(|dimension| dimension.as_str() == name);
        match (dimension, name.as_str()) {
            (Some(dimension), _) if parts.dimensions.contains(&dimension) => {}
            (Some(dimension), _) => parts.dimensions.push(dimension),
            (None, "status_code") => parts.errors = true,
            (None, "tool") => parts.tools = true,
            (None, "none") => {}
            (None, _) => {
                return Err(query_problem(
                    "dimensions",
                    "literal_error",
                    "Input should be 'model', 'user', 'api_key', 'source', 'source_label', 'endpoint', 'provider', \
                     'status_code', 'tool' or 'none'",
                ));
            }
        }
    }
    Ok(parts)
}

fn group_by(query: &QueryArgs) -> Result<(Dimension, &'static str), ApiError> {
    const MESSAGE: &str = "Input should be 'model', 'user_id', 'api_key_id' or 'source'";
    match query.one("group_by") {
        Some("model") => Ok((Dimension::Model, "model")),
        Some("user_id") => Ok((Dimension::User, "user_id")),
        Some("api_key_id") => Ok((Dimension::ApiKey, "api_key_id")),
        Some("source") => Ok((Dimension::Source, "source")),
        Some(_) => Err(query_problem("group_by", "literal_error", MESSAGE)),
        None => Err(query_problem("group_by", "missing", "Field required")),
    }
}
