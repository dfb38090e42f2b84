//! Running code, as far as tools outside a conversation need it.

use std::fmt;

use futures_util::future::BoxFuture;
use otari_tools::mcp::McpResult;

/// Whatever runs code for callers.
pub trait CodeExecution: fmt::Debug + Send + Sync {
    /// What keeps it from running code now, in words for an operator; `None` when nothing does.
    fn obstacle(&self) -> Option<String>;

    /// Runs Python. Variables and files stay for later calls with the same `session`, which the caller made up and
    /// ends by dropping it: sessions nobody uses any more are forgotten.
    fn run(&self, session: String, code: String) -> BoxFuture<'_, McpResult>;
}
