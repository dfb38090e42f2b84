//! Names that stand for models: configured for everybody, stored for everybody, or stored for one user.

use std::collections::{BTreeMap, HashMap};

use otari_store::model_aliases::AliasRow;
use otari_types::UserId;

/// A user's own name goes before everybody's; of those, a configured one before a stored one.
#[derive(Debug, Default)]
pub struct Aliases {
    shared: HashMap<String, String>,
    /// Empty inner maps do not occur.
    own: HashMap<UserId, HashMap<String, String>>,
}

impl Aliases {
    pub fn new(configured: &HashMap<String, String>, stored: Vec<AliasRow>) -> Self {
        let mut aliases = Self::default();
        for row in stored {
            let names = match row.user_id {
                Some(user) => aliases.own.entry(user).or_default(),
                None => &mut aliases.shared,
            };
            names.insert(row.name, row.target);
        }
        let configured = configured.iter();
        aliases
            .shared
            .extend(configured.map(|(name, target)| (name.clone(), target.clone())));
        aliases
    }

    /// What everybody's `name` stands for, as `instance:model`.
    pub fn shared(&self, name: &str) -> Option<&str> {
        self.shared.get(name).map(String::as_str)
    }

    /// What a user's own `name` stands for. Costs next to nothing while no user has one.
    pub fn own(&self, user: &UserId, name: &str) -> Option<&str> {
        if self.own.is_empty() {
            return None;
        }
        self.own.get(user)?.get(name).map(String::as_str)
    }

    /// Name and target of everything `user` can say; `None` is everybody.
    pub fn known_to(&self, user: Option<&UserId>) -> BTreeMap<&str, &str> {
        let own = user.and_then(|user| self.own.get(user));
        self.shared
            .iter()
            .chain(own.into_iter().flatten())
            .map(|(name, target)| (name.as_str(), target.as_str()))
            .collect()
    }

    /// Whether anyone's alias has this name.
    pub fn has_name(&self, name: &str) -> bool {
        self.shared.contains_key(name) || self.own.values().any(|own| own.contains_key(name))
    }

    /// The name of an alias, anyone's, that stands for a model of `instance`.
    pub fn name_into(&self, instance: &str) -> Option<&str> {
        let all = self.shared.iter().chain(self.own.values().flatten());
        all.filter(|(_, target)| target.split([':', '/']).next() == Some(instance))
            .map(|(name, _)| name.as_str())
            .min()
    }
}
