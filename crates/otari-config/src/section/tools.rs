//! The tools the gateway runs itself, where their services are, and which addresses they may reach.

mod mcp_servers;
mod search_tools;

use otari_types::Secret;

use crate::section::section;
use crate::setting::Limit::{AtLeast, Between};
use crate::setting::{Map, choice};

pub use mcp_servers::{McpServerSpec, McpServers, McpTransport};
pub use search_tools::{SearchToolSpec, SearchTools};

choice! {
    /// A service that searches.
    SearchProvider("`searxng`, `brave`, `tavily`, `exa`, `serper`, `linkup` or `mediawiki`") {
        /// A server of SearXNG's JSON format.
        Searxng = "searxng",
        /// Brave Search.
        Brave = "brave",
        /// Tavily.
        Tavily = "tavily",
        /// Exa.
        Exa = "exa",
        /// Serper.
        Serper = "serper",
        /// Linkup.
        Linkup = "linkup",
        /// Wikipedia, or another wiki.
        MediaWiki = "mediawiki",
    }
}

section! {
    /// Tools.
    Tools("Tools") {
        /// Address of the code-execution service.
        sandbox_url: Option<String> = None;
        /// The service behind `otari_web_search`; `searxng` when only `web_search_url` is set.
        web_search_provider: Option<SearchProvider> = None;
        /// Address of the web-search service, where it is not the provider's usual one.
        web_search_url: Option<String> = None;
        /// Key of the web-search service; the provider's own variable (`BRAVE_API_KEY`, …) is read too.
        web_search_api_key: Option<Secret> = None;
        /// Sent with every search, under the service's own names.
        web_search_options: Map = Map::new();
        /// Text put ahead of the tool descriptions.
        tools_header: Option<String> = None;
        /// What the model is told the sandbox is for.
        sandbox_purpose_hint: Option<String> = None;
        /// What the model is told web search is for.
        web_search_purpose_hint: Option<String> = None;
        /// Search engines to use, comma-separated.
        web_search_engines: Option<String> = None;
        /// Most results of one search, where a request does not say; never more than 20.
        web_search_max_results: Option<u32> = None => AtLeast(1.0);
        /// Fetch and extract the pages found.
        web_search_extract: Option<bool> = None;
        /// Run a provider's own web-search tool in the gateway.
        web_search_intercept: Option<bool> = None;
        /// Let web search and web fetch read pages at private addresses.
        web_search_allow_private_hosts: bool = false;
        /// Offer `otari_web_fetch`, which reads one page.
        web_fetch: bool = true;
        /// What the model is told web fetch is for.
        web_fetch_purpose_hint: Option<String> = None;
        /// Characters of a page that a model gets to read.
        web_fetch_max_chars: u32 = 20_000 => Between(100.0, 500_000.0);
        /// Let callers' MCP servers be on this host.
        mcp_allow_loopback: bool = true;
        /// Let callers' MCP servers be at private addresses.
        mcp_allow_private_hosts: bool = false;
        /// How long an MCP server may take to connect and list its tools.
        mcp_connect_timeout_ms: u32 = 10_000 => AtLeast(1.0);
        /// How long one call of an MCP tool may take.
        mcp_call_timeout_ms: u32 = 60_000 => AtLeast(1.0);
        /// Characters of one MCP result that a model gets to read.
        mcp_result_max_chars: u32 = 100_000 => AtLeast(100.0);
        /// MCP servers that requests may name in `mcp_server_ids`: `{command, args, env}` or `{url, authorization_token}`.
        mcp_servers: McpServers = McpServers::default();
        /// Serve MCP at `/mcp`.
        mcp_endpoint: bool = true;
        /// Let a provider's `api_base` be a private address when it is tested, listed or stored.
        provider_allow_private_hosts: bool = true;
        /// Tools of the search endpoint, by name: `{provider, api_key, api_base, timeout, options}`.
        search_tools: SearchTools = SearchTools::default();
    }
}

impl SearchProvider {
    /// All of them, in the order they are listed.
    pub const ALL: [Self; 7] = [
        Self::Exa,
        Self::Searxng,
        Self::Brave,
        Self::Tavily,
        Self::Serper,
        Self::Linkup,
        Self::MediaWiki,
    ];

    /// The provider of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// The variable its key usually stands in.
    pub fn key_variable(self) -> Option<&'static str> {
        Some(match self {
            Self::Brave => "BRAVE_API_KEY",
            Self::Tavily => "TAVILY_API_KEY",
            Self::Exa => "EXA_API_KEY",
            Self::Serper => "SERPER_API_KEY",
            Self::Linkup => "LINKUP_API_KEY",
            Self::Searxng | Self::MediaWiki => return None,
        })
    }

    /// Whether it answers nobody without a key.
    pub fn needs_key(self) -> bool {
        self.key_variable().is_some()
    }
}

impl Tools {
    /// The service behind `otari_web_search`, if one is set up.
    pub fn search_provider(&self) -> Option<SearchProvider> {
        let by_url = self
            .web_search_url
            .as_ref()
            .map(|_| SearchProvider::Searxng);
        self.web_search_provider.or(by_url)
    }
}
