//! Usage over time, in buckets of UTC.

use otari_types::{NanoUsd, Timestamp};

use super::TABLE;
use super::groups::{Dimension, Group, groups};
use super::summary::{count_if, sum, totals, volume};
use crate::sql::{Query, Row};
use crate::tx::Tx;
use crate::usage::UsageFilter;
use crate::{Store, StoreError};

/// How wide a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    Hour,
    Day,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Where the bucket begins.
    pub start: Timestamp,
    pub cost: NanoUsd,
    pub tokens: i64,
    pub requests: i64,
    pub errors: i64,
    /// Both cache buckets included, whichever way the provider counts.
    pub input_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    pub output_tokens: i64,
}

/// The largest groups, and what each of them came to in each bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupedSeries {
    pub groups: Vec<Group>,
    /// Only where there are rows, oldest first.
    pub points: Vec<GroupedPoint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupedPoint {
    pub start: Timestamp,
    /// One of the groups; `is_other` tells the rest from rows without a value.
    pub key: Option<String>,
    pub is_other: bool,
    pub cost: NanoUsd,
    pub tokens: i64,
    pub requests: i64,
}

impl Bucket {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Microseconds.
    pub fn width(self) -> i64 {
        match self {
            Self::Hour => 3_600_000_000,
            Self::Day => 86_400_000_000,
        }
    }

    /// Where the bucket of that moment begins.
    pub fn start_of(self, moment: Timestamp) -> Timestamp {
        Timestamp(moment.0.saturating_sub(moment.0.rem_euclid(self.width())))
    }

    /// The same in SQL. No row is older than 1970.
    fn expression(self) -> String {
        format!("l.timestamp - (l.timestamp % {})", self.width())
    }
}

pub(super) async fn series(
    tx: &mut Tx,
    filter: &UsageFilter,
    bucket: Bucket,
) -> Result<Vec<Point>, StoreError> {
    let start = bucket.expression();
    let sums = [
        volume(filter),
        count_if("l.status = 'error'", "errors"),
        sum(
            "l.total_tokens - COALESCE(l.completion_tokens, 0)",
            "input_tokens",
        ),
        sum("l.cache_read_tokens", "cache_read_tokens"),
        sum("l.cache_write_tokens", "cache_write_tokens"),
        sum("l.completion_tokens", "output_tokens"),
    ];
    let text = format!(
        "SELECT {start} AS bucket, {} FROM usage_logs l WHERE 1 = 1",
        sums.join(", ")
    );
    let mut query = Query::new(TABLE, text);
    filter.apply(&mut query);
    query.push(&format!(" GROUP BY {start} ORDER BY {start}"));
    let read = |row: &Row| {
        Ok(Point {
            start: row.get("bucket")?,
            cost: row.get("cost")?,
            tokens: row.get("tokens")?,
            requests: row.get("requests")?,
            errors: row.get("errors")?,
            input_tokens: row.get("input_tokens")?,
            cache_read_tokens: row.get("cache_read_tokens")?,
            cache_write_tokens: row.get("cache_write_tokens")?,
            output_tokens: row.get("output_tokens")?,
        })
    };
    tx.rows(query).await?.iter().map(read).collect()
}

/// The `max` largest groups by cost and the rest as one, over time.
pub async fn grouped_series(
    store: &Store,
    filter: &UsageFilter,
    bucket: Bucket,
    dimension: Dimension,
    max: usize,
) -> Result<GroupedSeries, StoreError> {
    let mut tx = store.snapshot().await?;
    let totals = totals(&mut tx, filter).await?;
    let groups = groups(&mut tx, filter, dimension, max, &totals).await?;
    let rows = tx.rows(points(filter, bucket, dimension, &groups)).await?;
    tx.commit().await?;
    let read = |row: &Row| {
        Ok(GroupedPoint {
            start: row.get("bucket")?,
            key: row.opt("k")?,
            is_other: row.get::<i64>("other")? != 0,
            cost: row.get("cost")?,
            tokens: row.get("tokens")?,
            requests: row.get("requests")?,
        })
    };
    let points = rows
        .iter()
        .map(read)
        .collect::<Result<Vec<_>, StoreError>>()?;
    Ok(GroupedSeries { groups, points })
}

fn points(filter: &UsageFilter, bucket: Bucket, dimension: Dimension, groups: &[Group]) -> Query {
    const KEY: &str = "CASE WHEN l.other = 0 THEN l.raw END";
    let text = format!(
        "SELECT l.bucket, {KEY} AS k, l.other, {} FROM \
         (SELECT {} AS bucket, l.cost, l.total_tokens, l.status, l.{column} AS raw, ",
        volume(filter),
        bucket.expression(),
        column = dimension.column()
    );
    // Placeholders only in the inner query: PostgreSQL would take those of SELECT and GROUP BY for different values.
    let mut query = Query::new(TABLE, text);
    push_other(&mut query, dimension, groups);
    query.push(" AS other FROM usage_logs l WHERE 1 = 1");
    filter.apply(&mut query);
    query.push(&format!(
        ") l GROUP BY l.bucket, l.other, {KEY} ORDER BY l.bucket, l.other, k"
    ));
    query
}

/// 0 for rows of a listed group, 1 for the rest.
fn push_other(query: &mut Query, dimension: Dimension, groups: &[Group]) {
    let column = dimension.column();
    query.push("CAST(CASE");
    if groups.iter().any(|group| group.is_other) {
        let listed = || groups.iter().filter(|group| !group.is_other);
        if listed().any(|group| group.key.is_none()) {
            query.push(&format!(" WHEN l.{column} IS NULL THEN 0"));
        }
        for key in listed().filter_map(|group| group.key.as_ref()) {
            query.push_with(&format!(" WHEN l.{column} = ? THEN 0"), key);
        }
        query.push(" ELSE 1 END AS BIGINT)");
    } else {
        query.push(" WHEN 1 = 1 THEN 0 END AS BIGINT)");
    }
}
