//! Which models can be asked for: discovered at each instance, declared, priced, and aliased.

mod list;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use otari_providers::{Capability, Instance, Operation, Outbound, Transport};
use otari_store::model_pricing;
use otari_types::{Timestamp, UserId};
use parking_lot::Mutex;

use crate::Gateway;
use crate::allow_list::AllowList;
use crate::error::GatewayError;
use crate::prices::PricePoint;
use crate::settings::Settings;
use crate::target::Target;

use list::listed;

/// Prices of gateway-run tools share the price list, but are no models.
const TOOL_PRICE_PREFIX: &str = "otari:";
/// Who an alias is said to belong to: not the provider it conceals.
const ALIAS_OWNER: &str = "otari";
const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A model as `GET /v1/models` shows it.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    pub id: String,
    pub created: i64,
    pub owned_by: String,
    pub price: Option<PricePoint>,
    /// Tokens.
    pub context_window: Option<i64>,
}

impl ModelEntry {
    fn new(id: String, created: i64, owned_by: String) -> Self {
        Self {
            id,
            created,
            owned_by,
            price: None,
            context_window: None,
        }
    }
}

/// What an instance said when last asked.
#[derive(Clone, Debug)]
pub struct Discovered {
    pub models: Arc<[Listed]>,
    pub error: Option<String>,
    pub checked_at: Timestamp,
}

/// One model of an instance's own list.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: String,
    created: Option<serde_json::Value>,
    owned_by: Option<String>,
}

#[derive(Debug)]
pub struct Models {
    settings: Arc<Settings>,
    seen: Mutex<HashMap<String, Discovered>>,
    /// One round of questions at a time; later requests use its result.
    round: tokio::sync::Mutex<()>,
}

impl Models {
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            seen: Mutex::default(),
            round: tokio::sync::Mutex::default(),
        }
    }

    fn last_seen(&self, instance: &str) -> Option<Discovered> {
        self.seen.lock().get(instance).cloned()
    }

    fn is_fresh(&self, seen: &Discovered, now: Timestamp) -> bool {
        let settings = self.settings.hot();
        let ttl = if seen.error.is_some() {
            settings.model_discovery_negative_ttl()
        } else {
            settings.model_cache_ttl()
        };
        now.0.saturating_sub(seen.checked_at.0) < i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX)
    }
}

impl Gateway {
    /// The models a caller may use, sorted by id. `provider` keeps one instance's and leaves aliases out; a `user`
    /// sees their own aliases too.
    pub async fn list_models(
        self: &Arc<Self>,
        provider: Option<&str>,
        user: Option<&UserId>,
        allowed: Option<&AllowList>,
    ) -> Result<Vec<ModelEntry>, GatewayError> {
        let now = self.clock.now();
        self.discover().await;
        let mut entries = BTreeMap::new();
        let instances = self.targets.instances.load_full();
        for instance in instances.values() {
            for (model, created, owner) in self.models_of(instance) {
                let id = format!("{}:{model}", instance.name);
                entries.insert(id.clone(), ModelEntry::new(id, created, owner));
            }
        }
        for key in model_pricing::keys(&self.store).await? {
            let owner = key.split([':', '/']).next().unwrap_or_default().to_owned();
            if !key.starts_with(TOOL_PRICE_PREFIX) && instances.contains_key(&owner) {
                entries
                    .entry(key.clone())
                    .or_insert_with(|| ModelEntry::new(key, 0, owner));
            }
        }
        let aliases = self.targets.aliases();
        let aliases = aliases.known_to(user);
        // An alias exists to conceal its target.
        let concealed: HashSet<&str> = aliases.values().copied().collect();
        entries.retain(|id, _| !concealed.contains(id.as_str()));
        entries.retain(|id, _| provider.is_none_or(|name| id.split(':').next() == Some(name)));
        entries.retain(|id, _| allowed.is_none_or(|list| list.permits(id)));
        if provider.is_none() {
            for (name, target) in aliases {
                if allowed.is_none_or(|list| list.permits(target)) {
                    let entry = ModelEntry::new(name.to_owned(), 0, ALIAS_OWNER.to_owned());
                    entries.insert(name.to_owned(), entry);
                }
            }
            for policy in self.policies.known_to(user) {
                let permits = |target: &str| allowed.is_none_or(|list| list.permits(target));
                if policy
                    .spec
                    .targets()
                    .iter()
                    .any(|(_, target)| permits(target))
                {
                    let name = policy.name.clone();
                    let entry = ModelEntry::new(name.clone(), 0, ALIAS_OWNER.to_owned());
                    entries.insert(name, entry);
                }
            }
        }
        let mut list = Vec::with_capacity(entries.len());
        for entry in entries.into_values() {
            let target = self.targets.resolve(&entry.id, user, now).await?;
            list.push(self.described(entry, &target, now));
        }
        Ok(list)
    }

    /// One model by its id. Asks no provider: a model that is priced, declared or discovered before is known.
    pub async fn get_model(
        self: &Arc<Self>,
        id: &str,
        user: Option<&UserId>,
        allowed: Option<&AllowList>,
    ) -> Result<ModelEntry, GatewayError> {
        let unknown = || GatewayError::ModelNotFound(id.to_owned());
        let now = self.clock.now();
        if let Some(policy) = self.policies.known_as(id, user) {
            let permits = |target: &str| allowed.is_none_or(|list| list.permits(target));
            let is_open = policy
                .spec
                .targets()
                .iter()
                .any(|(_, target)| permits(target));
            let entry = || ModelEntry::new(id.to_owned(), 0, ALIAS_OWNER.to_owned());
            return is_open.then(entry).ok_or_else(unknown);
        }
        let target = self.targets.resolve(id, user, now).await?;
        if allowed.is_some_and(|list| !list.permits(&target.key)) {
            return Err(unknown());
        }
        if target.is_alias {
            let entry = ModelEntry::new(id.to_owned(), 0, ALIAS_OWNER.to_owned());
            return Ok(self.described(entry, &target, now));
        }
        let instance = target.instance.as_ref().ok_or_else(unknown)?;
        let known = self
            .models_of(instance)
            .into_iter()
            .find(|(model, ..)| *model == target.model);
        let (created, owned_by) = match known {
            Some((_, created, owner)) => (created, owner),
            None if target.price.is_some() => (0, instance.name.clone()),
            None => return Err(unknown()),
        };
        let entry = ModelEntry::new(target.key.clone(), created, owned_by);
        Ok(self.described(entry, &target, now))
    }

