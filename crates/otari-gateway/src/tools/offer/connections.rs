//! Connections to MCP servers, kept for a while between the calls of one key: a server may have a state that a client
//! counts on, and a program takes its time to start.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use otari_tools::mcp::{McpServer, McpTools};
use tokio::sync::OnceCell;

use crate::error::GatewayError;
use crate::tools::Tools;

const KEPT_MAX: u64 = 256;
/// Without a call.
const KEPT_FOR: Duration = Duration::from_mins(5);

type Slot = Arc<OnceCell<Arc<McpTools>>>;

/// Open connections by key and server.
pub(in crate::tools) struct Connections(Cache<(String, String), Slot>);

impl Default for Connections {
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(KEPT_MAX)
            .time_to_idle(KEPT_FOR);
        Self(cache.build())
    }
}

impl Connections {
    /// The server's tools, connected. Of several that ask at once, one connects.
    pub(super) async fn open(
        &self,
        tools: &Tools,
        owner: &str,
        server: &McpServer,
    ) -> Result<Arc<McpTools>, GatewayError> {
        let slot = self.0.get_with(place(owner, server), Slot::default);
        let connect = || async {
            let servers = std::slice::from_ref(server);
            let opened = tools.mcp().open(servers, &HashSet::new()).await?;
            Ok::<_, GatewayError>(Arc::new(opened))
        };
        slot.get_or_try_init(connect).await.cloned()
    }

    /// Connects anew next time.
    pub(super) fn forget(&self, owner: &str, server: &McpServer) {
        self.0.invalidate(&place(owner, server));
    }
}

/// A server that was changed is another one.
fn place(owner: &str, server: &McpServer) -> (String, String) {
    (owner.to_owned(), server.identity())
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("open", &self.0.entry_count())
            .finish()
    }
}
