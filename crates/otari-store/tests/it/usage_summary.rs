use otari_store::accounts;
use otari_store::testing::{Database, EPOCH, databases};
use otari_store::usage::{
    self, Bucket, Dimension, ErrorCount, Group, Summary, SummaryParts, ToolTotals, UsageFilter,
};
use otari_store::users::{self, NewUser};
use otari_types::{CacheConvention, CallStatus, NanoUsd, NodeId, TokenUsage, UsageRecord, UserId};

use crate::record;

const HOUR: i64 = 3_600;

async fn write(db: &Database, records: &[UsageRecord]) {
    accounts::settle(db, &NodeId::from("n"), records)
        .await
        .unwrap();
}

fn all_parts() -> SummaryParts {
    SummaryParts {
        dimensions: Dimension::ALL.to_vec(),
        errors: true,
        tools: true,
        series: Some(Bucket::Hour),
        groups_max: None,
    }
}

async fn summary(db: &Database, filter: &UsageFilter) -> Summary {
    usage::summary(db, filter, &all_parts()).await.unwrap()
}

fn groups(summary: &Summary, wanted: Dimension) -> &[Group] {
    let found = summary
        .breakdowns
        .iter()
        .find(|(dimension, _)| *dimension == wanted);
    &found.unwrap().1
}

/// A success of `model` that cost so much and used 10 + 5 tokens.
fn spent(model: &str, cost: i64) -> UsageRecord {
    UsageRecord {
        model: model.to_owned(),
        cost: Some(NanoUsd(cost)),
        usage: Some(TokenUsage {
            input: 10,
            output: 5,
            ..TokenUsage::default()
        }),
        ..record()
    }
}

fn failed(status: CallStatus, code: Option<u16>) -> UsageRecord {
    UsageRecord {
        status,
        status_code: code,
        latency_ms: 100,
        ..record()
    }
}

#[tokio::test]
async fn an_absorbed_attempt_is_a_row_but_no_request() {
    for db in databases().await {
        write(
            &db,
            &[
                spent("m", 7),
                failed(CallStatus::Absorbed, Some(500)),
                failed(CallStatus::Error, Some(429)),
                failed(CallStatus::Error, Some(429)),
                failed(CallStatus::Error, None),
            ],
        )
        .await;
        let all = summary(&db, &UsageFilter::default()).await;
        assert_eq!((all.totals.requests, all.totals.errors), (4, 3));
        assert_eq!(all.totals.latency_ms, 312);
        let error = |status_code, requests| ErrorCount {
            status_code,
            requests,
        };
        assert_eq!(all.errors, [error(Some(429), 2), error(None, 1)]);
        let absorbed = UsageFilter {
            status: Some("absorbed".to_owned()),
            ..UsageFilter::default()
        };
        let absorbed = summary(&db, &absorbed).await;
        assert_eq!(
            (absorbed.totals.requests, absorbed.totals.latency_ms),
            (1, 100)
        );
        assert_eq!(groups(&absorbed, Dimension::Endpoint)[0].requests, 1);
        db.finish().await;
    }
}

#[tokio::test]
async fn groups_are_ordered_by_cost_and_labelled() {
    for db in databases().await {
        let ada = NewUser {
            alias: Some("Ada".to_owned()),
            ..NewUser::of(UserId::from("ada"))
        };
        users::create(&db, &ada).await.unwrap();
        let of = |user: &str, cost| UsageRecord {
            user_id: Some(user.to_owned()),
            ..spent("m", cost)
        };
        let nobody = spent("m", 5);
        write(&db, &[of("gone", 1), of("ada", 2), of("ada", 4), nobody]).await;
        let summary = summary(&db, &UsageFilter::default()).await;
        let users: Vec<_> = groups(&summary, Dimension::User)
            .iter()
            .map(|group| {
                (
                    group.key.as_deref(),
                    group.label.as_deref(),
                    group.cost.0,
                    group.tokens,
                )
            })
            .collect();
        assert_eq!(
            users,
            [
                (Some("ada"), Some("Ada"), 6, 30),
                (None, None, 5, 15),
                (Some("gone"), None, 1, 15)
            ]
        );
        db.finish().await;
    }
}