    fn described(&self, entry: ModelEntry, target: &Target, now: Timestamp) -> ModelEntry {
        let instance = target.instance.as_deref();
        ModelEntry {
            price: target.price.clone(),
            context_window: instance
                .and_then(|instance| self.prices.context_window(&target.key, instance, now)),
            ..entry
        }
    }

    /// What each instance said when last asked, for the operator.
    pub fn discovered(&self) -> BTreeMap<String, Discovered> {
        self.models
            .seen
            .lock()
            .iter()
            .map(|(name, seen)| (name.clone(), seen.clone()))
            .collect()
    }

    /// `(model, created, owner)` of an instance: discovered, else declared.
    fn models_of(&self, instance: &Instance) -> Vec<(String, i64, String)> {
        let seen = self.models.last_seen(&instance.name);
        let discovered = seen
            .iter()
            .flat_map(|seen| seen.models.iter())
            .map(|listed| {
                let created = listed
                    .created
                    .as_ref()
                    .and_then(serde_json::Value::as_i64)
                    .unwrap_or(0);
                let owner = listed
                    .owned_by
                    .clone()
                    .unwrap_or_else(|| instance.name.clone());
                (listed.id.clone(), created, owner)
            });
        let declared = instance
            .models
            .iter()
            .map(|model| (model.clone(), 0, instance.name.clone()));
        let mut all: Vec<_> = discovered.collect();
        for model in declared {
            if !all.iter().any(|(id, ..)| *id == model.0) {
                all.push(model);
            }
        }
        all
    }

    /// Brings the lists up to date. What was never asked is waited for; what is merely old is refreshed behind
    /// the request's back.
    async fn discover(self: &Arc<Self>) {
        let (enabled, keeps_lists) = {
            let settings = self.settings.hot();
            (
                settings.model_discovery,
                settings.model_cache_ttl_seconds > 0,
            )
        };
        if !enabled {
            return;
        }
        let now = self.clock.now();
        let (mut unknown, mut stale) = (Vec::new(), Vec::new());
        for instance in self
            .targets
            .instances
            .load()
            .values()
            .filter(|i| can_list(i))
        {
            match self.models.last_seen(&instance.name) {
                None => unknown.push(Arc::clone(instance)),
                Some(seen) if self.models.is_fresh(&seen, now) => {}
                Some(_) if !keeps_lists => unknown.push(Arc::clone(instance)),
                Some(_) => stale.push(Arc::clone(instance)),
            }
        }
        if !unknown.is_empty() {
            self.ask(unknown).await;
        }
        if !stale.is_empty() {
            let gateway = Arc::clone(self);
            tokio::spawn(async move { gateway.ask(stale).await });
        }
    }

    async fn ask(&self, instances: Vec<Arc<Instance>>) {
        let asked_at = self.clock.now();
        let limit = self.settings.hot().model_discovery_timeout();
        let _one_round = self.models.round.lock().await;
        let questions = instances.into_iter().filter_map(|instance| {
            let answered = self
                .models
                .last_seen(&instance.name)
                .is_some_and(|seen| seen.checked_at >= asked_at);
            (!answered).then_some(async move {
                let answer = ask_one(&self.transport, &instance, limit).await;
                (instance, answer)
            })
        });
        for (instance, answer) in futures_util::future::join_all(questions).await {
            let mut seen = self.models.seen.lock();
            let before = seen
                .get(&instance.name)
                .map(|seen| Arc::clone(&seen.models));
            let checked_at = self.clock.now();
            let now_seen = match answer {
                Ok(models) => Discovered {
                    models: models.into(),
                    error: None,
                    checked_at,
                },
                Err(error) => {
                    tracing::debug!(
                        instance = instance.name,
                        error,
                        "models could not be listed"
                    );
                    // What was known stays better than nothing.
                    Discovered {
                        models: before.unwrap_or_default(),
                        error: Some(error),
                        checked_at,
                    }
                }
            };
            seen.insert(instance.name.clone(), now_seen);
        }
    }
}

fn can_list(instance: &Instance) -> bool {
    !instance.implicit && instance.provider.can(Capability::ListModels)
}

async fn ask_one(
    transport: &Transport,
    instance: &Instance,
    limit: Duration,
) -> Result<Vec<Listed>, String> {
    let uri = instance
        .address(Operation::Models, "", false)
        .map_err(|error| error.to_string())?;
    let outbound = Outbound {
        method: Method::GET,
        uri,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    let question = async {
        let answered = transport.send(instance, outbound).await?;
        answered.body.collect(LIST_BYTES_MAX).await
    };
    let body = tokio::time::timeout(limit, question)
        .await
        .map_err(|_| "no answer in time".to_owned())?
        .map_err(|error| {
            error
                .client_message()
                .unwrap_or_else(|| format!("{:?}", error.kind))
        })?;
    listed(&body).ok_or_else(|| "the answer is no list of models".to_owned())
}
