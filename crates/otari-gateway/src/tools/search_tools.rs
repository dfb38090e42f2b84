//! The tools of the search endpoint: those of the configuration, and over them those that were stored since.

use std::collections::BTreeMap;
use std::time::Duration;

use otari_config::section::tools::{SearchProvider, SearchToolSpec, Tools as ToolSection};
use otari_store::Sealer;
use otari_store::search_tools::{SearchToolRow, TABLE};
use otari_tools::GuardedClient;
use otari_tools::search::{SearchBackend, SearchService, WebSearch};
use otari_types::Secret;
use serde_json::{Map, Value};

use super::registry::key_of;
use super::servers::open;
use crate::error::GatewayError;

const TIMEOUT: Duration = Duration::from_secs(30);

/// One tool of the search endpoint.
#[derive(Clone, Debug)]
pub struct SearchTool {
    pub name: String,
    /// The service behind it: prices and usage rows name it `provider:name`.
    pub provider: SearchProvider,
    search: Result<WebSearch, String>,
}

impl SearchTool {
    /// What it is asked with, or what keeps it from working.
    pub(crate) fn ready(&self) -> Result<&WebSearch, GatewayError> {
        self.search.as_ref().map_err(|why| {
            GatewayError::SearchTool(format!("Search tool '{}' cannot be used: {why}", self.name))
        })
    }
}

/// What search tools are made with.
pub(super) struct Workshop<'a> {
    pub(super) section: &'a ToolSection,
    pub(super) keys: &'a [(SearchProvider, Secret)],
    pub(super) trusted: &'a GuardedClient,
    pub(super) sealer: Option<&'a Sealer>,
}

/// Where a tool's service is, and how it is asked.
struct Address {
    base: Option<String>,
    timeout: Duration,
    options: Map<String, Value>,
}

impl Workshop<'_> {
    pub(super) fn tools(&self, stored: &[SearchToolRow]) -> BTreeMap<String, SearchTool> {
        let configured = self.section.search_tools.0.iter();
        let mut tools: BTreeMap<String, SearchTool> = configured
            .map(|(name, spec)| (name.clone(), self.configured(name, spec)))
            .collect();
        for row in stored {
            // One of a service that this version does not know is as if it were not there.
            if let Some(tool) = self.stored(row) {
                tools.insert(row.name.clone(), tool);
            }
        }
        tools
    }

    fn configured(&self, name: &str, spec: &SearchToolSpec) -> SearchTool {
        let key = spec.api_key.clone();
        let address = Address {
            base: spec.api_base.clone(),
            timeout: spec.timeout.unwrap_or(TIMEOUT),
            options: spec.options.clone(),
        };
        self.tool(name, spec.provider, Ok(key), address)
    }

    fn stored(&self, row: &SearchToolRow) -> Option<SearchTool> {
        let provider = SearchProvider::named(&row.provider)?;
        let key = row.sealed_key.as_deref().map(|sealed| {
            let opened = open(self.sealer, TABLE, &row.name, sealed);
            opened.map_err(|error| error.to_string())
        });
        let millis = row.timeout_ms.and_then(|millis| u64::try_from(millis).ok());
        let options: Map<String, Value> = serde_json::from_str(&row.options).unwrap_or_default();
        Some(self.tool(
            &row.name,
            provider,
            key.transpose(),
            Address {
                base: row.api_base.clone(),
                timeout: millis.map_or(TIMEOUT, Duration::from_millis),
                options,
            },
        ))
    }

    fn tool(
        &self,
        name: &str,
        provider: SearchProvider,
        key: Result<Option<Secret>, String>,
        address: Address,
    ) -> SearchTool {
        let Address {
            base,
            timeout,
            options,
        } = address;
        let searxng = provider == SearchProvider::Searxng;
        let inherited = self.section.web_search_url.clone().filter(|_| searxng);
        let search = key.and_then(|key| {
            let service = SearchService::named(provider.as_str()).ok_or("it is not known")?;
            let backend = SearchBackend {
                base: base.or(inherited),
                key: key.or_else(|| key_of(self.keys, provider)),
                engines: self.section.web_search_engines.clone(),
                options,
                timeout,
                ..SearchBackend::new(service)
            };
            backend.check().map_err(|error| error.to_string())?;
            Ok(WebSearch::new(self.trusted.clone(), backend, None))
        });
        SearchTool {
            name: name.to_owned(),
            provider,
            search,
        }
    }
}

/// The tool a request means: the one it names, or the only one there is.
pub(super) fn pick<'a>(
    tools: &'a BTreeMap<String, SearchTool>,
    named: Option<&str>,
) -> Result<&'a SearchTool, GatewayError> {
    let refuse = |text: String| Err(GatewayError::SearchTool(text));
    let names = || {
        tools
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut all = tools.values();
    match (named, all.next(), all.next()) {
        (_, None, _) => refuse(
            "No search tools are configured. Add one with POST /v1/search-tools, or under 'search_tools' in the \
             configuration."
                .to_owned(),
        ),
        (Some(name), ..) => match tools.get(name) {
            Some(tool) => Ok(tool),
            None => refuse(format!("Unknown search tool '{name}'. There are: {}", names())),
        },
        (None, Some(only), None) => Ok(only),
        (None, ..) => refuse(format!(
            "Several search tools are configured; name one in 'search_tool_name': {}",
            names()
        )),
    }
}
