//! The usage log: one row per ended call or attempt.

mod filter;
mod groups;
mod insert;
mod series;
mod summary;
mod tools;

pub use filter::{ToolUse, UsageFilter};
pub use groups::{Dimension, Group};
pub(crate) use insert::{insert, insert_telling};
pub use series::{Bucket, GroupedPoint, GroupedSeries, Point, grouped_series};
pub use summary::{ErrorCount, Summary, SummaryParts, Totals, summary};
pub use tools::ToolTotals;

use otari_types::{CacheConvention, NanoUsd, Timestamp, TokenUsage};

use crate::page::{Order, paginate};
use crate::sql::{Query, Row};
use crate::{Page, Store, StoreError};

const TABLE: &str = "usage_logs";

/// A logged call with the labels its user and key have now.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRow {
    pub id: String,
    pub timestamp: Timestamp,
    /// `success`, `error` or `absorbed`.
    pub status: String,
    pub endpoint: String,
    pub model: String,
    pub provider: Option<String>,
    pub user_id: Option<String>,
    /// `None` when the user has none or is gone.
    pub user_alias: Option<String>,
    pub api_key_id: Option<String>,
    pub api_key_name: Option<String>,
    pub source: String,
    pub source_label: Option<String>,
    pub usage: Option<TokenUsage>,
    pub total_tokens: Option<i64>,
    pub usage_estimated: bool,
    pub cost: Option<NanoUsd>,
    /// JSON text as recorded.
    pub pricing_breakdown: Option<String>,
    /// JSON text as recorded.
    pub billing_meters: Option<String>,
    pub error_message: Option<String>,
    pub status_code: Option<i64>,
    pub latency_ms: i64,
    pub first_chunk_ms: Option<i64>,
    pub counts_toward_budget: bool,
    pub policy_name: Option<String>,
    pub selection_reason: Option<String>,
    pub attempt_position: Option<i64>,
    pub attempt_count: Option<i64>,
    pub request_group_id: Option<String>,
    pub request_id: Option<String>,
}

/// Sums over the rows of one status. Token and cost sums leave out rows that have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusTotals {
    pub status: String,
    pub rows: i64,
    pub cost: NanoUsd,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    pub total_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    pub cache_write_1h_tokens: i64,
    /// Divide by `rows` for the average.
    pub latency_ms: i64,
    /// Rows without a cost.
    pub unpriced: i64,
}

/// Newest first.
pub async fn list(
    store: &Store,
    filter: &UsageFilter,
    page: &Page,
) -> Result<Vec<UsageRow>, StoreError> {
    let mut query = Query::new(
        TABLE,
        "SELECT l.*, u.alias AS user_alias, k.key_name AS api_key_name FROM usage_logs l \
         LEFT JOIN users u ON u.user_id = l.user_id LEFT JOIN api_keys k ON k.id = l.api_key_id WHERE 1 = 1",
    );
    filter.apply(&mut query);
    paginate(
        &mut query,
        page,
        ("l.timestamp", "l.id"),
        Order::NewestFirst,
    );
    store.rows(query).await?.iter().map(read).collect()
}

/// How many rows pass, absorbed attempts included.
pub async fn count(store: &Store, filter: &UsageFilter) -> Result<i64, StoreError> {
    let mut query = Query::new(TABLE, "SELECT COUNT(*) AS n FROM usage_logs l WHERE 1 = 1");
    filter.apply(&mut query);
    store.row(query).await?.map_or(Ok(0), |row| row.get("n"))
}

/// Totals of the rows that pass, per status.
pub async fn totals(store: &Store, filter: &UsageFilter) -> Result<Vec<StatusTotals>, StoreError> {
    let mut query = Query::new(TABLE, "SELECT l.status AS status, COUNT(*) AS n, ");
    for column in [
        "cost",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "latency_ms",
    ] {
        query.push(&format!(
            "CAST(COALESCE(SUM(l.{column}), 0) AS BIGINT) AS {column}, "
        ));
    }
    query.push("CAST(SUM(CASE WHEN l.cost IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS unpriced FROM usage_logs l WHERE 1 = 1");
    filter.apply(&mut query);
    query.push(" GROUP BY l.status ORDER BY l.status");
    let read = |row: &Row| {
        Ok(StatusTotals {
            status: row.get("status")?,
            rows: row.get("n")?,
            cost: row.get("cost")?,
            prompt_tokens: row.get("prompt_tokens")?,
            completion_tokens: row.get("completion_tokens")?,
            total_tokens: row.get("total_tokens")?,
            cache_read_tokens: row.get("cache_read_tokens")?,
            cache_write_tokens: row.get("cache_write_tokens")?,
            cache_write_1h_tokens: row.get("cache_write_1h_tokens")?,
            latency_ms: row.get("latency_ms")?,
            unpriced: row.get("unpriced")?,
        })
    };
    store.rows(query).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<UsageRow, StoreError> {
    Ok(UsageRow {
        id: row.get("id")?,
        timestamp: row.get("timestamp")?,
        status: row.get("status")?,
        endpoint: row.get("endpoint")?,
        model: row.get("model")?,
        provider: row.opt("provider")?,
        user_id: row.opt("user_id")?,
        user_alias: row.opt("user_alias")?,
        api_key_id: row.opt("api_key_id")?,
        api_key_name: row.opt("api_key_name")?,
        source: row.get("source")?,
        source_label: row.opt("source_label")?,
        usage: token_usage(row)?,
        total_tokens: row.opt("total_tokens")?,
        usage_estimated: row.get("usage_estimated")?,
        cost: row.opt("cost")?,
        pricing_breakdown: row.opt("pricing_breakdown")?,
        billing_meters: row.opt("billing_meters")?,
        error_message: row.opt("error_message")?,
        status_code: row.opt("status_code")?,
        latency_ms: row.get("latency_ms")?,
        first_chunk_ms: row.opt("first_chunk_ms")?,
        counts_toward_budget: row.get("counts_toward_budget")?,
        policy_name: row.opt("policy_name")?,
        selection_reason: row.opt("selection_reason")?,
        attempt_position: row.opt("attempt_position")?,
        attempt_count: row.opt("attempt_count")?,
        request_group_id: row.opt("request_group_id")?,
        request_id: row.opt("request_id")?,
    })
}

/// Absent when the provider reported none, which is told by the column that every report has.
fn token_usage(row: &Row) -> Result<Option<TokenUsage>, StoreError> {
    let Some(input) = row.opt("prompt_tokens")? else {
        return Ok(None);
    };
    let count = |column: &str| Ok::<i64, StoreError>(row.opt(column)?.unwrap_or(0));
    let inclusive = row.opt("cache_tokens_in_prompt")?.unwrap_or(true);
    Ok(Some(TokenUsage {
        input,
        output: count("completion_tokens")?,
        cache_read: count("cache_read_tokens")?,
        cache_write: count("cache_write_tokens")?,
        cache_write_1h: count("cache_write_1h_tokens")?,
        reasoning: count("reasoning_tokens")?,
        convention: if inclusive {
            CacheConvention::Inclusive
        } else {
            CacheConvention::Additive
        },
    }))
}
