//! Writing rows of the usage log, many per statement.

use std::sync::LazyLock;

use otari_types::{CacheConvention, UsageRecord};

use super::TABLE;
use crate::StoreError;
use crate::sql::{MultiRow, Query};
use crate::tx::Tx;

/// In the order of [`bind`].
const COLUMNS: [&str; 33] = [
    "id",
    "timestamp",
    "status",
    "endpoint",
    "model",
    "provider",
    "user_id",
    "api_key_id",
    "source",
    "source_label",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "cache_tokens_in_prompt",
    "usage_estimated",
    "cost",
    "pricing_breakdown",
    "billing_meters",
    "error_message",
    "status_code",
    "latency_ms",
    "first_chunk_ms",
    "counts_toward_budget",
    "policy_name",
    "selection_reason",
    "attempt_position",
    "attempt_count",
    "request_group_id",
    "request_id",
];

fn statement(tail: &str) -> MultiRow {
    let head = format!("INSERT INTO usage_logs ({}) VALUES ", COLUMNS.join(","));
    MultiRow::values(&head, COLUMNS.len(), tail)
}

static INSERT: LazyLock<MultiRow> = LazyLock::new(|| statement(" ON CONFLICT (id) DO NOTHING"));
static INSERT_TELLING: LazyLock<MultiRow> =
    LazyLock::new(|| statement(" ON CONFLICT (id) DO NOTHING RETURNING id"));

/// Inserts the rows that are not there yet; how many they were.
pub(crate) async fn insert(tx: &mut Tx, records: &[UsageRecord]) -> Result<u64, StoreError> {
    let mut inserted = 0;
    for (text, records) in INSERT.cut(tx.engine(), records) {
        inserted += tx.execute(query(text, records)).await?;
    }
    Ok(inserted)
}

/// As [`insert`], and tells their ids: dearer, and only needed when some of them were there already.
pub(crate) async fn insert_telling(
    tx: &mut Tx,
    records: &[UsageRecord],
) -> Result<Vec<String>, StoreError> {
    let mut inserted = Vec::with_capacity(records.len());
    for (text, records) in INSERT_TELLING.cut(tx.engine(), records) {
        for row in tx.rows(query(text, records)).await? {
            inserted.push(row.get("id")?);
        }
    }
    Ok(inserted)
}

fn query(text: &'static str, records: &[UsageRecord]) -> Query {
    records.iter().fold(Query::new(TABLE, text), bind)
}

fn bind(query: Query, record: &UsageRecord) -> Query {
    let usage = record.usage.as_ref();
    query
        .bind(&record.id)
        .bind(record.timestamp)
        .bind(record.status.as_str())
        .bind(&record.endpoint)
        .bind(&record.model)
        .bind(record.provider.as_deref())
        .bind(record.user_id.as_deref())
        .bind(record.api_key_id.as_deref())
        .bind(&record.source)
        .bind(record.source_label.as_deref())
        .bind(usage.map(|usage| usage.input))
        .bind(usage.map(|usage| usage.output))
        .bind(usage.map(otari_types::TokenUsage::total))
        .bind(usage.map(|usage| usage.cache_read))
        .bind(usage.map(|usage| usage.cache_write))
        .bind(usage.map(|usage| usage.cache_write_1h))
        .bind(usage.map(|usage| usage.reasoning))
        .bind(usage.map(|usage| usage.convention == CacheConvention::Inclusive))
        .bind(record.usage_estimated)
        .bind(record.cost)
        .bind(record.pricing_breakdown.as_deref())
        .bind(record.billing_meters.as_deref())
        .bind(record.error_message.as_deref())
        .bind(record.status_code)
        .bind(record.latency_ms)
        .bind(record.first_chunk_ms)
        .bind(record.counts_toward_budget)
        .bind(record.policy_name.as_deref())
        .bind(record.selection_reason.as_deref())
        .bind(record.attempt_position)
        .bind(record.attempt_count)
        .bind(record.request_group_id.as_deref())
        .bind(record.request_id.as_deref())
}
