//! What is searched for, and what is found.

use serde_json::{Map, Value};

use super::domain::DomainFilter;

pub(super) const RESULTS_MAX: usize = 20;
const RESULTS_DEFAULT: usize = 5;
const DATE_CHARS_MAX: usize = 128;

/// One search.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    pub text: String,
    /// Clamped to 1..=20.
    pub max_results: usize,
    pub domains: DomainFilter,
    /// Two letters, ISO 3166.
    pub country: Option<String>,
    /// Characters of page text asked of a service that delivers it.
    pub page_chars: Option<usize>,
    /// The caller's own settings for the service; only those a service lists as harmless are sent.
    pub options: Map<String, Value>,
}

/// One result, in the order of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchHit {
    pub url: String,
    pub title: String,
    pub snippet: String,
    /// As the service writes it, shortened.
    pub published: Option<String>,
    /// The page's text, when the service delivers it or it was read.
    pub content: Option<String>,
}

impl SearchQuery {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            max_results: RESULTS_DEFAULT,
            domains: DomainFilter::default(),
            country: None,
            page_chars: None,
            options: Map::new(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.max_results.clamp(1, RESULTS_MAX)
    }

    /// The words with `site:` operators, for services whose only filter they are.
    pub(super) fn with_operators(&self) -> String {
        use std::fmt::Write;
        let mut text = self.text.clone();
        let allowed: Vec<String> = self
            .domains
            .allowed_hosts()
            .map(|host| format!("site:{host}"))
            .collect();
        match allowed.as_slice() {
            [] => {}
            [one] => text = format!("{text} {one}"),
            many => text = format!("{text} ({})", many.join(" OR ")),
        }
        for host in self.domains.blocked_hosts() {
            let _ = write!(text, " -site:{host}");
        }
        text
    }
}

impl SearchHit {
    /// From the members of a result, by their names at the service; `None` without a URL.
    pub(super) fn read(result: &Value, names: &Names) -> Option<Self> {
        let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default();
        let url = text(names.url).trim();
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
        let date = names.published.iter().map(|name| text(name));
        (!url.is_empty()).then(|| Self {
            url: url.to_owned(),
            title: one_line(text(names.title), usize::MAX),
            snippet: text(names.snippet).trim().to_owned(),
            published: some(
                &date
                    .map(one_date)
                    .find(|date| !date.is_empty())
                    .unwrap_or_default(),
            ),
            content: some(text(names.content)),
        })
    }
}

/// Where a service puts things; empty where it has no such thing.
pub(super) struct Names {
    pub(super) url: &'static str,
    pub(super) title: &'static str,
    pub(super) snippet: &'static str,
    /// In order of preference.
    pub(super) published: &'static [&'static str],
    pub(super) content: &'static str,
}

fn one_date(text: &str) -> String {
    one_line(text, DATE_CHARS_MAX)
}

pub(super) fn one_line(text: &str, max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(max).collect()
}
