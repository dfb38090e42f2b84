//! Tools of the search endpoint.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use otari_types::Secret;
use serde_json::{Value, json};

use super::SearchProvider;
use crate::problem::{Problem, ProblemKind, Report};
use crate::setting::Limit::Above;
use crate::setting::{Map, Reader, Setting, redact_url};

/// Search tools by the name callers use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchTools(pub BTreeMap<String, SearchToolSpec>);

/// A service that searches, with its key.
#[derive(Clone, PartialEq)]
pub struct SearchToolSpec {
    pub provider: SearchProvider,
    pub api_key: Option<Secret>,
    pub api_base: Option<String>,
    pub timeout: Option<Duration>,
    /// Sent with every search, under the service's own names.
    pub options: Map,
}

impl SearchToolSpec {
    fn read(name: &str, value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let map = Map::read(value, path, report)?;
        let mut reader = Reader::new(&map, path, report);
        let api_key = reader.optional("api_key", None);
        let api_base = reader.optional("api_base", None);
        let timeout: Option<f64> = reader.optional("timeout", Some(Above(0.0)));
        let options = reader.optional("options", None).unwrap_or_default();
        let provider = if map.get("provider").is_some_and(|given| !given.is_null()) {
            reader.optional("provider", None)?
        } else {
            let named = SearchProvider::named(name);
            if named.is_none() {
                let message = "needs `provider`, as its name is not that of one";
                let problem = Problem::new(path, ProblemKind::Missing, message);
                reader
                    .report
                    .problem(problem.hint(format!("use {}", SearchProvider::TYPE)));
            }
            named?
        };
        Some(Self {
            provider,
            api_key,
            api_base,
            timeout: timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            options,
        })
    }

    fn shown(&self) -> Value {
        json!({
            "provider": self.provider.as_str(),
            "api_key": self.api_key.show(),
            "api_base": self.api_base.as_deref().map(redact_url),
            "timeout": self.timeout.map(|timeout| timeout.as_secs_f64()),
            "options": self.options.show(),
        })
    }
}

impl Setting for SearchTools {
    const TYPE: &'static str =
        "a mapping of name to `{provider, api_key, api_base, timeout, options}`";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let mut tools = BTreeMap::new();
        for (name, written) in &Map::read(value, path, report)? {
            let path = format!("{path}.{name}");
            if let Some(spec) = SearchToolSpec::read(name, written, &path, report) {
                tools.insert(name.clone(), spec);
            }
        }
        Some(Self(tools))
    }

    fn show(&self) -> Value {
        let shown = self.0.iter();
        shown
            .map(|(name, tool)| (name.clone(), tool.shown()))
            .collect()
    }
}

impl fmt::Debug for SearchToolSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SearchToolSpec({})", self.shown())
    }
}
