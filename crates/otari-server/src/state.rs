//! What every handler can reach.

use std::sync::Arc;

use otari_config::Config;
use otari_gateway::Gateway;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Cheap to clone: one pointer.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
pub struct Inner {
    pub gateway: Arc<Gateway>,
    pub config: Config,
    /// The version answers and metrics show.
    pub version: String,
    /// The one workspace of a deployment without tenancy; keys name it.
    pub workspace_id: String,
    /// Work beside the requests; it ends when shutdown begins.
    pub background: TaskTracker,
    /// Set when shutdown begins: readiness turns 503.
    pub draining: CancellationToken,
}

impl App {
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl Inner {
    /// Largest request body accepted, in bytes.
    pub fn max_body_bytes(&self) -> usize {
        usize::try_from(self.config.server.max_body_bytes).unwrap_or(usize::MAX)
    }
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
