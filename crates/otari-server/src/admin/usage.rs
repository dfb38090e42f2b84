//! `/v1/usage`: the log of calls.

pub(crate) mod in_flight;
pub(crate) mod summary;
pub(crate) mod window;

use axum::Json;
use axum::extract::State;
use http::Uri;
use otari_gateway::FieldProblem;
use otari_store::Cursor;
use otari_store::usage::{self, ToolUse, UsageFilter, UsageRow};
use otari_types::{NanoUsd, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::admin::settle_first;
use crate::error::ApiError;
use crate::extract::{CursorPage, Listed, Operator, QueryArgs, query_problem};
use crate::state::App;

const VALUES_MAX: usize = 50;
const GROUPS_MAX: usize = 1_000;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageEntry {
    id: String,
    user_id: Option<String>,
    user_alias: Option<String>,
    api_key_id: Option<String>,
    api_key_name: Option<String>,
    /// When the call was admitted.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// The model as sent to the provider.
    model: String,
    /// The provider instance.
    provider: Option<String>,
    endpoint: String,
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    total_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    cache_write_1h_tokens: Option<i64>,
    /// The token counts were estimated, because the provider reported none.
    usage_estimated: bool,
    #[schema(value_type = Option<Object>)]
    billing_meters: Option<Value>,
    #[schema(value_type = Option<Vec<Object>>)]
    pricing_breakdown: Option<Value>,
    /// Dollars; null when the model has no price.
    #[schema(value_type = Option<f64>)]
    cost: Option<NanoUsd>,
    /// `success`, `error` or `absorbed`.
    status: String,
    error_message: Option<String>,
    status_code: Option<i64>,
    latency_ms: Option<i64>,
    first_chunk_ms: Option<i64>,
    source: String,
    source_label: Option<String>,
    counts_toward_budget: bool,
    /// Only imported rows can be changed.
    bulk_editable: bool,
    policy_name: Option<String>,
    selection_reason: Option<String>,
    attempt_position: Option<i64>,
    attempt_count: Option<i64>,
    request_group_id: Option<String>,
    request_id: Option<String>,
}

impl From<UsageRow> for UsageEntry {
    fn from(row: UsageRow) -> Self {
        let parsed = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            prompt_tokens: row.usage.map(|usage| usage.input),
            completion_tokens: row.usage.map(|usage| usage.output),
            total_tokens: row.total_tokens,
            cache_read_tokens: row.usage.map(|usage| usage.cache_read),
            cache_write_tokens: row.usage.map(|usage| usage.cache_write),
            cache_write_1h_tokens: row.usage.map(|usage| usage.cache_write_1h),
            bulk_editable: row.source != "gateway" && !row.counts_toward_budget,
            id: row.id,
            user_id: row.user_id,
            user_alias: row.user_alias,
            api_key_id: row.api_key_id,
            api_key_name: row.api_key_name,
            timestamp: row.timestamp,
            model: row.model,
            provider: row.provider,
            endpoint: row.endpoint,
            usage_estimated: row.usage_estimated,
            billing_meters: parsed(row.billing_meters),
            pricing_breakdown: parsed(row.pricing_breakdown),
            cost: row.cost,
            status: row.status,
            error_message: row.error_message,
            status_code: row.status_code,
            latency_ms: Some(row.latency_ms),
            first_chunk_ms: row.first_chunk_ms,
            source: row.source,
            source_label: row.source_label,
            counts_toward_budget: row.counts_toward_budget,
            policy_name: row.policy_name,
            selection_reason: row.selection_reason,
            attempt_position: row.attempt_position,
            attempt_count: row.attempt_count,
            request_group_id: row.request_group_id,
            request_id: row.request_id,
        }
    }
}

