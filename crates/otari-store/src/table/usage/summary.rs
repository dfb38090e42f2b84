//! What a window of the usage log comes to: totals, breakdowns, failures, tools and a series, read from one snapshot so
//! that the parts agree with each other.

use otari_types::NanoUsd;

use super::TABLE;
use super::groups::{Dimension, Group, groups};
use super::series::{Bucket, Point, series};
use super::tools::{ToolTotals, tools};
use crate::sql::{Query, Row};
use crate::tx::Tx;
use crate::usage::UsageFilter;
use crate::{Store, StoreError};

/// Which parts to compute. Each one costs a pass over the rows; the totals are always there.
#[derive(Clone, Debug, Default)]
pub struct SummaryParts {
    pub dimensions: Vec<Dimension>,
    pub errors: bool,
    pub tools: bool,
    pub series: Option<Bucket>,
    /// Groups of a breakdown before the rest is folded into one; the dimension's own limit if unset.
    pub groups_max: Option<usize>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub totals: Totals,
    /// In the order asked for.
    pub breakdowns: Vec<(Dimension, Vec<Group>)>,
    /// Most frequent first.
    pub errors: Vec<ErrorCount>,
    pub tools: Vec<ToolTotals>,
    /// Only buckets with rows, oldest first.
    pub series: Vec<Point>,
}

/// Sums over all rows that pass. Requests and latencies leave out absorbed attempts, unless those were filtered for:
/// a call that a fallback saved is one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub cost: NanoUsd,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    pub total_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    pub cache_write_1h_tokens: i64,
    pub requests: i64,
    pub errors: i64,
    /// Milliseconds; divide by `requests` for the average.
    pub latency_ms: i64,
    /// Successful calls whose tokens have no price.
    pub unpriced: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    pub status_code: Option<i64>,
    pub requests: i64,
}

/// Sums up the rows that pass.
pub async fn summary(
    store: &Store,
    filter: &UsageFilter,
    parts: &SummaryParts,
) -> Result<Summary, StoreError> {
    let mut tx = store.snapshot().await?;
    let totals = totals(&mut tx, filter).await?;
    let mut summary = Summary {
        totals,
        ..Summary::default()
    };
    for dimension in &parts.dimensions {
        let max = parts.groups_max.unwrap_or(dimension.groups_max());
        let groups = groups(&mut tx, filter, *dimension, max, &summary.totals).await?;
        summary.breakdowns.push((*dimension, groups));
    }
    if parts.errors {
        summary.errors = errors(&mut tx, filter).await?;
    }
    if parts.tools {
        summary.tools = tools(&mut tx, filter).await?;
    }
    if let Some(bucket) = parts.series {
        summary.series = series(&mut tx, filter, bucket).await?;
    }
    tx.commit().await?;
    Ok(summary)
}

/// `SUM` of a column over rows that may have none of it.
pub(super) fn sum(expression: &str, name: &str) -> String {
    format!("CAST(COALESCE(SUM({expression}), 0) AS BIGINT) AS {name}")
}

/// How many rows pass `condition`.
pub(super) fn count_if(condition: &str, name: &str) -> String {
    sum(&format!("CASE WHEN {condition} THEN 1 ELSE 0 END"), name)
}

/// The rows that are requests: all but absorbed attempts.
pub(super) fn is_request(filter: &UsageFilter) -> &'static str {
    match filter.status.as_deref() {
        Some("absorbed") => "1 = 1",
        _ => "l.status <> 'absorbed'",
    }
}

/// What every group and point has: cost, tokens, requests.
pub(super) fn volume(filter: &UsageFilter) -> String {
    [
        sum("l.cost", "cost"),
        sum("l.total_tokens", "tokens"),
        count_if(is_request(filter), "requests"),
    ]
    .join(", ")
}

pub(super) async fn totals(tx: &mut Tx, filter: &UsageFilter) -> Result<Totals, StoreError> {
    let request = is_request(filter);
    let mut sums: Vec<String> = [
        "cost",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
    ]
    .iter()
    .map(|column| sum(&format!("l.{column}"), column))
    .collect();
    sums.push(count_if(request, "requests"));
    sums.push(count_if("l.status = 'error'", "errors"));
    let latency = format!("CASE WHEN {request} THEN l.latency_ms ELSE 0 END");
    sums.push(sum(&latency, "latency_ms"));
    let unpriced = format!("l.status = 'success' AND {}", UsageFilter::NEEDS_PRICE);
    sums.push(count_if(&unpriced, "unpriced"));
    let text = format!("SELECT {} FROM usage_logs l WHERE 1 = 1", sums.join(", "));
    let mut query = Query::new(TABLE, text);
    filter.apply(&mut query);
    tx.row(query)
        .await?
        .map_or_else(|| Ok(Totals::default()), |row| read(&row))
}

fn read(row: &Row) -> Result<Totals, StoreError> {
    Ok(Totals {
        cost: row.get("cost")?,
        prompt_tokens: row.get("prompt_tokens")?,
        completion_tokens: row.get("completion_tokens")?,
        total_tokens: row.get("total_tokens")?,
        cache_read_tokens: row.get("cache_read_tokens")?,
        cache_write_tokens: row.get("cache_write_tokens")?,
        cache_write_1h_tokens: row.get("cache_write_1h_tokens")?,
        requests: row.get("requests")?,
        errors: row.get("errors")?,
        latency_ms: row.get("latency_ms")?,
        unpriced: row.get("unpriced")?,
    })
}

async fn errors(tx: &mut Tx, filter: &UsageFilter) -> Result<Vec<ErrorCount>, StoreError> {
    let mut query = Query::new(
        TABLE,
        "SELECT l.status_code AS status_code, COUNT(*) AS requests FROM usage_logs l WHERE l.status = 'error'",
    );
    filter.apply(&mut query);
    query.push(
        " GROUP BY l.status_code ORDER BY COUNT(*) DESC, l.status_code IS NULL, l.status_code",
    );
    let read = |row: &Row| {
        Ok(ErrorCount {
            status_code: row.opt("status_code")?,
            requests: row.get("requests")?,
        })
    };
    tx.rows(query).await?.iter().map(read).collect()
}