#[tokio::test]
async fn what_is_not_listed_adds_up_in_one_group_beside_rows_without_a_value() {
    for db in databases().await {
        let mut rows: Vec<_> = (1..=5).map(|n| spent(&format!("m{n}"), n)).collect();
        for row in &mut rows {
            row.provider = Some(row.model.clone());
        }
        rows.push(UsageRecord {
            provider: None,
            ..spent("m6", 9)
        });
        write(&db, &rows).await;
        let parts = SummaryParts {
            dimensions: vec![Dimension::Provider],
            groups_max: Some(2),
            ..SummaryParts::default()
        };
        let summary = usage::summary(&db, &UsageFilter::default(), &parts)
            .await
            .unwrap();
        let shown: Vec<_> = groups(&summary, Dimension::Provider)
            .iter()
            .map(|group| {
                (
                    group.key.as_deref(),
                    group.is_other,
                    group.cost.0,
                    group.requests,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (None, false, 9, 1),
                (Some("m5"), false, 5, 1),
                (None, true, 10, 4)
            ]
        );
        let series = usage::grouped_series(
            &db,
            &UsageFilter::default(),
            Bucket::Day,
            Dimension::Provider,
            2,
        )
        .await
        .unwrap();
        assert_eq!(series.groups, groups(&summary, Dimension::Provider));
        let points: Vec<_> = series
            .points
            .iter()
            .map(|point| {
                (
                    point.key.as_deref(),
                    point.is_other,
                    point.cost.0,
                    point.requests,
                )
            })
            .collect();
        for group in shown {
            assert!(points.contains(&group), "{points:?}");
        }
        assert_eq!(points.len(), 3);
        db.finish().await;
    }
}

#[tokio::test]
async fn buckets_begin_at_full_hours_and_input_includes_both_caches() {
    for db in databases().await {
        let cached = TokenUsage {
            input: 10,
            output: 5,
            cache_read: 3,
            cache_write: 2,
            convention: CacheConvention::Additive,
            ..TokenUsage::default()
        };
        let at = |secs: i64| UsageRecord {
            timestamp: EPOCH.plus_secs(secs),
            usage: Some(cached),
            ..spent("m", 1)
        };
        write(
            &db,
            &[at(HOUR - 1), at(HOUR), at(2 * HOUR - 1), at(30 * HOUR)],
        )
        .await;
        let all = UsageFilter::default();
        let series = summary(&db, &all).await.series;
        let points: Vec<_> = series
            .iter()
            .map(|point| {
                (
                    point.start,
                    point.requests,
                    point.input_tokens,
                    point.output_tokens,
                )
            })
            .collect();
        assert_eq!(
            points,
            [
                (EPOCH, 1, 15, 5),
                (EPOCH.plus_secs(HOUR), 2, 30, 10),
                (EPOCH.plus_secs(30 * HOUR), 1, 15, 5)
            ]
        );
        let days = usage::grouped_series(&db, &all, Bucket::Day, Dimension::Model, 8)
            .await
            .unwrap();
        let days: Vec<_> = days
            .points
            .iter()
            .map(|point| (point.start, point.requests))
            .collect();
        assert_eq!(days, [(EPOCH, 3), (EPOCH.plus_secs(24 * HOUR), 1)]);
        db.finish().await;
    }
}

#[tokio::test]
async fn tools_are_counted_from_the_meters_and_alone_make_no_price() {
    for db in databases().await {
        let ran = |meters: &str, cost| UsageRecord {
            billing_meters: Some(meters.to_owned()),
            ..spent("m", cost)
        };
        write(
            &db,
            &[
                ran(
                    r#"{"tools":{"web_search":{"billed":2,"errors":1,"unit_rate":0.005}},"total_input_tokens":10}"#,
                    10_000_100,
                ),
                ran(
                    r#"{"tools":{"web_search":{"billed":1,"errors":0,"unit_rate":0.01},"code_execution":{"billed":0,"errors":3,"unit_rate":null}}}"#,
                    10_000_000,
                ),
                ran(r#"{"total_input_tokens":10}"#, 100),
            ],
        )
        .await;
        let summary = summary(&db, &UsageFilter::default()).await;
        let tool = |tool, calls, errors, requests, cost| ToolTotals {
            tool,
            calls,
            errors,
            requests,
            cost: NanoUsd(cost),
        };
        assert_eq!(
            summary.tools,
            [
                tool("web_search", 3, 1, 2, 20_000_000),
                tool("code_execution", 0, 3, 1, 0)
            ]
        );
        assert_eq!(summary.totals.unpriced, 1);
        let unpriced = UsageFilter {
            priced: Some(false),
            ..UsageFilter::default()
        };
        assert_eq!(usage::count(&db, &unpriced).await.unwrap(), 1);
        db.finish().await;
    }
}
