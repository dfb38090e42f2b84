//! The tools as they are set up at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use otari_config::section::tools::{SearchProvider, Tools as ToolSection};
use otari_tools::WebFetch;
use otari_tools::definitions::GatewayTool;
use otari_tools::search::{SearchBackend, SearchService, WebSearch};
use otari_types::Secret;
use serde_json::Value;

use super::CodeExecution;
use super::search_tools::{self, SearchTool, Workshop};
use crate::error::GatewayError;

/// The tools a request can have, and what the operator says of them.
#[derive(Debug, Default)]
pub struct ToolSet {
    section: ToolSection,
    web_search: Option<WebSearch>,
    web_fetch: Option<WebFetch>,
    search_tools: BTreeMap<String, SearchTool>,
    code: Option<Arc<dyn CodeExecution>>,
}

impl ToolSet {
    pub(super) fn new(
        workshop: &Workshop<'_>,
        fetch: &WebFetch,
        search_tools: BTreeMap<String, SearchTool>,
        code: Option<Arc<dyn CodeExecution>>,
    ) -> Self {
        let section = workshop.section.clone();
        let web_search = backend(&section, workshop.keys).map(|backend| {
            let reads_pages = section.web_search_extract.unwrap_or(true);
            let fetch = reads_pages.then(|| fetch.clone());
            WebSearch::new(workshop.trusted.clone(), backend, fetch)
        });
        Self {
            web_search,
            web_fetch: section.web_fetch.then(|| fetch.clone()),
            search_tools,
            code,
            section,
        }
    }

    /// `None`: no service is set up.
    pub fn web_search(&self) -> Option<&WebSearch> {
        self.web_search.as_ref()
    }

    /// `None`: switched off.
    pub fn web_fetch(&self) -> Option<&WebFetch> {
        self.web_fetch.as_ref()
    }

    /// What runs code. `None`: nothing does.
    pub fn code(&self) -> Option<&Arc<dyn CodeExecution>> {
        self.code.as_ref()
    }

    /// Address of the code-execution service, if it is one over HTTP.
    pub fn sandbox_url(&self) -> Option<&str> {
        self.section.sandbox_url.as_deref()
    }

    /// Results of one search where the request does not say; 1 to 20.
    pub fn max_results(&self) -> Option<usize> {
        let most = self.section.web_search_max_results?;
        usize::try_from(most.clamp(1, 20)).ok()
    }

    /// The operator's line ahead of the purpose hints.
    pub fn header(&self) -> Option<&str> {
        self.section.tools_header.as_deref()
    }

    /// What a model is told `tool` is for, where the request does not say.
    pub fn purpose_hint(&self, tool: GatewayTool) -> &str {
        let configured = match tool {
            GatewayTool::CodeExecution => &self.section.sandbox_purpose_hint,
            GatewayTool::WebSearch => &self.section.web_search_purpose_hint,
            GatewayTool::WebFetch => &self.section.web_fetch_purpose_hint,
        };
        let configured = configured.as_deref().map(str::trim);
        configured
            .filter(|hint| !hint.is_empty())
            .unwrap_or_else(|| tool.purpose_hint())
    }

    /// Whether web search under a provider's name (`web_search_20250305`) is the gateway's to run. Never without a
    /// service of its own: the provider's is better than none.
    pub fn intercepts_web_search(&self) -> bool {
        self.web_search.is_some() && self.section.web_search_intercept.unwrap_or(false)
    }

    /// The tool of the search endpoint that a request means: the one it names, or the only one there is.
    pub(crate) fn search_tool(&self, named: Option<&str>) -> Result<&SearchTool, GatewayError> {
        search_tools::pick(&self.search_tools, named)
    }

    /// The operator's settings behind this set.
    pub fn section(&self) -> &ToolSection {
        &self.section
    }

    /// Whether a tool can be used.
    pub fn is_available(&self, tool: GatewayTool) -> bool {
        match tool {
            GatewayTool::WebSearch => self.web_search.is_some(),
            GatewayTool::WebFetch => self.web_fetch.is_some(),
            GatewayTool::CodeExecution => self
                .code
                .as_ref()
                .is_some_and(|code| code.obstacle().is_none()),
        }
    }

    /// [`Self::web_search`], or the refusal that says what is missing.
    pub fn require_web_search(&self) -> Result<&WebSearch, GatewayError> {
        self.web_search()
            .ok_or_else(|| unavailable(GatewayTool::WebSearch))
    }

    /// [`Self::web_fetch`], or the refusal that says what is missing.
    pub fn require_web_fetch(&self) -> Result<&WebFetch, GatewayError> {
        self.web_fetch()
            .ok_or_else(|| unavailable(GatewayTool::WebFetch))
    }
}

