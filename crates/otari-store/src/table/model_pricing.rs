//! Prices of models over time. The newest row that has begun counts.

use otari_types::{Rate, Timestamp};

use crate::page::Start;
use crate::sql::{Query, Row};
use crate::tx::Tx;
use crate::{Change, Engine, Page, Patch, Store, StoreError};

const TABLE: &str = "model_pricing";
const NO_TIERS: &str = "[]";

/// A price as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricingRow {
    /// `instance:model`; an old row may still say `instance/model`.
    pub model_key: String,
    pub effective_at: Timestamp,
    pub input: Rate,
    pub output: Rate,
    pub cache_read: Option<Rate>,
    pub cache_write: Option<Rate>,
    pub cache_write_1h: Option<Rate>,
    /// A JSON list as text.
    pub tiers: String,
    /// Who set it, e.g. `api`, `config`.
    pub origin: String,
    /// What the rates count, e.g. `tokens`.
    pub unit: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A price to set. What is `None` where null is possible is taken from the newest row of the model.
#[derive(Clone, Debug)]
pub struct NewPrice {
    pub model_key: String,
    pub effective_at: Timestamp,
    pub input: Rate,
    pub output: Rate,
    pub cache_read: Patch<Rate>,
    pub cache_write: Patch<Rate>,
    pub cache_write_1h: Patch<Rate>,
    /// A JSON list as text; an empty list clears.
    pub tiers: Option<String>,
    pub origin: String,
    pub unit: String,
}

/// Sets the price from `effective_at` on, replacing one that begins at the same moment.
pub async fn set(store: &Store, price: &NewPrice) -> Result<PricingRow, StoreError> {
    let mut tx = store.begin().await?;
    serialise(&mut tx).await?;
    let newest = tx.row(history_query(&price.model_key)).await?;
    let newest = newest.as_ref().map(read).transpose()?;
    let row = write(&mut tx, price, newest.as_ref(), store.now()).await?;
    tx.notify(&Change::Price(price.model_key.clone())).await?;
    tx.commit().await?;
    Ok(row)
}

/// Sets the price only if the model has none at all; `false` when it has.
pub async fn seed_if_absent(store: &Store, price: &NewPrice) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    serialise(&mut tx).await?;
    if tx.row(history_query(&price.model_key)).await?.is_some() {
        return Ok(false);
    }
    write(&mut tx, price, None, store.now()).await?;
    tx.notify(&Change::Price(price.model_key.clone())).await?;
    tx.commit().await?;
    Ok(true)
}

/// The price in force at a moment. The canonical key goes before the old spelling, whichever is newer.
pub async fn effective(
    store: &Store,
    key: &str,
    at: Timestamp,
) -> Result<Option<PricingRow>, StoreError> {
    let text = "SELECT * FROM model_pricing WHERE model_key IN ($1, $2) AND effective_at <= $3 \
                ORDER BY CASE WHEN model_key = $1 THEN 0 ELSE 1 END, effective_at DESC LIMIT 1";
    let query = Query::new(TABLE, text).bind(key).bind(legacy(key)).bind(at);
    store.row(query).await?.as_ref().map(read).transpose()
}

/// When a later price begins: until then what [`effective`] says holds.
pub async fn next_change(
    store: &Store,
    key: &str,
    at: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let text = "SELECT effective_at FROM model_pricing WHERE model_key IN ($1, $2) AND effective_at > $3 \
                ORDER BY effective_at LIMIT 1";
    let query = Query::new(TABLE, text).bind(key).bind(legacy(key)).bind(at);
    store
        .row(query)
        .await?
        .map(|row| row.get("effective_at"))
        .transpose()
}

/// All prices, by model, newest first. A cursor's id is the model key.
pub async fn list(store: &Store, page: &Page) -> Result<Vec<PricingRow>, StoreError> {
    let mut query = Query::new(TABLE, "SELECT * FROM model_pricing WHERE 1 = 1");
    if let Start::After(cursor) = &page.start {
        query.push_with(" AND (model_key > ?", &cursor.id);
        query.push_with(" OR (model_key = ?", &cursor.id);
        query.push_with(" AND effective_at < ?))", cursor.at);
    }
    query.push_with(
        " ORDER BY model_key, effective_at DESC LIMIT ?",
        page.limit.max(0),
    );
    if let Start::Skip(skip) = page.start {
        query.push_with(" OFFSET ?", skip.max(0));
    }
    store.rows(query).await?.iter().map(read).collect()
}

