//! `/v1/budgets`: what users may spend, in dollars, tokens and requests.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use otari_metering::Cadence;
use otari_store::accounts::Limits;
use otari_store::budget_reset_logs::{self, ResetLogRow};
use otari_store::budgets::{self, BudgetPatch, BudgetRow, BudgetSummary, NewBudget};
use otari_store::{Change, Cursor};
use otari_types::{BudgetId, NanoUsd, Timestamp, new_id};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::{settle_first, tri_state};
use crate::error::{ApiError, Problems};
use crate::extract::{CursorPage, JsonBody, Listed, Operator, Page};
use crate::state::App;

/// Counts above this are refused, as the published API does.
const COUNT_MAX: i64 = 1_000_000_000_000_000;

#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateBudget {
    name: Option<String>,
    /// Dollars a period; null is no limit.
    #[schema(value_type = Option<f64>)]
    max_budget: Option<NanoUsd>,
    /// Tokens a period; null is no limit.
    token_limit: Option<i64>,
    /// Requests a period; null is no limit.
    request_limit: Option<i64>,
    /// Rolling period in seconds; not together with `reset_alignment`.
    budget_duration_sec: Option<i64>,
    /// `calendar_day`, `calendar_week` or `calendar_month`, in UTC.
    reset_alignment: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UpdateBudget {
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<f64>)]
    max_budget: Option<Option<NanoUsd>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<i64>)]
    token_limit: Option<Option<i64>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<i64>)]
    request_limit: Option<Option<i64>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<i64>)]
    budget_duration_sec: Option<Option<i64>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[schema(value_type = Option<String>)]
    reset_alignment: Option<Option<String>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Budget {
    budget_id: String,
    name: Option<String>,
    #[schema(value_type = Option<f64>)]
    max_budget: Option<NanoUsd>,
    token_limit: Option<i64>,
    request_limit: Option<i64>,
    budget_duration_sec: Option<i64>,
    reset_alignment: Option<String>,
    /// Always null: budgets of organizations are not served here.
    organization_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Users on this budget; each has the whole limit.
    user_count: i64,
    #[schema(value_type = f64)]
    total_spend: NanoUsd,
    #[schema(value_type = f64)]
    total_reserved: NanoUsd,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResetLog {
    id: i64,
    user_id: Option<String>,
    budget_id: String,
    #[schema(value_type = f64)]
    previous_spend: NanoUsd,
    #[schema(value_type = String, format = DateTime)]
    reset_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    next_reset_at: Option<Timestamp>,
}

impl Budget {
    fn of(summary: BudgetSummary, app: &App) -> Self {
        let BudgetSummary {
            budget,
            user_count,
            total_settled,
            ..
        } = summary;
        Self {
            total_reserved: app.gateway.ledger.held_under(&budget.id).cost,
            user_count,
            total_spend: total_settled.cost,
            ..Self::from(budget)
        }
    }
}

impl From<BudgetRow> for Budget {
    fn from(row: BudgetRow) -> Self {
        Self {
            budget_id: row.id.to_string(),
            name: row.name,
            max_budget: row.limits.cost,
            token_limit: row.limits.tokens,
            request_limit: row.limits.requests,
            budget_duration_sec: row.cadence.duration_sec(),
            reset_alignment: row.cadence.alignment().map(str::to_owned),
            organization_id: None,
            created_at: row.created_at,
            updated_at: row.updated_at,
            user_count: 0,
            total_spend: NanoUsd::ZERO,
            total_reserved: NanoUsd::ZERO,
        }
    }
}

impl From<ResetLogRow> for ResetLog {
    fn from(row: ResetLogRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            budget_id: row.budget_id.to_string(),
            previous_spend: row.previous_spend,
            reset_at: row.reset_at,
            next_reset_at: row.next_reset_at,
        }
    }
}

/// Create a budget
#[utoipa::path(
    post, path = "/v1/budgets", tag = "budgets", operation_id = "create_budget", request_body = CreateBudget,
    responses((status = 200, body = Budget), (status = 400, description = "Two cadences"), (status = 422, description = "Invalid limit"))
)]
pub(crate) async fn create_budget(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<CreateBudget>,
) -> Result<Json<Budget>, ApiError> {
    check_limits(
        body.max_budget,
        body.token_limit,
        body.request_limit,
        body.budget_duration_sec,
    )?;
    let budget = NewBudget {
        id: BudgetId::from(new_id()),
        name: body.name,
        limits: Limits {
            cost: body.max_budget,
            tokens: body.token_limit,
            requests: body.request_limit,
        },
        cadence: cadence(body.budget_duration_sec, body.reset_alignment.as_deref())?,
    };
    let row = budgets::create(&app.gateway.store, &budget).await?;
    Ok(Json(row.into()))
}

fn check_limits(
    max_budget: Option<NanoUsd>,
    tokens: Option<i64>,
    requests: Option<i64>,
    duration: Option<i64>,
) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    let mut refuse = |member, kind, message| problems.add(&[member], kind, message);
    if max_budget.is_some_and(|limit| limit < NanoUsd::ZERO) {
        refuse(
            "max_budget",
            "greater_than_equal",
            "Input should be greater than or equal to 0",
        );
    }
    for (member, limit) in [("token_limit", tokens), ("request_limit", requests)] {
        if limit.is_some_and(|limit| limit < 0) {
            refuse(
                member,
                "greater_than_equal",
                "Input should be greater than or equal to 0",
            );
        }
        if limit.is_some_and(|limit| limit > COUNT_MAX) {
            refuse(
                member,
                "less_than_equal",
                "Input is too large; leave it unset for no limit",
            );
        }
    }
    if duration.is_some_and(|seconds| seconds <= 0) {
        refuse(
            "budget_duration_sec",
            "greater_than",
            "Input should be greater than 0",
        );
    }
    problems.refuse()
}

