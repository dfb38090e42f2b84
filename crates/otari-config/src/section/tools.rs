//! Tool backends, and which addresses tools may reach.

use crate::section::section;
use crate::setting::Limit::AtLeast;
use crate::setting::Map;

section! {
    /// Tools.
    Tools("Tools") {
        /// Address of the code-execution service.
        sandbox_url: Option<String> = None;
        /// Address of the web-search service.
        web_search_url: Option<String> = None;
        /// Text put ahead of the tool descriptions.
        tools_header: Option<String> = None;
        /// What the model is told the sandbox is for.
        sandbox_purpose_hint: Option<String> = None;
        /// What the model is told web search is for.
        web_search_purpose_hint: Option<String> = None;
        /// Search engines to use, comma-separated.
        web_search_engines: Option<String> = None;
        /// Most results of one search.
        web_search_max_results: Option<u32> = None => AtLeast(1.0);
        /// Fetch and extract the pages found.
        web_search_extract: Option<bool> = None;
        /// Run a provider's own web-search tool in the gateway when the model has none.
        web_search_intercept: Option<bool> = None;
        /// Let web search fetch private addresses.
        web_search_allow_private_hosts: bool = false;
        /// Let MCP servers be on this host.
        mcp_allow_loopback: bool = true;
        /// Let MCP servers be at private addresses.
        mcp_allow_private_hosts: bool = false;
        /// Let a provider's `api_base` be a private address when it is tested, listed or stored.
        provider_allow_private_hosts: bool = true;
        /// Tools of the search endpoint, by name: `{provider, api_key, api_base, timeout, options}`.
        search_tools: Map = Map::new();
    }
}
