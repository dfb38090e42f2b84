//! What a selector means here: an instance, its model, and the price. Resolved once and remembered.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use moka::sync::Cache;
use otari_providers::{Dialect, Instance};
use otari_store::StoreError;
use otari_types::{ModelSelector, Timestamp};

use crate::prices::{PricePoint, Prices};

/// Selectors remembered; a caller that invents names cannot grow the memory.
const TARGETS_MAX: u64 = 10_000;

/// A resolved selector.
#[derive(Debug)]
pub struct Target {
    /// As the caller wrote it: what errors name and what an aliased answer is labelled with.
    pub requested: String,
    /// Canonical `instance:model` (the requested text when it has no such form): prices and allow-lists key on it.
    pub key: String,
    pub instance_name: Option<String>,
    pub model: String,
    /// `None`: nothing configured serves it.
    pub instance: Option<Arc<Instance>>,
    /// Reached through an alias: answers carry the requested name.
    pub is_alias: bool,
    pub price: Option<PricePoint>,
    price_valid_until: Option<Timestamp>,
}

#[cfg(test)]
impl Target {
    /// A plain resolved selector.
    pub(crate) fn for_tests(instance_name: &str, model: &str, instance: Arc<Instance>) -> Self {
        let key = format!("{instance_name}:{model}");
        Self {
            requested: key.clone(),
            key,
            instance_name: Some(instance_name.to_owned()),
            model: model.to_owned(),
            instance: Some(instance),
            is_alias: false,
            price: None,
            price_valid_until: None,
        }
    }
}

#[derive(Debug)]
pub struct Targets {
    pub instances: ArcSwap<HashMap<String, Arc<Instance>>>,
    pub aliases: ArcSwap<HashMap<String, String>>,
    prices: Arc<Prices>,
    resolved: Cache<String, Arc<Target>>,
}

impl Targets {
    pub fn new(
        instances: HashMap<String, Arc<Instance>>,
        aliases: HashMap<String, String>,
        prices: Arc<Prices>,
    ) -> Self {
        Self {
            instances: ArcSwap::from_pointee(instances),
            aliases: ArcSwap::from_pointee(aliases),
            prices,
            resolved: Cache::new(TARGETS_MAX),
        }
    }

    /// Never fails for an unknown name: whether that matters is decided later, after the budget was asked.
    pub async fn resolve(
        &self,
        requested: &str,
        now: Timestamp,
    ) -> Result<Arc<Target>, StoreError> {
        if let Some(target) = self.resolved.get(requested)
            && target.price_valid_until.is_none_or(|until| now < until)
        {
            return Ok(target);
        }
        let target = Arc::new(self.look_up(requested, now).await?);
        self.resolved
            .insert(requested.to_owned(), Arc::clone(&target));
        Ok(target)
    }

    /// Prices, aliases or instances changed.
    pub fn forget(&self) {
        self.resolved.invalidate_all();
    }

    async fn look_up(&self, requested: &str, now: Timestamp) -> Result<Target, StoreError> {
        let aliases = self.aliases.load();
        let alias = aliases.get(requested);
        let named = alias.map_or(requested, String::as_str).trim();
        let selector = ModelSelector::parse(named).ok();
        let instance = selector
            .as_ref()
            .and_then(|s| self.instances.load().get(&s.instance).cloned());
        let key = selector
            .as_ref()
            .map_or_else(|| named.to_owned(), ToString::to_string);
        let (mut price, price_valid_until) = self.prices.at(&key, instance.as_deref(), now).await?;
        let is_echo = instance
            .as_ref()
            .is_some_and(|instance| instance.provider.dialect == Dialect::Echo);
        if price.is_none() && is_echo {
            price = Some(PricePoint::free());
        }
        Ok(Target {
            requested: requested.to_owned(),
            instance_name: selector.as_ref().map(|s| s.instance.clone()),
            model: selector.map_or_else(|| named.to_owned(), |s| s.model),
            key,
            instance,
            is_alias: alias.is_some(),
            price,
            price_valid_until,
        })
    }
}
