//! What an instance may read beside its own settings: the entry's free members, the environment, the time.

use std::fmt;
use std::sync::Arc;

use otari_types::{Clock, Secret, SystemClock};
use serde_json::{Map, Value};

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment, as a function: tests and stored credentials bring their own.
#[derive(Clone)]
pub struct Environment(Arc<Lookup>);

impl Environment {
    pub fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// A variable that is set and not blank.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    /// The first of them that is set.
    pub fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }
}

impl Default for Environment {
    /// Nothing is set.
    fn default() -> Self {
        Self::new(|_| None)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(..)")
    }
}

/// What an instance may read beside its own settings. By default nothing, and the system's time.
#[derive(Clone)]
pub struct InstanceOptions {
    /// Members of the provider entry and of its `client_args` that only some providers read: `region`, `project`,
    /// `location`, `credentials`, `api_version`, … Values may be secrets.
    pub values: Map<String, Value>,
    pub environment: Environment,
    pub clock: Arc<dyn Clock>,
}

impl Default for InstanceOptions {
    fn default() -> Self {
        Self {
            values: Map::default(),
            environment: Environment::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for InstanceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceOptions")
            .field("values", &self.values.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// One thing that can be configured, by whichever of its names; an option goes before a variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub(crate) options: &'static [&'static str],
    pub(crate) env: &'static [&'static str],
}

impl InstanceOptions {
    pub(crate) fn get(&self, named: Named) -> Option<String> {
        self.option(named.options)
            .or_else(|| self.environment.first(named.env))
            .map(|text| text.trim().to_owned())
    }

    pub(crate) fn secret(&self, named: Named) -> Option<Secret> {
        self.get(named).map(Secret::new)
    }

    /// An option that is a text or a number.
    pub(crate) fn option(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| match self.values.get(*name)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.trim(), "true" | "1" | "yes" | "on"),
            _ => false,
        }
    }

    /// Query parameters that every address of the instance carries; the OpenAI SDK's name for them is known too.
    pub(crate) fn extra_query(&self) -> Vec<(String, String)> {
        let sets = ["extra_query", "default_query"].map(|name| self.values.get(name));
        let pairs = sets.into_iter().flatten().filter_map(Value::as_object);
        pairs
            .flatten()
            .filter_map(|(name, value)| match value {
                Value::String(text) => Some((name.clone(), text.clone())),
                Value::Number(_) | Value::Bool(_) => Some((name.clone(), value.to_string())),
                _ => None,
            })
            .collect()
    }
}
