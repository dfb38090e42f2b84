//! What a model costs at a moment: the operator's list, else (when enabled) the bundled public one.

use std::sync::Arc;

use moka::sync::Cache;
use otari_metering::{Listed, Price, PriceBook, Query};
use otari_providers::Instance;
use otari_store::model_pricing::{self, PricingRow};
use otari_store::{Store, StoreError};
use otari_types::Timestamp;

use crate::settings::Settings;

const CONTEXT_WINDOWS_MAX: u64 = 10_000;
/// Listed rates may differ by the hour of the day.
const HOUR_MICROS: i64 = 3_600_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceSource {
    Configured,
    /// The bundled data set.
    Default,
}

impl PriceSource {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Default => "default",
        }
    }
}

#[derive(Clone, Debug)]
pub struct PricePoint {
    pub price: Arc<Price>,
    pub source: PriceSource,
}

impl PricePoint {
    pub(crate) fn free() -> Self {
        Self {
            price: Arc::new(Price::default()),
            source: PriceSource::Default,
        }
    }
}

/// What a model costs at a moment, and for how long.
#[derive(Clone, Debug, Default)]
pub struct Quote {
    pub price: Option<PricePoint>,
    /// When the price may change by itself; `None` is never.
    pub valid_until: Option<Timestamp>,
}

#[derive(Debug)]
pub struct Prices {
    store: Store,
    settings: Arc<Settings>,
    /// By model key. Searching the bundled list takes milliseconds where it has no match.
    context_windows: Cache<String, Option<i64>>,
}

impl Prices {
    pub fn new(store: Store, settings: Arc<Settings>) -> Self {
        Self {
            store,
            settings,
            context_windows: Cache::new(CONTEXT_WINDOWS_MAX),
        }
    }

    /// The price in force at `now`.
    pub async fn at(
        &self,
        key: &str,
        instance: Option<&Instance>,
        now: Timestamp,
    ) -> Result<Quote, StoreError> {
        let row = model_pricing::effective(&self.store, key, now).await?;
        let next_change = model_pricing::next_change(&self.store, key, now).await?;
        if let Some(row) = row {
            let price = Arc::new(price_of(&row));
            return Ok(Quote {
                price: Some(PricePoint {
                    price,
                    source: PriceSource::Configured,
                }),
                valid_until: next_change,
            });
        }
        let listed = instance
            .filter(|_| self.settings.hot().default_pricing)
            .and_then(|instance| listed(key, instance, now));
        let next_hour = listed
            .is_some()
            .then(|| Timestamp((now.0.div_euclid(HOUR_MICROS) + 1) * HOUR_MICROS));
        Ok(Quote {
            price: listed.map(|listed| PricePoint {
                price: Arc::new(listed.price),
                source: PriceSource::Default,
            }),
            valid_until: next_change.into_iter().chain(next_hour).min(),
        })
    }

    /// How many tokens a model takes, where the bundled list knows; also while its prices are not used. For lists
    /// of models: a caller who invents names must not make anyone search.
    pub fn context_window(&self, key: &str, instance: &Instance, now: Timestamp) -> Option<i64> {
        if let Some(known) = self.context_windows.get(key) {
            return known;
        }
        let window = listed(key, instance, now).and_then(|listed| listed.context_window);
        self.context_windows.insert(key.to_owned(), window);
        window
    }
}

fn listed(key: &str, instance: &Instance, now: Timestamp) -> Option<Listed> {
    PriceBook::bundled().lookup(&Query {
        instance: &instance.name,
        provider: instance.provider.id,
        model: key.strip_prefix(&instance.name)?.strip_prefix(':')?,
        at: now,
        // A self-hosted server that speaks a vendor's wire does not charge the vendor's prices.
        inherits_vendor_prices: !instance.provider.compatible,
    })
}

/// A stored row as a price.
pub fn price_of(row: &PricingRow) -> Price {
    Price {
        input: row.input,
        output: row.output,
        cache_read: row.cache_read,
        cache_write: row.cache_write,
        cache_write_1h: row.cache_write_1h,
        tiers: serde_json::from_str(&row.tiers).unwrap_or_default(),
    }
}
