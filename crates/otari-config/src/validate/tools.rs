//! Search services and MCP servers: what each needs, and names that can be called.

use super::absolute_http;
use crate::config::Config;
use crate::problem::{Problem, ProblemKind, Report};
use crate::section::tools::{McpTransport, SearchProvider};

/// Longest name of an MCP server; requests name them.
const NAME_CHARS_MAX: usize = 128;

pub(super) fn check(config: &Config, report: &mut Report) {
    web_search(config, report);
    search_tools(config, report);
    mcp_servers(config, report);
}

fn web_search(config: &Config, report: &mut Report) {
    let tools = &config.tools;
    for (key, url) in [
        ("web_search_url", &tools.web_search_url),
        ("sandbox_url", &tools.sandbox_url),
    ] {
        if let Some(url) = url {
            absolute_http(url, key, report);
        }
    }
    let Some(provider) = tools.search_provider() else {
        return;
    };
    if provider == SearchProvider::Searxng && tools.web_search_url.is_none() {
        let message = "needs `web_search_url` too";
        report.problem(Problem::new(
            "web_search_provider",
            ProblemKind::Missing,
            message,
        ));
    }
    if let Some(variable) = provider.key_variable()
        && tools.web_search_api_key.is_none()
        && config.environment.get(variable).is_none()
    {
        let message = "needs `web_search_api_key` too";
        let problem = Problem::new("web_search_provider", ProblemKind::Missing, message);
        report.problem(problem.hint(format!("or set {variable}")));
    }
}

fn search_tools(config: &Config, report: &mut Report) {
    for (name, tool) in &config.tools.search_tools.0 {
        let path = format!("search_tools.{name}");
        if name.trim().is_empty() || name.contains('/') {
            let message = "a name must not be empty or contain `/`";
            report.problem(Problem::new(&path, ProblemKind::InvalidName, message));
        }
        if let Some(base) = &tool.api_base {
            absolute_http(base, &format!("{path}.api_base"), report);
        }
        if let Some(variable) = tool.provider.key_variable()
            && tool.api_key.is_none()
            && config.environment.get(variable).is_none()
        {
            let problem = Problem::new(
                &format!("{path}.api_key"),
                ProblemKind::Missing,
                "is required",
            );
            report.problem(problem.hint(format!("or set {variable}")));
        }
        let addressless = tool.api_base.is_none() && config.tools.web_search_url.is_none();
        if tool.provider == SearchProvider::Searxng && addressless {
            let message = "has no address: set its `api_base`, or `web_search_url`";
            report.warn(Problem::new(&path, ProblemKind::Missing, message));
        }
    }
}

fn mcp_servers(config: &Config, report: &mut Report) {
    for (name, server) in &config.tools.mcp_servers.0 {
        let path = format!("mcp_servers.{name}");
        if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let message = "a name must have 1 to 128 characters";
            report.problem(Problem::new(&path, ProblemKind::InvalidName, message));
        }
        if let McpTransport::Http { url, .. } = &server.transport {
            absolute_http(url, &format!("{path}.url"), report);
        }
    }
}
