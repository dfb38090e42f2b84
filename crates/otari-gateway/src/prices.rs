//! What a model costs at a moment: the operator's list, else (when enabled) the bundled public one.

use std::sync::Arc;

use otari_metering::{Listed, Price, PriceBook, Query};
use otari_providers::Instance;
use otari_store::model_pricing::{self, PricingRow};
use otari_store::{Store, StoreError};
use otari_types::Timestamp;

use crate::settings::Settings;

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

/// What is known of a model at a moment.
#[derive(Clone, Debug, Default)]
pub struct Quote {
    pub price: Option<PricePoint>,
    /// When the price may change by itself; `None` is never.
    pub valid_until: Option<Timestamp>,
    /// Tokens, where the bundled list knows; also while its prices are not used.
    pub context_window: Option<i64>,
}

#[derive(Debug)]
pub struct Prices {
    store: Store,
    settings: Arc<Settings>,
}

impl Prices {
    pub fn new(store: Store, settings: Arc<Settings>) -> Self {
        Self { store, settings }
    }

    /// The price in force at `now`, for how long, and what the bundled list says besides.
    pub async fn at(
        &self,
        key: &str,
        instance: Option<&Instance>,
        now: Timestamp,
    ) -> Result<Quote, StoreError> {
        let row = model_pricing::effective(&self.store, key, now).await?;
        let next_change = model_pricing::next_change(&self.store, key, now).await?;
        let listed = instance.and_then(|instance| listed(key, instance, now));
        let context_window = listed.as_ref().and_then(|listed| listed.context_window);
        if let Some(row) = row {
            let price = Arc::new(price_of(&row));
            return Ok(Quote {
                price: Some(PricePoint {
                    price,
                    source: PriceSource::Configured,
                }),
                valid_until: next_change,
                context_window,
            });
        }
        let listed = listed.filter(|_| self.settings.hot().default_pricing);
        let next_hour = listed
            .is_some()
            .then(|| Timestamp((now.0.div_euclid(HOUR_MICROS) + 1) * HOUR_MICROS));
        Ok(Quote {
            price: listed.map(|listed| PricePoint {
                price: Arc::new(listed.price),
                source: PriceSource::Default,
            }),
            valid_until: next_change.into_iter().chain(next_hour).min(),
            context_window,
        })
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
