use otari_store::api_keys::{self, NewKey};
use otari_store::testing::{Database, EPOCH, databases};
use otari_store::usage::{self, ToolUse, UsageFilter, UsageRow};
use otari_store::users::{self, NewUser};
use otari_store::{Cursor, Page, accounts};
use otari_types::{
    CacheConvention, CallStatus, KeyId, NanoUsd, NodeId, TokenUsage, UsageRecord, UserId,
};

use crate::record;

async fn write(db: &Database, records: &[UsageRecord]) {
    accounts::settle(db, &NodeId::from("n"), records)
        .await
        .unwrap();
}

fn named(id: &str) -> UsageRecord {
    UsageRecord {
        id: id.to_owned(),
        ..record()
    }
}

async fn ids(db: &Database, filter: UsageFilter, page: Page) -> Vec<String> {
    let rows = usage::list(db, &filter, &page).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

/// A record with every field set.
fn full() -> UsageRecord {
    let tokens = TokenUsage {
        input: 10,
        output: 20,
        cache_read: 3,
        cache_write: 4,
        cache_write_1h: 1,
        reasoning: 5,
        convention: CacheConvention::Additive,
    };
    UsageRecord {
        user_id: Some("ada".to_owned()),
        api_key_id: Some("k".to_owned()),
        source_label: Some("label".to_owned()),
        usage: Some(tokens),
        usage_estimated: true,
        cost: Some(NanoUsd(123)),
        pricing_breakdown: Some("[]".to_owned()),
        billing_meters: Some("{}".to_owned()),
        error_message: Some("late".to_owned()),
        status_code: Some(504),
        first_chunk_ms: Some(7),
        counts_toward_budget: false,
        policy_name: Some("p".to_owned()),
        selection_reason: Some("r".to_owned()),
        attempt_position: Some(1),
        attempt_count: Some(2),
        request_group_id: Some("g".to_owned()),
        request_id: Some("req".to_owned()),
        ..named("full")
    }
}

/// The record a row was written from; what rows do not hold is taken from `written`.
fn back(row: &UsageRow, written: &UsageRecord) -> UsageRecord {
    UsageRecord {
        id: row.id.clone(),
        timestamp: row.timestamp,
        endpoint: row.endpoint.clone(),
        model: row.model.clone(),
        provider: row.provider.clone(),
        user_id: row.user_id.clone(),
        api_key_id: row.api_key_id.clone(),
        source: row.source.clone(),
        source_label: row.source_label.clone(),
        usage: row.usage,
        usage_estimated: row.usage_estimated,
        cost: row.cost,
        pricing_breakdown: row.pricing_breakdown.clone(),
        billing_meters: row.billing_meters.clone(),
        error_message: row.error_message.clone(),
        status_code: row.status_code.map(|code| u16::try_from(code).unwrap()),
        latency_ms: row.latency_ms,
        first_chunk_ms: row.first_chunk_ms,
        counts_toward_budget: row.counts_toward_budget,
        policy_name: row.policy_name.clone(),
        selection_reason: row.selection_reason.clone(),
        attempt_position: row.attempt_position,
        attempt_count: row.attempt_count,
        request_group_id: row.request_group_id.clone(),
        request_id: row.request_id.clone(),
        ..written.clone()
    }
}

#[tokio::test]
async fn every_field_reads_back_with_the_labels_of_today() {
    for db in databases().await {
        let user = NewUser {
            alias: Some("Ada".to_owned()),
            ..NewUser::of(UserId::from("ada"))
        };
        users::create(&db, &user).await.unwrap();
        let key = NewKey {
            key_name: Some("ci".to_owned()),
            user_id: Some(user.user_id),
            ..NewKey::of(KeyId::from("k"), &[1; 32], "gw-x")
        };
        api_keys::insert(&db, &key).await.unwrap();
        let full = full();
        let gone = UsageRecord {
            user_id: Some("nobody".to_owned()),
            api_key_id: Some("none".to_owned()),
            ..named("gone")
        };
        write(&db, &[full.clone(), gone]).await;
        let rows = usage::list(&db, &UsageFilter::default(), &Page::all())
            .await
            .unwrap();
        let [gone, row] = rows.as_slice() else {
            panic!("two rows")
        };
        assert_eq!(
            (gone.user_alias.as_ref(), gone.user_id.as_deref()),
            (None, Some("nobody"))
        );
        assert_eq!((gone.usage, gone.total_tokens), (None, None));
        assert_eq!(
            (row.user_alias.as_deref(), row.api_key_name.as_deref()),
            (Some("Ada"), Some("ci"))
        );
        assert_eq!((row.usage, row.total_tokens), (full.usage, Some(37)));
        let back = back(row, &full);
        assert_eq!(back, full);
        assert_eq!(row.status, "success");
        db.finish().await;
    }
}

/// One row per letter, each with something of its own.
fn records() -> Vec<UsageRecord> {
    let tool = |name: &str| Some(format!(r#"{{"tools":{{"{name}":{{"billed":1}}}}}}"#));
    vec![
        UsageRecord {
            timestamp: EPOCH.plus_secs(10),
            user_id: Some("u".into()),
            cost: Some(NanoUsd(1)),
            ..named("a")
        },
        UsageRecord {
            api_key_id: Some("k".into()),
            model: "m".to_owned(),
            status: CallStatus::Error,
            status_code: Some(429),
            ..named("b")
        },
        UsageRecord {
            status: CallStatus::Absorbed,
            status_code: Some(429),
            request_group_id: Some("g".into()),
            ..named("c")
        },
        UsageRecord {
            endpoint: "/v1/rerank".to_owned(),
            provider: None,
            source: "import".to_owned(),
            ..named("d")
        },
        UsageRecord {
            source_label: Some("l".into()),
            counts_toward_budget: false,
            billing_meters: tool("web_search"),
            ..named("e")
        },
        UsageRecord {
            request_id: Some("r".into()),
            billing_meters: tool("code_execution"),
            ..named("f")
        },
    ]
}

/// A filter and the letters of the rows it picks, newest first.
fn cases() -> Vec<(UsageFilter, &'static str)> {
    fn filter(
        set: impl FnOnce(&mut UsageFilter),
        picked: &'static str,
    ) -> (UsageFilter, &'static str) {
        let mut filter = UsageFilter::default();
        set(&mut filter);
        (filter, picked)
    }
    let one = |text: &str| vec![text.to_owned()];
    vec![
        filter(|f| f.start = Some(EPOCH.plus_secs(10)), "a"),
        filter(|f| f.end = Some(EPOCH.plus_secs(10)), "fedcb"),
        filter(|f| f.user_ids = one("u"), "a"),
        filter(|f| f.models = vec!["m".to_owned(), "x".to_owned()], "b"),
        filter(|f| f.api_key_ids = one("k"), "b"),
        filter(|f| f.status = Some("absorbed".into()), "c"),
        filter(|f| f.status_code = Some(429), "b"),
        filter(
            |f| {
                f.status_code = Some(429);
                f.status = Some("absorbed".into());
            },
            "c",
        ),
        filter(|f| f.endpoint = Some("/v1/rerank".into()), "d"),
        filter(
            |f| {
                f.provider = Some("openai".into());
                f.source = Some("gateway".into());
            },
            "afecb",
        ),
        filter(|f| f.source = Some("import".into()), "d"),
        filter(|f| f.source_label = Some("l".into()), "e"),
        filter(|f| f.priced = Some(true), "a"),
        filter(|f| f.priced = Some(false), "fedcb"),
        filter(|f| f.tool = Some(ToolUse::Any), "fe"),
        filter(|f| f.tool = Some(ToolUse::WebSearch), "e"),
        filter(|f| f.tool = Some(ToolUse::CodeExecution), "f"),
        filter(|f| f.counts_toward_budget = Some(false), "e"),
        filter(|f| f.request_group_ids = one("g"), "c"),
        filter(|f| f.request_id = Some("r".into()), "f"),
    ]
}

#[tokio::test]
async fn each_filter_picks_its_rows() {
    for db in databases().await {
        write(&db, &records()).await;
        for (filter, expected) in &cases() {
            assert_eq!(
                ids(&db, filter.clone(), Page::all()).await.concat(),
                *expected,
                "{filter:?}"
            );
            let count = usage::count(&db, filter).await.unwrap();
            assert_eq!(usize::try_from(count).unwrap(), expected.len());
        }
        db.finish().await;
    }
}

#[tokio::test]
async fn a_cursor_keeps_its_place_while_rows_arrive() {
    for db in databases().await {
        let records: Vec<UsageRecord> = (0..6i64)
            .map(|n| UsageRecord {
                timestamp: EPOCH.plus_secs(n / 2),
                ..named(&format!("r{n}"))
            })
            .collect();
        write(&db, &records).await;
        let all = || UsageFilter::default();
        assert_eq!(ids(&db, all(), Page::skip(0, 2)).await, ["r5", "r4"]);
        let newer = UsageRecord {
            timestamp: EPOCH.plus_secs(99),
            ..named("r9")
        };
        write(&db, &[newer]).await;
        let after = Cursor::new(EPOCH.plus_secs(2), "r4");
        assert_eq!(
            ids(&db, all(), Page::after(after, 3)).await,
            ["r3", "r2", "r1"]
        );
        assert_eq!(ids(&db, all(), Page::skip(5, 3)).await, ["r1", "r0"]);
        db.finish().await;
    }
}

#[tokio::test]
async fn totals_are_per_status() {
    for db in databases().await {
        let tokens = TokenUsage {
            input: 10,
            output: 5,
            cache_read: 2,
            ..TokenUsage::default()
        };
        let priced = |id: &str| UsageRecord {
            usage: Some(tokens),
            cost: Some(NanoUsd(7)),
            ..named(id)
        };
        let failed = UsageRecord {
            status: CallStatus::Error,
            ..named("e")
        };
        write(&db, &[priced("a"), priced("b"), failed, named("c")]).await;
        let totals = usage::totals(&db, &UsageFilter::default()).await.unwrap();
        let [error, success] = totals.as_slice() else {
            panic!("two statuses: {totals:?}")
        };
        assert_eq!(
            (error.status.as_str(), error.rows, error.cost),
            ("error", 1, NanoUsd(0))
        );
        assert_eq!(
            (success.rows, success.cost, success.unpriced),
            (3, NanoUsd(14), 1)
        );
        assert_eq!(
            (
                success.prompt_tokens,
                success.completion_tokens,
                success.total_tokens
            ),
            (20, 10, 30)
        );
        assert_eq!((success.cache_read_tokens, success.latency_ms), (4, 36));
        db.finish().await;
    }
}