fn cadence(duration: Option<i64>, alignment: Option<&str>) -> Result<Cadence, ApiError> {
    Cadence::parse(duration, alignment).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// List budgets, oldest first
#[utoipa::path(
    get, path = "/v1/budgets", tag = "budgets", operation_id = "list_budgets",
    params(
        ("skip" = Option<i64>, Query), ("limit" = Option<i64>, Query),
        ("cursor" = Option<String>, Query, description = "The `X-Next-Cursor` of the page before"),
    ),
    responses((status = 200, body = Vec<Budget>, headers(("X-Next-Cursor" = String, description = "Where the next page begins; on a full page"))))
)]
pub(crate) async fn list_budgets(
    State(app): State<App>,
    _: Operator,
    page: CursorPage,
) -> Result<Listed<Budget>, ApiError> {
    settle_first(&app).await;
    let rows = budgets::list(&app.gateway.store, &page.place()).await?;
    Ok(page.answer(
        rows,
        |row| Cursor::new(row.budget.created_at, row.budget.id.as_str()),
        |row| Budget::of(row, &app),
    ))
}

/// Get a budget
#[utoipa::path(
    get, path = "/v1/budgets/{budget_id}", tag = "budgets", operation_id = "get_budget", params(("budget_id" = String, Path)),
    responses((status = 200, body = Budget), (status = 404, description = "Unknown budget"))
)]
pub(crate) async fn get_budget(
    State(app): State<App>,
    _: Operator,
    Path(budget_id): Path<String>,
) -> Result<Json<Budget>, ApiError> {
    settle_first(&app).await;
    let row = budgets::get(&app.gateway.store, &BudgetId::from(budget_id.as_str())).await?;
    Ok(Json(Budget::of(
        row.ok_or_else(|| unknown(&budget_id))?,
        &app,
    )))
}

/// Change a budget
///
/// Members left out stay; `null` removes a limit or a cadence. A new limit counts at once; a new cadence starts
/// a window now for everyone on the budget.
#[utoipa::path(
    patch, path = "/v1/budgets/{budget_id}", tag = "budgets", operation_id = "update_budget", params(("budget_id" = String, Path)),
    request_body = UpdateBudget,
    responses((status = 200, body = Budget), (status = 400, description = "Two cadences"), (status = 404, description = "Unknown budget"))
)]
pub(crate) async fn update_budget(
    State(app): State<App>,
    _: Operator,
    Path(budget_id): Path<String>,
    JsonBody(body): JsonBody<UpdateBudget>,
) -> Result<Json<Budget>, ApiError> {
    let gateway = &app.gateway;
    let id = BudgetId::from(budget_id.as_str());
    let now = budgets::get(&gateway.store, &id)
        .await?
        .ok_or_else(|| unknown(&budget_id))?;
    check_limits(
        body.max_budget.flatten(),
        body.token_limit.flatten(),
        body.request_limit.flatten(),
        body.budget_duration_sec.flatten(),
    )?;
    let before = now.budget.cadence;
    let duration = body.budget_duration_sec.unwrap_or(before.duration_sec());
    let alignment = body
        .reset_alignment
        .unwrap_or(before.alignment().map(str::to_owned));
    let cadence = cadence(duration, alignment.as_deref())?;
    let patch = BudgetPatch {
        name: body.name,
        max_budget: body.max_budget,
        token_limit: body.token_limit,
        request_limit: body.request_limit,
        cadence: (cadence != before).then_some(cadence),
    };
    budgets::patch(&gateway.store, &id, &patch)
        .await
        .map_err(ApiError::missing(&budget_id, unknown))?;
    gateway.changed(&Change::Budget(id.clone())).await;
    let now = budgets::get(&gateway.store, &id)
        .await?
        .ok_or_else(|| unknown(&budget_id))?;
    Ok(Json(Budget::of(now, &app)))
}

/// Delete a budget
///
/// Its users keep their spend and lose this limit; its reset log stays.
#[utoipa::path(
    delete, path = "/v1/budgets/{budget_id}", tag = "budgets", operation_id = "delete_budget", params(("budget_id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "Unknown budget"))
)]
pub(crate) async fn delete_budget(
    State(app): State<App>,
    _: Operator,
    Path(budget_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = BudgetId::from(budget_id.as_str());
    budgets::delete(&app.gateway.store, &id)
        .await
        .map_err(ApiError::missing(&budget_id, unknown))?;
    app.gateway.changed(&Change::Budget(id)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// A budget's resets, newest first
#[utoipa::path(
    get, path = "/v1/budgets/{budget_id}/reset-logs", tag = "budgets", operation_id = "list_budget_reset_logs",
    params(("budget_id" = String, Path), ("skip" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, body = Vec<ResetLog>), (status = 404, description = "Unknown budget"))
)]
pub(crate) async fn list_reset_logs(
    State(app): State<App>,
    _: Operator,
    Path(budget_id): Path<String>,
    page: Page,
) -> Result<Json<Vec<ResetLog>>, ApiError> {
    let id = BudgetId::from(budget_id.as_str());
    let rows = budget_reset_logs::list(&app.gateway.store, &id, page.skip, page.limit).await?;
    if rows.is_empty() && budgets::get(&app.gateway.store, &id).await?.is_none() {
        return Err(unknown(&budget_id));
    }
    Ok(Json(rows.into_iter().map(Into::into).collect()))
}

fn unknown(budget_id: &str) -> ApiError {
    ApiError::not_found(format!("Budget with id '{budget_id}' not found"))
}
