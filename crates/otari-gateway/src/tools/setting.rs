//! The settings of tools that are stored over the configured ones.

use otari_config::section::tools::Tools as ToolSection;
use serde_json::Value;

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
