//! The policies in force: configured ones, stored ones for everybody, and users' own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use otari_config::PolicySpec;
use otari_store::routing_policies::PolicyRow;
use otari_types::UserId;

/// A user's own policy goes before a configured one, that before a stored one for everybody.
#[derive(Debug)]
pub struct Policies {
    enabled: bool,
    configured: BTreeMap<String, PolicySpec>,
    in_force: ArcSwap<InForce>,
}

#[derive(Debug, Default)]
struct InForce {
    shared: HashMap<String, Arc<Policy>>,
    /// Empty inner maps do not occur.
    own: HashMap<UserId, HashMap<String, Arc<Policy>>>,
}

/// A policy and the name callers know it by.
#[derive(Debug)]
pub struct Policy {
    pub name: String,
    pub spec: PolicySpec,
}

impl Policies {
    pub(crate) fn new(configured: BTreeMap<String, PolicySpec>, enabled: bool) -> Self {
        let policies = Self {
            enabled,
            configured,
            in_force: ArcSwap::default(),
        };
        policies.set_stored(Vec::new());
        policies
    }

    /// The configured ones, whether they are in force or not.
    pub fn configured(&self) -> &BTreeMap<String, PolicySpec> {
        &self.configured
    }

    pub(crate) fn set_stored(&self, stored: Vec<PolicyRow>) {
        let mut in_force = InForce::default();
        if self.enabled {
            for row in stored {
                in_force.add(row);
            }
            for (name, spec) in &self.configured {
                in_force.shared.insert(
                    name.clone(),
                    Arc::new(Policy {
                        name: name.clone(),
                        spec: spec.clone(),
                    }),
                );
            }
        }
        self.in_force.store(Arc::new(in_force));
    }

    /// What `name` means to `user`.
    pub(crate) fn find(&self, name: &str, user: &UserId) -> Option<Arc<Policy>> {
        self.known_as(name, Some(user))
    }

    /// What `name` means to a user, or to who has no policies of their own.
    pub fn known_as(&self, name: &str, user: Option<&UserId>) -> Option<Arc<Policy>> {
        let in_force = self.in_force.load();
        let own = in_force.own_of(user).and_then(|names| names.get(name));
        own.or_else(|| in_force.shared.get(name)).cloned()
    }

    /// Every policy a user can name.
    pub fn known_to(&self, user: Option<&UserId>) -> Vec<Arc<Policy>> {
        let in_force = self.in_force.load();
        let own = in_force.own_of(user);
        let is_hidden = |name: &str| own.is_some_and(|names| names.contains_key(name));
        let shared = in_force.shared.values();
        let shared = shared.filter(|policy| !is_hidden(&policy.name));
        let own = own.into_iter().flat_map(HashMap::values);
        shared.chain(own).cloned().collect()
    }

    /// Whether anybody knows a policy of this name.
    pub fn has_name(&self, name: &str) -> bool {
        let in_force = self.in_force.load();
        self.configured.contains_key(name)
            || in_force.shared.contains_key(name)
            || in_force.own.values().any(|names| names.contains_key(name))
    }
}

impl InForce {
    fn own_of(&self, user: Option<&UserId>) -> Option<&HashMap<String, Arc<Policy>>> {
        if self.own.is_empty() {
            return None;
        }
        self.own.get(user?)
    }

    fn add(&mut self, row: PolicyRow) {
        let spec = serde_json::from_str(&row.spec).ok();
        let Some(spec) = spec.and_then(|value| PolicySpec::read(&value).ok()) else {
            tracing::error!(
                policy = row.name,
                "a stored routing policy cannot be read and is left out"
            );
            return;
        };
        let policy = Arc::new(Policy {
            name: row.name.clone(),
            spec,
        });
        match row.user_id {
            Some(user) => self.own.entry(user).or_default().insert(row.name, policy),
            None => self.shared.insert(row.name, policy),
        };
    }
}
