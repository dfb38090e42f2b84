//! The window and the buckets of an analysis.

use otari_store::usage::{Bucket, UsageFilter};
use otari_types::Timestamp;

use crate::error::ApiError;
use crate::extract::{QueryArgs, query_problem};
use crate::state::App;

const DAY_SECS: i64 = 86_400;
const DEFAULT_DAYS: i64 = 30;
const MAX_DAYS: i64 = 366;

/// Which rows, from when to when.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) filter: UsageFilter,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl Window {
    /// The last 30 days where the query says nothing; of a longer window than 366 days only the end.
    pub(super) fn read(app: &App, query: &QueryArgs) -> Result<Self, ApiError> {
        let filter = super::filter(query)?;
        let end = filter.end.unwrap_or_else(|| app.gateway.clock.now());
        let start = filter
            .start
            .unwrap_or_else(|| end.plus_secs(-DEFAULT_DAYS * DAY_SECS))
            .max(end.plus_secs(-MAX_DAYS * DAY_SECS));
        Ok(Self {
            filter: UsageFilter {
                start: Some(start),
                end: Some(end),
                ..filter
            },
            start,
            end,
        })
    }

    /// How many buckets it touches.
    pub(super) fn buckets(&self, bucket: Bucket) -> usize {
        let first = bucket.start_of(self.start);
        let length = self.end.0.saturating_sub(first.0).max(0);
        usize::try_from(
            length
                .unsigned_abs()
                .div_ceil(bucket.width().unsigned_abs()),
        )
        .unwrap_or(usize::MAX)
    }

    /// The beginning of each bucket it touches, oldest first.
    pub(super) fn starts(&self, bucket: Bucket) -> impl Iterator<Item = Timestamp> {
        let first = bucket.start_of(self.start);
        std::iter::successors(Some(first), move |at| {
            Some(Timestamp(at.0.saturating_add(bucket.width())))
        })
        .take(self.buckets(bucket))
    }
}

/// `bucket=hour` or `day`, which is the default.
pub(super) fn bucket(query: &QueryArgs) -> Result<Bucket, ApiError> {
    match query.one("bucket") {
        None | Some("day") => Ok(Bucket::Day),
        Some("hour") => Ok(Bucket::Hour),
        Some(_) => Err(query_problem(
            "bucket",
            "literal_error",
            "Input should be 'hour' or 'day'",
        )),
    }
}

/// A bucket's beginning as clients compare it: with `Z`.
pub(super) fn zulu(start: Timestamp) -> String {
    let text = start.to_string();
    text.strip_suffix("+00:00")
        .map_or_else(|| text.clone(), |moment| format!("{moment}Z"))
}
