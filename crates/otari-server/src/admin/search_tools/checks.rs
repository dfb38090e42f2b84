//! Whether a search tool could work: the rules of the configuration.

use otari_config::section::tools::SearchProvider;

use crate::error::{ApiError, Problems};
use crate::state::App;

/// A tool as it would be.
pub(super) struct Candidate<'a> {
    pub(super) name: &'a str,
    pub(super) provider: &'a str,
    pub(super) has_key: bool,
    pub(super) api_base: Option<&'a str>,
    pub(super) timeout: Option<f64>,
}

/// Words that are routes of their own below the list.
const RESERVED: [&str; 2] = ["providers", "reencrypt"];

pub(super) fn check(app: &App, tool: &Candidate<'_>) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    if tool.name.is_empty() || tool.name.contains('/') {
        problems.wrong("name", "A name must not be empty or contain '/'");
    }
    if RESERVED.contains(&tool.name) {
        problems.wrong("name", format!("'{}' is the name of a route", tool.name));
    }
    if tool
        .timeout
        .is_some_and(|timeout| timeout <= 0.0 || !timeout.is_finite())
    {
        problems.wrong("timeout", "Input should be greater than 0");
    }
    let http = |base: &str| base.starts_with("https://") || base.starts_with("http://");
    if tool.api_base.is_some_and(|base| !http(base)) {
        problems.wrong("api_base", "Input should be an http(s) address");
    }
    match SearchProvider::named(tool.provider) {
        None => {
            let names = SearchProvider::ALL.map(SearchProvider::as_str).join(", ");
            problems.wrong("provider", format!("Input should be one of {names}"));
        }
        // Whoever holds the operator's key must not read this machine's files by it.
        Some(SearchProvider::Folder) => {
            problems.wrong("provider", "folder can only be set up in the configuration");
        }
        Some(provider) => {
            let in_environment = provider
                .key_variable()
                .is_some_and(|variable| app.config.environment.get(variable).is_some());
            if provider.needs_key() && !tool.has_key && !in_environment {
                problems.wrong("api_key", format!("{} needs a key", provider.as_str()));
            }
            let set = app.gateway.tools.in_force();
            let inherited = set.section().web_search_url.is_some();
            if provider == SearchProvider::Searxng && tool.api_base.is_none() && !inherited {
                problems.wrong(
                    "api_base",
                    "searxng needs an address, here or as web_search_url",
                );
            }
        }
    }
    problems.refuse()
}

/// Whole milliseconds of a checked number of seconds; at least one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from float saturates"
)]
pub(super) fn millis(seconds: f64) -> i64 {
    ((seconds * 1000.0).round() as i64).max(1)
}
