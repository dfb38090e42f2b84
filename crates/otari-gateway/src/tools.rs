//! The tools the gateway runs itself: which there are, how they are set up, who may use them, what they cost.
//!
//! [`Tools`] is made once. What changes while the gateway runs is a [`ToolSet`], replaced as a whole; a request takes
//! one and stays with it.

mod offer;
pub(crate) mod permit;
mod policies;
mod pricing;
pub(crate) mod programs;
mod registry;
mod search;
mod search_tools;
mod servers;
mod setting;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use otari_config::section::tools::{SearchProvider, Tools as ToolSection};
use otari_store::search_tools::{self as stored_search_tools, SearchToolRow};
use otari_store::{Sealer, Store, StoreError};
use otari_tools::mcp::{McpClient, McpLimits};
use otari_tools::{FetchLimits, GuardedClient, UrlGuard, UrlPolicy, WebFetch};
use otari_types::Secret;

use search_tools::Workshop;

pub use offer::OfferedTool;
pub use permit::{ToolList, ToolUse};
pub(crate) use policies::{WebAllowance, exec_timeout};
pub use registry::ToolSet;
pub(crate) use registry::unavailable;
pub use search_tools::SearchTool;
pub use setting::ToolSetting;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the operator configured.
#[derive(Clone, Debug, Default)]
pub struct ToolOptions {
    pub section: ToolSection,
    /// Keys of search services from the services' own variables.
    pub keys: Vec<(SearchProvider, Secret)>,
    /// Opens stored keys and tokens; without it none can be stored.
    pub sealer: Option<Sealer>,
    /// The workspace of a deployment without tenancy.
    pub workspace: String,
}

/// Every tool of the gateway's own, and the way to the callers' MCP servers.
pub struct Tools {
    pub(crate) store: Store,
    configured: ToolSection,
    keys: Vec<(SearchProvider, Secret)>,
    sealer: Option<Sealer>,
    workspace: String,
    /// There is a sandbox.
    runs_code: bool,
    /// For addresses of the operator's.
    trusted: GuardedClient,
    fetch: WebFetch,
    mcp: McpClient,
    connections: offer::Connections,
    sessions: offer::Sessions,
    in_force: ArcSwap<ToolSet>,
}

impl Tools {
    pub(crate) fn new(store: Store, options: ToolOptions, runs_code: bool) -> Self {
        let ToolOptions {
            section,
            keys,
            sealer,
            workspace,
        } = options;
        let client = |policy| GuardedClient::new(UrlGuard::new(policy), CONNECT_TIMEOUT);
        let trusted = client(UrlPolicy::operator());
        let pages = client(UrlPolicy {
            allow_private: section.web_search_allow_private_hosts,
            ..UrlPolicy::default()
        });
        let servers = client(UrlPolicy {
            allow_loopback: section.mcp_allow_loopback,
            allow_private: section.mcp_allow_private_hosts,
            ..UrlPolicy::default()
        });
        let fetch = FetchLimits {
            text_chars: chars(section.web_fetch_max_chars),
            ..FetchLimits::default()
        };
        let tools = Self {
            fetch: WebFetch::new(pages, fetch),
            mcp: McpClient::new(servers, limits(&section)).trusting(trusted.clone()),
            connections: offer::Connections::default(),
            sessions: offer::Sessions::default(),
            in_force: ArcSwap::default(),
            configured: section,
            keys,
            sealer,
            workspace,
            runs_code,
            trusted,
            store,
        };
        tools.apply(&[], &[]);
        tools
    }

    /// The tools as they are now. A request keeps what it took.
    pub fn in_force(&self) -> Arc<ToolSet> {
        self.in_force.load_full()
    }

    /// Opens MCP servers and calls their tools, within the operator's policy on addresses.
    pub fn mcp(&self) -> &McpClient {
        &self.mcp
    }

    /// What seals the tokens of stored servers and the keys of stored search tools.
    pub fn sealer(&self) -> Option<&Sealer> {
        self.sealer.as_ref()
    }

    /// What is configured, under what is stored.
    pub fn configured(&self) -> &ToolSection {
        &self.configured
    }

    /// Takes what is stored into force, over what is configured.
    pub(crate) async fn reload(&self, stored: &[(String, String)]) -> Result<(), StoreError> {
        let search_tools = stored_search_tools::list(&self.store).await?;
        self.apply(stored, &search_tools);
        Ok(())
    }

    fn apply(&self, stored: &[(String, String)], search_tools: &[SearchToolRow]) {
        let section = setting::overlaid(&self.configured, stored);
        let workshop = Workshop {
            section: &section,
            keys: &self.keys,
            trusted: &self.trusted,
            sealer: self.sealer.as_ref(),
        };
        let search_tools = workshop.tools(search_tools);
        let set = ToolSet::new(&workshop, &self.fetch, search_tools, self.runs_code);
        self.in_force.store(Arc::new(set));
    }
}

fn limits(section: &ToolSection) -> McpLimits {
    let millis = |millis: u32| Duration::from_millis(u64::from(millis));
    McpLimits {
        open: millis(section.mcp_connect_timeout_ms),
        call: millis(section.mcp_call_timeout_ms),
        result_chars: chars(section.mcp_result_max_chars),
        ..McpLimits::default()
    }
}

fn chars(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools")
            .field("configured", &self.configured)
            .finish_non_exhaustive()
    }
}
