//! What a selector means here: an instance, its model, and the price. Resolved once and remembered.

mod aliases;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use moka::sync::Cache;
use otari_metering::Price;
use otari_providers::{Dialect, Instance};
use otari_store::StoreError;
use otari_types::{ModelSelector, Timestamp, UserId};

pub use self::aliases::Aliases;
use crate::health::{BreakerSettings, Health, Vitals};
use crate::prices::{PricePoint, PriceSource, Prices};

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
    /// How it has been; nothing where nothing serves it.
    pub(crate) vitals: Option<Arc<Vitals>>,
    price_valid_until: Option<Timestamp>,
    /// [`Targets::generation`] when this was looked up.
    generation: u64,
}

impl Target {
    /// What a platform chose. It keeps the prices too.
    pub(crate) fn elsewhere(
        requested: &str,
        provider: String,
        model: String,
        instance: Option<Arc<Instance>>,
    ) -> Self {
        Self {
            requested: requested.to_owned(),
            key: format!("{provider}:{model}"),
            instance_name: Some(provider),
            model,
            instance,
            is_alias: false,
            price: None,
            // What one customer's credential suffers says nothing of another's.
            vitals: None,
            price_valid_until: None,
            generation: 0,
        }
    }

    /// The same at another price, which is the operator's.
    pub(crate) fn at_price(&self, price: Price) -> Self {
        Self {
            requested: self.requested.clone(),
            key: self.key.clone(),
            instance_name: self.instance_name.clone(),
            model: self.model.clone(),
            instance: self.instance.clone(),
            vitals: self.vitals.clone(),
            price: Some(PricePoint {
                price: Arc::new(price),
                source: PriceSource::Configured,
            }),
            ..*self
        }
    }
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
            vitals: None,
            price_valid_until: None,
            generation: 0,
        }
    }
}

#[derive(Debug)]
pub struct Targets {
    pub instances: ArcSwap<HashMap<String, Arc<Instance>>>,
    aliases: ArcSwap<Aliases>,
    prices: Arc<Prices>,
    health: Health,
    resolved: Cache<String, Arc<Target>>,
    /// What users' own names stand for.
    resolved_own: Cache<(UserId, String), Arc<Target>>,
    /// Counts changes, so that a look-up that began before one is not remembered after it.
    generation: AtomicU64,
}

impl Targets {
    pub fn new(
        instances: HashMap<String, Arc<Instance>>,
        aliases: Aliases,
        prices: Arc<Prices>,
        breaker: BreakerSettings,
    ) -> Self {
        Self {
            health: Health::new(breaker),
            instances: ArcSwap::from_pointee(instances),
            aliases: ArcSwap::from_pointee(aliases),
            prices,
            resolved: Cache::new(TARGETS_MAX),
            resolved_own: Cache::new(TARGETS_MAX),
            generation: AtomicU64::default(),
        }
    }

    pub fn aliases(&self) -> Arc<Aliases> {
        self.aliases.load_full()
    }

    /// Replaces the aliases and forgets what the old ones stood for.
    pub fn set_aliases(&self, aliases: Aliases) {
        self.aliases.store(Arc::new(aliases));
        self.forget();
    }

    /// What `requested` means when `user` says it. Never fails for an unknown name: whether that matters is decided
    /// later, after the budget was asked.
    pub async fn resolve(
        &self,
        requested: &str,
        user: Option<&UserId>,
        now: Timestamp,
    ) -> Result<Arc<Target>, StoreError> {
        if let Some(user) = user
            && self.aliases.load().own(user, requested).is_some()
        {
            return self.resolve_own(requested, user, now).await;
        }
        if let Some(target) = self.resolved.get(requested)
            && self.holds(&target, now)
        {
            return Ok(target);
        }
        let target = Arc::new(self.look_up(requested, None, now).await?);
        self.resolved
            .insert(requested.to_owned(), Arc::clone(&target));
        Ok(target)
    }

    async fn resolve_own(
        &self,
        requested: &str,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Arc<Target>, StoreError> {
        let place = (user.clone(), requested.to_owned());
        if let Some(target) = self.resolved_own.get(&place)
            && self.holds(&target, now)
        {
            return Ok(target);
        }
        let target = Arc::new(self.look_up(requested, Some(user), now).await?);
        self.resolved_own.insert(place, Arc::clone(&target));
        Ok(target)
    }

    /// Prices, aliases or instances changed.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::Release);
        self.resolved.invalidate_all();
        self.resolved_own.invalidate_all();
    }

    fn holds(&self, target: &Target, now: Timestamp) -> bool {
        target.generation == self.generation.load(Ordering::Acquire)
            && target.price_valid_until.is_none_or(|until| now < until)
    }

    async fn look_up(
        &self,
        requested: &str,
        user: Option<&UserId>,
        now: Timestamp,
    ) -> Result<Target, StoreError> {
        let generation = self.generation.load(Ordering::Acquire);
        let aliases = self.aliases();
        let own = user.and_then(|user| aliases.own(user, requested));
        let alias = own.or_else(|| aliases.shared(requested));
        let named = alias.unwrap_or(requested).trim();
        let selector = ModelSelector::parse(named).ok();
        let instance = selector
            .as_ref()
            .and_then(|s| self.instances.load().get(&s.instance).cloned());
        let key = selector
            .as_ref()
            .map_or_else(|| named.to_owned(), ToString::to_string);
        let mut quote = self.prices.at(&key, instance.as_deref(), now).await?;
        // Prices of tools were once written with a slash.
        if let (None, Some(tool)) = (&quote.price, key.strip_prefix("otari:")) {
            let older = self.prices.at(&format!("otari/{tool}"), None, now).await?;
            if older.price.is_some() {
                quote = older;
            }
        }
        let is_echo = instance
            .as_ref()
            .is_some_and(|instance| instance.provider.dialect == Dialect::Echo);
        let free = || is_echo.then(PricePoint::free);
        let vitals = instance
            .as_ref()
            .map(|instance| self.health.of(&key, &instance.name));
        Ok(Target {
            requested: requested.to_owned(),
            instance_name: selector.as_ref().map(|s| s.instance.clone()),
            model: selector.map_or_else(|| named.to_owned(), |s| s.model),
            key,
            instance,
            vitals,
            is_alias: alias.is_some(),
            price: quote.price.or_else(free),
            price_valid_until: quote.valid_until,
            generation,
        })
    }
}
