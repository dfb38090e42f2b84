//! What a request says in the `tools` entry of a gateway-run tool.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::search::{DomainFilter, SearchQuery};

/// An entry's own settings. Members of a provider's native tool of the same purpose (`max_uses`, `user_location`) are
/// accepted and ignored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ToolEntry {
    pub purpose_hint: Option<String>,
    pub max_results: Option<usize>,
    pub allowed_domains: Option<Vec<String>>,
    pub blocked_domains: Option<Vec<String>>,
    pub provider_options: Option<Map<String, Value>>,
}

/// An entry that says something else than it may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EntryError(String);

const HINT_CHARS_MAX: usize = 2048;
const DOMAINS_MAX: usize = 100;

impl ToolEntry {
    pub fn read(entry: &Value) -> Result<Self, EntryError> {
        let read = Self::deserialize(entry).map_err(|error| EntryError(error.to_string()))?;
        let hint = read.purpose_hint.as_deref().unwrap_or_default();
        if hint.chars().count() > HINT_CHARS_MAX {
            let text = format!("purpose_hint is longer than {HINT_CHARS_MAX} characters");
            return Err(EntryError(text));
        }
        for (name, list) in [
            ("allowed_domains", &read.allowed_domains),
            ("blocked_domains", &read.blocked_domains),
        ] {
            if list.as_ref().is_some_and(|list| list.len() > DOMAINS_MAX) {
                let text = format!("{name} has more than {DOMAINS_MAX} entries");
                return Err(EntryError(text));
            }
        }
        Ok(read)
    }

    /// The query of one call, with `max_results` where the entry says nothing.
    pub fn query(&self, text: &str, max_results: Option<usize>) -> SearchQuery {
        let domains = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        let allowed = domains(&self.allowed_domains);
        let blocked = domains(&self.blocked_domains);
        let query = SearchQuery::new(text);
        SearchQuery {
            max_results: self
                .max_results
                .or(max_results)
                .unwrap_or(query.max_results),
            domains: DomainFilter::new(
                allowed.iter().map(String::as_str),
                blocked.iter().map(String::as_str),
            ),
            options: self.provider_options.clone().unwrap_or_default(),
            ..query
        }
    }
}