/// The models that have a price.
pub async fn keys(store: &Store) -> Result<Vec<String>, StoreError> {
    let query = Query::new(
        TABLE,
        "SELECT DISTINCT model_key FROM model_pricing ORDER BY model_key",
    );
    store
        .rows(query)
        .await?
        .iter()
        .map(|row| row.get("model_key"))
        .collect()
}

/// All prices of one model, newest first.
pub async fn history(store: &Store, key: &str) -> Result<Vec<PricingRow>, StoreError> {
    store
        .rows(history_query(key))
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Removes the price that begins at `effective_at`, or all of the model's.
pub async fn delete(
    store: &Store,
    key: &str,
    effective_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let mut query = Query::new(TABLE, "DELETE FROM model_pricing WHERE model_key = $1").bind(key);
    if let Some(at) = effective_at {
        query.push_with(" AND effective_at = ?", at);
    }
    let mut tx = store.begin().await?;
    if tx.execute(query).await? == 0 {
        return Err(StoreError::NotFound);
    }
    tx.notify(&Change::Price(key.to_owned())).await?;
    tx.commit().await
}

fn history_query(key: &str) -> Query {
    let text = "SELECT * FROM model_pricing WHERE model_key = $1 ORDER BY effective_at DESC";
    Query::new(TABLE, text).bind(key)
}

/// The spelling of keys before `:` separated instance and model.
fn legacy(key: &str) -> String {
    key.replacen(':', "/", 1)
}

/// Price writes read before they write; on SQLite they queue anyway.
async fn serialise(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.engine() == Engine::Postgres {
        let lock = Query::new(
            TABLE,
            "LOCK TABLE model_pricing IN SHARE ROW EXCLUSIVE MODE",
        );
        tx.execute(lock).await?;
    }
    Ok(())
}

async fn write(
    tx: &mut Tx,
    price: &NewPrice,
    inherit: Option<&PricingRow>,
    now: Timestamp,
) -> Result<PricingRow, StoreError> {
    let text = "INSERT INTO model_pricing (model_key, effective_at, input_rate, output_rate, cache_read_rate, \
                cache_write_rate, cache_write_1h_rate, pricing_tiers, origin, unit, created_at, updated_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) \
                ON CONFLICT (model_key, effective_at) DO UPDATE SET input_rate = excluded.input_rate, \
                output_rate = excluded.output_rate, cache_read_rate = excluded.cache_read_rate, \
                cache_write_rate = excluded.cache_write_rate, cache_write_1h_rate = excluded.cache_write_1h_rate, \
                pricing_tiers = excluded.pricing_tiers, origin = excluded.origin, unit = excluded.unit, \
                updated_at = excluded.updated_at RETURNING *";
    let inherited = |given: Patch<Rate>, pick: fn(&PricingRow) -> Option<Rate>| {
        given.unwrap_or_else(|| inherit.and_then(pick))
    };
    let tiers = price
        .tiers
        .as_deref()
        .or(inherit.map(|row| row.tiers.as_str()));
    let upsert = Query::new(TABLE, text)
        .bind(&price.model_key)
        .bind(price.effective_at)
        .bind(price.input)
        .bind(price.output)
        .bind(inherited(price.cache_read, |row| row.cache_read))
        .bind(inherited(price.cache_write, |row| row.cache_write))
        .bind(inherited(price.cache_write_1h, |row| row.cache_write_1h))
        .bind(tiers.unwrap_or(NO_TIERS))
        .bind(&price.origin)
        .bind(&price.unit)
        .bind(now);
    let row = tx.row(upsert).await?.ok_or(StoreError::NotFound)?;
    read(&row)
}

fn read(row: &Row) -> Result<PricingRow, StoreError> {
    Ok(PricingRow {
        model_key: row.get("model_key")?,
        effective_at: row.get("effective_at")?,
        input: row.get("input_rate")?,
        output: row.get("output_rate")?,
        cache_read: row.opt("cache_read_rate")?,
        cache_write: row.opt("cache_write_rate")?,
        cache_write_1h: row.opt("cache_write_1h_rate")?,
        tiers: row.get("pricing_tiers")?,
        origin: row.get("origin")?,
        unit: row.get("unit")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
