//! What a model costs at a moment: the operator's list, else (when enabled) the bundled public one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use otari_metering::{Price, PriceBook, Query};
use otari_providers::Instance;
use otari_store::model_pricing::{self, PricingRow};
use otari_store::{Store, StoreError};
use otari_types::Timestamp;

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

#[derive(Debug)]
pub struct Prices {
    store: Store,
    use_defaults: AtomicBool,
}

impl Prices {
    pub fn new(store: Store, use_defaults: bool) -> Self {
        Self {
            store,
            use_defaults: AtomicBool::new(use_defaults),
        }
    }

    pub fn uses_defaults(&self) -> bool {
        self.use_defaults.load(Ordering::Relaxed)
    }

    pub fn set_use_defaults(&self, on: bool) {
        self.use_defaults.store(on, Ordering::Relaxed);
    }

    /// The price in force at `now`, and when it next changes.
    pub async fn at(
        &self,
        key: &str,
        instance: Option<&Instance>,
        now: Timestamp,
    ) -> Result<(Option<PricePoint>, Option<Timestamp>), StoreError> {
        let row = model_pricing::effective(&self.store, key, now).await?;
        let until = model_pricing::next_change(&self.store, key, now).await?;
        if let Some(row) = row {
            let price = Arc::new(price_of(&row));
            return Ok((
                Some(PricePoint {
                    price,
                    source: PriceSource::Configured,
                }),
                until,
            ));
        }
        Ok((self.default_for(key, instance, now), until))
    }

    /// The bundled price, when the fallback is on.
    pub fn default_for(
        &self,
        key: &str,
        instance: Option<&Instance>,
        now: Timestamp,
    ) -> Option<PricePoint> {
        let instance = instance.filter(|_| self.uses_defaults())?;
        let query = Query {
            instance: &instance.name,
            provider: instance.provider.id,
            model: key.strip_prefix(&instance.name)?.strip_prefix(':')?,
            at: now,
            // A self-hosted server that speaks a vendor's wire does not charge the vendor's prices.
            inherits_vendor_prices: !instance.provider.compatible,
        };
        let listed = PriceBook::bundled().lookup(&query)?;
        Some(PricePoint {
            price: Arc::new(listed.price),
            source: PriceSource::Default,
        })
    }
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
