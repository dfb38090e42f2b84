//! What a summary looks like to clients.

use std::collections::HashMap;

use otari_store::usage::{
    Bucket, Dimension, ErrorCount, Group, GroupedPoint, GroupedSeries, Point, Summary, ToolTotals,
    Totals,
};
use otari_types::{NanoUsd, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::POINTS_MAX;
use crate::admin::usage::window::{Window, zulu};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageSummary {
    #[schema(value_type = String, format = DateTime)]
    start_date: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    end_date: Timestamp,
    /// `hour` or `day`.
    bucket: &'static str,
    totals: UsageTotals,
    by_model: Vec<UsageGroupRow>,
    by_user: Vec<UsageGroupRow>,
    by_api_key: Vec<UsageGroupRow>,
    by_source: Vec<UsageGroupRow>,
    by_source_label: Vec<UsageGroupRow>,
    by_endpoint: Vec<UsageGroupRow>,
    by_provider: Vec<UsageGroupRow>,
    by_tool: Vec<UsageToolRow>,
    errors_by_status_code: Vec<UsageErrorCodeRow>,
    /// Every bucket of the window, or only those with calls where there are more than 1000.
    series: Vec<UsageSeriesPoint>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UsageTotals {
    #[schema(value_type = f64)]
    cost: NanoUsd,
    prompt_tokens: i64,
    completion_tokens: i64,
    total_tokens: i64,
    cache_read_tokens: i64,
    cache_write_tokens: i64,
    cache_write_1h_tokens: i64,
    /// Without the attempts that a fallback saved.
    request_count: i64,
    error_count: i64,
    avg_latency_ms: Option<f64>,
    /// Successful calls whose tokens have no price.
    unpriced_requests: i64,
    /// Both cache buckets included, whichever way the provider counts.
    billed_input_tokens: i64,
    billed_output_tokens: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct UsageGroupRow {
    /// Null for calls without a value.
    key: Option<String>,
    /// The user's alias or the key's name.
    label: Option<String>,
    #[schema(value_type = f64)]
    cost: NanoUsd,
    tokens: i64,
    requests: i64,
    /// All groups that are not listed.
    is_other: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct UsageToolRow {
    tool: &'static str,
    /// Billed calls.
    calls: i64,
    /// Calls that failed and were not billed.
    errors: i64,
    requests: i64,
    #[schema(value_type = f64)]
    cost: NanoUsd,
}

#[derive(Debug, Serialize, ToSchema)]
struct UsageErrorCodeRow {
    status_code: Option<i64>,
    /// `pricing`, `rate_limit`, `auth`, `provider_error`, `client_error` or `unknown`.
    error_class: &'static str,
    requests: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct UsageSeriesPoint {
    #[schema(example = "2026-01-01T00:00:00Z")]
    bucket_start: String,
    #[schema(value_type = f64)]
    cost: NanoUsd,
    tokens: i64,
    requests: i64,
    errors: i64,
    /// Both cache buckets included.
    input_tokens: i64,
    cache_read_tokens: i64,
    cache_write_tokens: i64,
    output_tokens: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageGroupedSeries {
    #[schema(value_type = String, format = DateTime)]
    start_date: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    end_date: Timestamp,
    bucket: &'static str,
    group_by: &'static str,
    groups: Vec<UsageGroupRow>,
    /// Only where there were calls.
    points: Vec<UsageGroupedSeriesPoint>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UsageGroupedSeriesPoint {
    #[schema(example = "2026-01-01T00:00:00Z")]
    bucket_start: String,
    key: Option<String>,
    is_other: bool,
    #[schema(value_type = f64)]
    cost: NanoUsd,
    tokens: i64,
    requests: i64,
}

impl UsageSummary {
    pub(super) fn new(window: &Window, bucket: Bucket, summary: Summary) -> Self {
        let mut breakdowns: HashMap<Dimension, Vec<Group>> =
            summary.breakdowns.into_iter().collect();
        let mut by = |dimension| rows(breakdowns.remove(&dimension).unwrap_or_default());
        Self {
            start_date: window.start,
            end_date: window.end,
            bucket: bucket.as_str(),
            by_model: by(Dimension::Model),
            by_user: by(Dimension::User),
            by_api_key: by(Dimension::ApiKey),
            by_source: by(Dimension::Source),
            by_source_label: by(Dimension::SourceLabel),
            by_endpoint: by(Dimension::Endpoint),
            by_provider: by(Dimension::Provider),
            by_tool: summary.tools.into_iter().map(UsageToolRow::from).collect(),
            errors_by_status_code: summary
                .errors
                .into_iter()
                .map(UsageErrorCodeRow::from)
                .collect(),
            totals: summary.totals.into(),
            series: filled(window, bucket, summary.series),
        }
    }
}

impl UsageGroupedSeries {
    pub(super) fn new(
        window: &Window,
        bucket: Bucket,
        group_by: &'static str,
        series: GroupedSeries,
    ) -> Self {
        Self {
            start_date: window.start,
            end_date: window.end,
            bucket: bucket.as_str(),
            group_by,
            groups: rows(series.groups),
            points: series.points.into_iter().map(Into::into).collect(),
        }
    }
}

fn rows(groups: Vec<Group>) -> Vec<UsageGroupRow> {
    groups.into_iter().map(UsageGroupRow::from).collect()
}

/// With a point for every bucket of the window, unless those are too many.
fn filled(window: &Window, bucket: Bucket, points: Vec<Point>) -> Vec<UsageSeriesPoint> {
    if window.buckets(bucket) > POINTS_MAX {
        return points.into_iter().map(UsageSeriesPoint::from).collect();
    }
    let mut points = points.into_iter().peekable();
    window
        .starts(bucket)
        .map(|start| {
            let point = points.next_if(|point| point.start == start);
            point.unwrap_or(Point {
                start,
                ..Point::default()
            })
        })
        .map(UsageSeriesPoint::from)
        .collect()
}

impl From<Totals> for UsageTotals {
    #[expect(
        clippy::cast_precision_loss,
        reason = "an average of milliseconds needs no more than 52 bits"
    )]
    fn from(totals: Totals) -> Self {
        let average = || totals.latency_ms as f64 / totals.requests as f64;
        Self {
            cost: totals.cost,
            prompt_tokens: totals.prompt_tokens,
            completion_tokens: totals.completion_tokens,
            total_tokens: totals.total_tokens,
            cache_read_tokens: totals.cache_read_tokens,
            cache_write_tokens: totals.cache_write_tokens,
            cache_write_1h_tokens: totals.cache_write_1h_tokens,
            request_count: totals.requests,
            error_count: totals.errors,
            avg_latency_ms: (totals.requests > 0).then(average),
            unpriced_requests: totals.unpriced,
            billed_input_tokens: totals.total_tokens - totals.completion_tokens,
            billed_output_tokens: totals.completion_tokens,
        }
    }
}

impl From<Group> for UsageGroupRow {
    fn from(group: Group) -> Self {
        Self {
            key: group.key,
            label: group.label,
            cost: group.cost,
            tokens: group.tokens,
            requests: group.requests,
            is_other: group.is_other,
        }
    }
}

impl From<ToolTotals> for UsageToolRow {
    fn from(tool: ToolTotals) -> Self {
        Self {
            tool: tool.tool,
            calls: tool.calls,
            errors: tool.errors,
            requests: tool.requests,
            cost: tool.cost,
        }
    }
}

impl From<ErrorCount> for UsageErrorCodeRow {
    fn from(error: ErrorCount) -> Self {
        Self {
            status_code: error.status_code,
            error_class: error_class(error.status_code),
            requests: error.requests,
        }
    }
}

/// Whose fault a status says it was. A budget's 403 is the caller's permission too.
fn error_class(status_code: Option<i64>) -> &'static str {
    match status_code {
        Some(402) => "pricing",
        Some(429) => "rate_limit",
        Some(401 | 403 | 407) => "auth",
        Some(500..=599) => "provider_error",
        Some(400..=499) => "client_error",
        _ => "unknown",
    }
}

impl From<Point> for UsageSeriesPoint {
    fn from(point: Point) -> Self {
        Self {
            bucket_start: zulu(point.start),
            cost: point.cost,
            tokens: point.tokens,
            requests: point.requests,
            errors: point.errors,
            input_tokens: point.input_tokens,
            cache_read_tokens: point.cache_read_tokens,
            cache_write_tokens: point.cache_write_tokens,
            output_tokens: point.output_tokens,
        }
    }
}

impl From<GroupedPoint> for UsageGroupedSeriesPoint {
    fn from(point: GroupedPoint) -> Self {
        Self {
            bucket_start: zulu(point.start),
            key: point.key,
            is_other: point.is_other,
            cost: point.cost,
            tokens: point.tokens,
            requests: point.requests,
        }
    }
}
