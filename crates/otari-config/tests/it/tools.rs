//! Search services and MCP servers.

use std::time::Duration;

use otari_config::ProblemKind::{InvalidName, Missing, OutOfRange, UnknownChoice, WrongType};
use otari_config::section::tools::{McpTransport, SearchProvider};

use crate::World;

#[test]
fn search_tools_are_read_with_their_provider_from_the_name_where_it_says() {
    let yaml = "search_tools:\n  exa: {api_key: k, timeout: 2.5, options: {type: auto}}\n  \
        house: {provider: SearXNG, api_base: 'http://search:8080'}\n";
    let config = World::new().config(yaml).loaded();
    let tools = &config.tools.search_tools.0;
    let exa = &tools["exa"];
    assert_eq!(
        (exa.provider, exa.timeout, &exa.options["type"]),
        (
            SearchProvider::Exa,
            Some(Duration::from_millis(2500)),
            &"auto".into()
        )
    );
    assert_eq!(tools["house"].provider, SearchProvider::Searxng);
}

#[test]
fn a_key_may_stand_in_the_services_own_variable() {
    let world = || World::new().config("web_search_provider: brave\nsearch_tools: {tavily: {}}\n");
    let missing = world().problems();
    let paths: Vec<&str> = missing
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        ["web_search_provider", "search_tools.tavily.api_key"]
    );
    let config = world()
        .env("BRAVE_API_KEY", "b")
        .env("TAVILY_API_KEY", "t")
        .loaded();
    assert_eq!(config.tools.search_provider(), Some(SearchProvider::Brave));
    let by_url = World::new()
        .env("OTARI_WEB_SEARCH_URL", "http://search")
        .loaded();
    assert_eq!(
        by_url.tools.search_provider(),
        Some(SearchProvider::Searxng)
    );
    assert_eq!(World::new().loaded().tools.search_provider(), None);
}

#[test]
fn a_search_tool_without_an_address_is_only_warned_of() {
    let world = || World::new().config("search_tools: {searxng: {}}\n");
    let warnings = world().load().unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let inherited = world().env("OTARI_WEB_SEARCH_URL", "http://search");
    assert_eq!(inherited.load().unwrap().warnings, []);
}

#[test]
fn an_mcp_server_is_a_program_or_an_address() {
    let yaml = "mcp_servers:\n  files: {command: npx, args: [-y, server], env: {A: b}, allowed_tools: [read]}\n  \
        docs: {url: 'http://docs/mcp', authorization_token: t, purpose_hint: h}\n";
    let servers = World::new().config(yaml).loaded().tools.mcp_servers.0;
    let McpTransport::Stdio { command, args, env } = &servers["files"].transport else {
        panic!("{servers:?}");
    };
    assert_eq!(
        (command.as_str(), args.len(), env[0].1.expose()),
        ("npx", 2, "b")
    );
    assert!(matches!(
        servers["docs"].transport,
        McpTransport::Http { token: Some(_), .. }
    ));
}

#[test]
fn each_mistake_is_found_at_its_place() {
    for (yaml, path, kind) in [
        (
            "web_search_provider: bing",
            "web_search_provider",
            UnknownChoice,
        ),
        (
            "web_search_provider: searxng",
            "web_search_provider",
            Missing,
        ),
        ("web_search_url: search", "web_search_url", WrongType),
        (
            "web_search_max_results: 0",
            "web_search_max_results",
            OutOfRange,
        ),
        ("search_tools: {x: {}}", "search_tools.x", Missing),
        (
            "search_tools: {x: {provider: bing}}",
            "search_tools.x.provider",
            UnknownChoice,
        ),
        (
            "search_tools: {exa: {}}",
            "search_tools.exa.api_key",
            Missing,
        ),
        (
            "search_tools: {a/b: {provider: mediawiki}}",
            "search_tools.a/b",
            InvalidName,
        ),
        (
            "search_tools: {exa: {api_key: k, timeout: true}}",
            "search_tools.exa.timeout",
            WrongType,
        ),
        (
            "search_tools: {exa: {api_key: k, timeout: 0}}",
            "search_tools.exa.timeout",
            OutOfRange,
        ),
        (
            "search_tools: {exa: {api_key: k, options: [1]}}",
            "search_tools.exa.options",
            WrongType,
        ),
        ("mcp_servers: {a: {}}", "mcp_servers.a", Missing),
        (
            "mcp_servers: {a: {command: x, url: 'http://a'}}",
            "mcp_servers.a",
            Missing,
        ),
        ("mcp_servers: {a: {url: a}}", "mcp_servers.a.url", WrongType),
        (
            "mcp_servers: {a: {command: x, args: y}}",
            "mcp_servers.a.args",
            WrongType,
        ),
    ] {
        let found = World::new().config(yaml).problem();
        assert_eq!(found, (path.to_owned(), kind), "{yaml}");
    }
}
