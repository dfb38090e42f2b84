//! Usage by model, user, key and so on: the largest groups, and the rest as one.

use otari_types::NanoUsd;

use super::TABLE;
use super::summary::{Totals, volume};
use crate::StoreError;
use crate::sql::{Query, Row};
use crate::tx::Tx;
use crate::usage::UsageFilter;

/// What rows are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    Model,
    User,
    ApiKey,
    Source,
    SourceLabel,
    Endpoint,
    Provider,
}

/// One group, or what remains beside the largest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// `None` is the group of rows without a value, unless `is_other`.
    pub key: Option<String>,
    /// The name that a user or key has now.
    pub label: Option<String>,
    pub cost: NanoUsd,
    pub tokens: i64,
    pub requests: i64,
    /// All groups that are not listed.
    pub is_other: bool,
}

impl Dimension {
    pub const ALL: [Self; 7] = [
        Self::Model,
        Self::User,
        Self::ApiKey,
        Self::Source,
        Self::SourceLabel,
        Self::Endpoint,
        Self::Provider,
    ];

    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::User => "user",
            Self::ApiKey => "api_key",
            Self::Source => "source",
            Self::SourceLabel => "source_label",
            Self::Endpoint => "endpoint",
            Self::Provider => "provider",
        }
    }

    pub(super) fn column(self) -> &'static str {
        match self {
            Self::User => "user_id",
            Self::ApiKey => "api_key_id",
            other => other.as_str(),
        }
    }

    /// Sessions are many, and looked for one by one.
    pub(super) fn groups_max(self) -> usize {
        match self {
            Self::SourceLabel => 250,
            _ => 100,
        }
    }

    /// Where a group's name stands: the column, and the join that brings it.
    fn label(self) -> (&'static str, &'static str) {
        match self {
            Self::User => ("u.alias", " LEFT JOIN users u ON u.user_id = g.k"),
            Self::ApiKey => ("a.key_name", " LEFT JOIN api_keys a ON a.id = g.k"),
            _ => ("CAST(NULL AS TEXT)", ""),
        }
    }
}

/// The `max` largest groups by cost; if there are more, one that makes them add up to `totals`.
pub(super) async fn groups(
    tx: &mut Tx,
    filter: &UsageFilter,
    dimension: Dimension,
    max: usize,
    totals: &Totals,
) -> Result<Vec<Group>, StoreError> {
    let rows = tx.rows(largest(filter, dimension, max)).await?;
    let mut groups = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if groups.len() > max {
        groups.truncate(max);
        let listed = |amount: fn(&Group) -> i64| groups.iter().map(amount).sum::<i64>();
        groups.push(Group {
            cost: totals.cost - groups.iter().map(|group| group.cost).sum(),
            tokens: totals.total_tokens - listed(|group| group.tokens),
            requests: totals.requests - listed(|group| group.requests),
            is_other: true,
            ..Group::default()
        });
    }
    Ok(groups)
}

/// One more than `max`, to see whether there are more.
fn largest(filter: &UsageFilter, dimension: Dimension, max: usize) -> Query {
    let column = dimension.column();
    let (label, join) = dimension.label();
    let text = format!(
        "SELECT g.k, {label} AS label, g.cost, g.tokens, g.requests FROM \
         (SELECT l.{column} AS k, {} FROM usage_logs l WHERE 1 = 1",
        volume(filter)
    );
    let mut query = Query::new(TABLE, text);
    filter.apply(&mut query);
    let limit = i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1);
    query.push_with(
        &format!(
            " GROUP BY l.{column} ORDER BY cost DESC, tokens DESC, requests DESC, l.{column} IS NULL, l.{column} LIMIT ?"
        ),
        limit,
    );
    query.push(&format!(
        ") g{join} ORDER BY g.cost DESC, g.tokens DESC, g.requests DESC, g.k IS NULL, g.k"
    ));
    query
}

fn read(row: &Row) -> Result<Group, StoreError> {
    Ok(Group {
        key: row.opt("k")?,
        label: row.opt("label")?,
        cost: row.get("cost")?,
        tokens: row.get("tokens")?,
        requests: row.get("requests")?,
        is_other: false,
    })
}