/// List usage rows, newest first
#[utoipa::path(
    get, path = "/v1/usage", tag = "usage", operation_id = "list_usage",
    params(
        ("start_date" = Option<String>, Query, description = "At or after: ISO 8601 or epoch seconds"),
        ("end_date" = Option<String>, Query, description = "Before"),
        ("user_id" = Option<Vec<String>>, Query), ("model" = Option<Vec<String>>, Query),
        ("api_key_id" = Option<Vec<String>>, Query), ("status" = Option<String>, Query),
        ("status_code" = Option<i64>, Query), ("endpoint" = Option<String>, Query),
        ("provider" = Option<String>, Query), ("source" = Option<String>, Query),
        ("source_label" = Option<String>, Query), ("priced" = Option<bool>, Query),
        ("tool" = Option<String>, Query), ("counts_toward_budget" = Option<bool>, Query),
        ("request_group_id" = Option<Vec<String>>, Query), ("request_id" = Option<String>, Query),
        ("skip" = Option<i64>, Query), ("limit" = Option<i64>, Query),
        ("cursor" = Option<String>, Query, description = "The `X-Next-Cursor` of the page before"),
    ),
    responses((status = 200, body = Vec<UsageEntry>, headers(("X-Next-Cursor" = String, description = "Where the next page begins; on a full page"))))
)]
pub(crate) async fn list_usage(
    State(app): State<App>,
    _: Operator,
    page: CursorPage,
    query: QueryArgs,
    uri: Uri,
) -> Result<Listed<UsageEntry>, ApiError> {
    let filter = filter(&query)?;
    settle_first(&app).await;
    let rows = usage::list(&app.gateway.store, &filter, &page.place()).await?;
    Ok(entries(&page, rows, &uri))
}

/// Rows as the API of `uri` shows them: under `/api/v1` without `billing_meters`, because the published SDK of that
/// generation recurses without end on any value but null. The figures in it are members of their own as well.
pub(crate) fn entries(page: &CursorPage, rows: Vec<UsageRow>, uri: &Uri) -> Listed<UsageEntry> {
    let without_meters = uri.path().starts_with("/api/");
    page.answer(
        rows,
        |row| Cursor::new(row.timestamp, row.id.as_str()),
        |row| match UsageEntry::from(row) {
            entry if without_meters => UsageEntry {
                billing_meters: None,
                ..entry
            },
            entry => entry,
        },
    )
}

/// Count usage rows
///
/// Takes the filters of the list; absorbed attempts count.
#[utoipa::path(
    get, path = "/v1/usage/count", tag = "usage", operation_id = "count_usage",
    responses((status = 200, description = "`{total}`", body = Object))
)]
pub(crate) async fn count_usage(
    State(app): State<App>,
    _: Operator,
    query: QueryArgs,
) -> Result<Json<Value>, ApiError> {
    let filter = filter(&query)?;
    settle_first(&app).await;
    let total = usage::count(&app.gateway.store, &filter).await?;
    Ok(Json(json!({"total": total})))
}

fn filter(query: &QueryArgs) -> Result<UsageFilter, ApiError> {
    let text = |name: &str| query.one(name).map(str::to_owned);
    Ok(UsageFilter {
        start: moment(query, "start_date")?,
        end: moment(query, "end_date")?,
        user_ids: many(query, "user_id", VALUES_MAX)?,
        models: many(query, "model", VALUES_MAX)?,
        api_key_ids: many(query, "api_key_id", VALUES_MAX)?,
        status: text("status"),
        status_code: query.int("status_code")?,
        endpoint: text("endpoint"),
        provider: text("provider"),
        source: text("source"),
        source_label: text("source_label"),
        priced: query.bool("priced")?,
        tool: tool(query)?,
        counts_toward_budget: query.bool("counts_toward_budget")?,
        request_group_ids: many(query, "request_group_id", GROUPS_MAX)?,
        request_id: text("request_id"),
    })
}

/// ISO 8601 (naive is UTC) or epoch seconds.
fn moment(query: &QueryArgs, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = query.one(name) else {
        return Ok(None);
    };
    let epoch = text.parse::<i64>().ok().map(Timestamp::from_secs);
    let moment = epoch.or_else(|| Timestamp::parse(text));
    moment
        .map(Some)
        .ok_or_else(|| query_problem(name, "datetime_parsing", "Input should be a valid datetime"))
}

fn many(query: &QueryArgs, name: &str, max: usize) -> Result<Vec<String>, ApiError> {
    let values = query.all(name);
    if values.len() > max {
        let message = format!("At most {max} values");
        let problem = FieldProblem {
            loc: vec![name.to_owned()],
            kind: "too_long",
            message,
        };
        return Err(ApiError::invalid_fields(&[problem]));
    }
    Ok(values)
}

fn tool(query: &QueryArgs) -> Result<Option<ToolUse>, ApiError> {
    Ok(match query.one("tool") {
        None => None,
        Some("any") => Some(ToolUse::Any),
        Some("web_search") => Some(ToolUse::WebSearch),
        Some("code_execution") => Some(ToolUse::CodeExecution),
        Some(_) => {
            return Err(query_problem(
                "tool",
                "enum",
                "Input should be 'any', 'web_search' or 'code_execution'",
            ));
        }
    })
}