/// The refusal of a tool that is not set up.
pub(crate) fn unavailable(tool: GatewayTool) -> GatewayError {
    GatewayError::ToolUnavailable {
        tool: tool.kind(),
        fix: match tool {
            GatewayTool::WebSearch => {
                "no search service is set up; set web_search_url, or web_search_provider and web_search_api_key"
            }
            GatewayTool::WebFetch => "it is switched off; set web_fetch: true",
            GatewayTool::CodeExecution => "no sandbox is set up; set sandbox_url",
        },
    }
}

fn backend(section: &ToolSection, keys: &[(SearchProvider, Secret)]) -> Option<SearchBackend> {
    let provider = section.search_provider()?;
    let backend = SearchBackend {
        base: section.web_search_url.clone(),
        key: section
            .web_search_api_key
            .clone()
            .or_else(|| key_of(keys, provider)),
        engines: section.web_search_engines.clone(),
        options: section.web_search_options.clone(),
        ..SearchBackend::new(service(provider)?)
    };
    match backend.check() {
        Ok(()) => Some(backend),
        Err(error) => {
            tracing::warn!(provider = provider.as_str(), %error, "web search is not available");
            None
        }
    }
}

pub(super) fn service(provider: SearchProvider) -> Option<SearchService> {
    SearchService::named(provider.as_str())
}

pub(super) fn key_of(
    keys: &[(SearchProvider, Secret)],
    provider: SearchProvider,
) -> Option<Secret> {
    let key = keys.iter().find(|(owner, _)| *owner == provider)?;
    Some(key.1.clone())
}

/// What an operator may change while the gateway runs, and where it stands in the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolSetting {
    WebSearchUrl,
    WebSearchEngines,
    WebSearchMaxResults,
    WebSearchExtract,
    WebSearchPurposeHint,
    WebSearchIntercept,
    SandboxUrl,
    SandboxPurposeHint,
}

impl ToolSetting {
    /// All of them, in the order they are listed.
    pub const ALL: [Self; 8] = [
        Self::WebSearchUrl,
        Self::WebSearchEngines,
        Self::WebSearchMaxResults,
        Self::WebSearchExtract,
        Self::WebSearchPurposeHint,
        Self::WebSearchIntercept,
        Self::SandboxUrl,
        Self::SandboxPurposeHint,
    ];

    /// The key it has in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::WebSearchUrl => "web_search_url",
            Self::WebSearchEngines => "web_search_engines",
            Self::WebSearchMaxResults => "web_search_max_results",
            Self::WebSearchExtract => "web_search_extract",
            Self::WebSearchPurposeHint => "web_search_purpose_hint",
            Self::WebSearchIntercept => "web_search_intercept",
            Self::SandboxUrl => "sandbox_url",
            Self::SandboxPurposeHint => "sandbox_purpose_hint",
        }
    }

    /// Its value in `section`.
    pub fn value(self, section: &ToolSection) -> Value {
        match self {
            Self::WebSearchUrl => section.web_search_url.clone().into(),
            Self::WebSearchEngines => section.web_search_engines.clone().into(),
            Self::WebSearchMaxResults => section.web_search_max_results.into(),
            Self::WebSearchExtract => section.web_search_extract.into(),
            Self::WebSearchPurposeHint => section.web_search_purpose_hint.clone().into(),
            Self::WebSearchIntercept => section.web_search_intercept.into(),
            Self::SandboxUrl => section.sandbox_url.clone().into(),
            Self::SandboxPurposeHint => section.sandbox_purpose_hint.clone().into(),
        }
    }

    /// Writes a value into `section`; one of another type changes nothing.
    fn set(self, section: &mut ToolSection, value: &Value) {
        let text = || value.as_str().map(str::to_owned);
        match self {
            Self::WebSearchUrl => section.web_search_url = text(),
            Self::WebSearchEngines => section.web_search_engines = text(),
            Self::WebSearchMaxResults => {
                let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
                section.web_search_max_results = count;
            }
            Self::WebSearchExtract => section.web_search_extract = value.as_bool(),
            Self::WebSearchPurposeHint => section.web_search_purpose_hint = text(),
            Self::WebSearchIntercept => section.web_search_intercept = value.as_bool(),
            Self::SandboxUrl => section.sandbox_url = text(),
            Self::SandboxPurposeHint => section.sandbox_purpose_hint = text(),
        }
    }
}

/// The configured settings under the stored ones.
pub(super) fn overlaid(configured: &ToolSection, stored: &[(String, String)]) -> ToolSection {
    let mut section = configured.clone();
    for (key, text) in stored {
        let setting = ToolSetting::ALL
            .into_iter()
            .find(|setting| setting.key() == key);
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        if let (Some(setting), false) = (setting, value.is_null()) {
            setting.set(&mut section, &value);
        }
    }
    section
}
