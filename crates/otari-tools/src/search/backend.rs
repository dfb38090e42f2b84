//! The services that search, and how each is spoken to.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use otari_types::{NanoUsd, Secret};
use serde_json::{Map, Value};

use super::query::{SearchHit, SearchQuery};
use super::{brave, exa, linkup, mediawiki, searxng, serper, tavily};

const TIMEOUT: Duration = Duration::from_secs(15);

/// A service that searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchService {
    /// Any server of SearXNG's JSON format.
    Searxng,
    Brave,
    Tavily,
    Exa,
    Serper,
    Linkup,
    /// Any wiki's own search; Wikipedia unless told otherwise. Needs no key.
    MediaWiki,
    /// A folder of texts on this machine; its path is the base.
    Folder,
}

/// A service as configured by the operator.
#[derive(Clone, Debug)]
pub struct SearchBackend {
    pub service: SearchService,
    /// Where the service is, when not at its usual address. Required for SearXNG.
    pub base: Option<String>,
    pub key: Option<Secret>,
    /// SearXNG's engines, comma-separated.
    pub engines: Option<String>,
    /// Sent with every search, under the service's own names.
    pub options: Map<String, Value>,
    pub timeout: Duration,
}

impl SearchService {
    pub const ALL: [Self; 8] = [
        Self::Searxng,
        Self::Brave,
        Self::Tavily,
        Self::Exa,
        Self::Serper,
        Self::Linkup,
        Self::MediaWiki,
        Self::Folder,
    ];

    /// The name in configuration and in usage rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Searxng => "searxng",
            Self::Brave => "brave",
            Self::Tavily => "tavily",
            Self::Exa => "exa",
            Self::Serper => "serper",
            Self::Linkup => "linkup",
            Self::MediaWiki => "mediawiki",
            Self::Folder => "folder",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// Where it is found; `None` where every installation has its own address.
    pub fn usual_base(self) -> Option<&'static str> {
        match self {
            Self::Searxng | Self::Folder => None,
            Self::Brave => Some("https://api.search.brave.com/res/v1"),
            Self::Tavily => Some("https://api.tavily.com"),
            Self::Exa => Some("https://api.exa.ai"),
            Self::Serper => Some("https://google.serper.dev"),
            Self::Linkup => Some("https://api.linkup.so/v1"),
            Self::MediaWiki => Some("https://en.wikipedia.org/w"),
        }
    }

    pub fn needs_key(self) -> bool {
        !matches!(self, Self::Searxng | Self::MediaWiki | Self::Folder)
    }
}

/// What is missing from a configured service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    #[error("a search service of this kind needs its address")]
    NoBase,
    #[error("a search service of this kind needs a key")]
    NoKey,
}

/// A request to a service.
pub(super) struct Outgoing {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    /// A POST of this, or else a GET.
    pub(super) body: Option<Value>,
}

impl SearchBackend {
    pub fn new(service: SearchService) -> Self {
        Self {
            service,
            base: None,
            key: None,
            engines: None,
            options: Map::new(),
            timeout: TIMEOUT,
        }
    }

    /// Whether it can be asked at all.
    pub fn check(&self) -> Result<(), BackendError> {
        if self.base().is_empty() {
            return Err(BackendError::NoBase);
        }
        let key = self.key.as_ref().map(Secret::expose).unwrap_or_default();
        if self.service.needs_key() && key.is_empty() {
            return Err(BackendError::NoKey);
        }
        Ok(())
    }

    pub(super) fn base(&self) -> &str {
        let base = self.base.as_deref().or_else(|| self.service.usual_base());
        base.unwrap_or_default().trim_end_matches('/')
    }

    /// `None` where nobody is asked.
    pub(super) fn request(&self, query: &SearchQuery) -> Option<Outgoing> {
        Some(match self.service {
            SearchService::Searxng => searxng::request(self, query),
            SearchService::Brave => brave::request(self, query),
            SearchService::Tavily => tavily::request(self, query),
            SearchService::Exa => exa::request(self, query),
            SearchService::Serper => serper::request(self, query),
            SearchService::Linkup => linkup::request(self, query),
            SearchService::MediaWiki => mediawiki::request(self, query),
            SearchService::Folder => return None,
        })
    }

    /// `None` when the answer is not one of this service.
    pub(super) fn hits(&self, answer: &Value) -> Option<Vec<SearchHit>> {
        match self.service {
            SearchService::Searxng => searxng::hits(answer),
            SearchService::Brave => brave::hits(answer),
            SearchService::Tavily => tavily::hits(answer),
            SearchService::Exa => exa::hits(answer),
            SearchService::Serper => serper::hits(answer),
            SearchService::Linkup => linkup::hits(answer),
            SearchService::MediaWiki => mediawiki::hits(answer),
            SearchService::Folder => None,
        }
    }

    pub(super) fn cost(&self, answer: &Value) -> Option<NanoUsd> {
        match self.service {
            SearchService::Exa => exa::cost(answer),
            _ => None,
        }
    }

    /// The key in a header of the service's choice.
    pub(super) fn key_header(&self, name: &'static str, prefix: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let text = self
            .key
            .as_ref()
            .map(|key| format!("{prefix}{}", key.expose()));
        if let Some(mut value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        headers
    }

    /// The operator's options, then those of the caller's that `harmless` lists.
    pub(super) fn options(&self, query: &SearchQuery, harmless: &[&str]) -> Map<String, Value> {
        let mut options = self.options.clone();
        for (name, value) in &query.options {
            if harmless.contains(&name.as_str()) {
                options.insert(name.clone(), value.clone());
            }
        }
        options
    }
}

/// Adds scalars as query parameters; what is not a scalar has no place in one.
pub(super) fn append_scalars(
    url: &mut form_urlencoded::Serializer<'_, String>,
    options: &Map<String, Value>,
    reserved: &[&str],
) {
    for (name, value) in options {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => continue,
        };
        if !reserved.contains(&name.as_str()) {
            url.append_pair(name, &value);
        }
    }
}
