//! A reference platform: the other side of hybrid mode, from one YAML file.
//!
//! It shows what a control plane must answer, lets hybrid mode be tried without one, and fails on request. It keeps
//! everything in memory; reports also go to a line each on an output of the caller's choice.

mod books;
mod config;
mod fault;
mod gate;
mod models;
mod refusal;
mod resolve;
mod tools;
mod usage;
mod watch;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use otari_platform::path;
use otari_types::Clock;

pub use books::{Entry, Recorded};
pub use config::{ConfigError, PeerConfig};
pub use fault::{Fault, On};

use books::Books;
use fault::Faults;

/// What a report is written to.
pub type Sink = Box<dyn Fn(&Recorded) + Send + Sync>;

/// Bodies are a model's name, or a few numbers.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A platform. Cheap to clone.
#[derive(Clone)]
pub struct Peer {
    pub(crate) config: Arc<PeerConfig>,
    pub(crate) books: Arc<Books>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sink: Arc<Sink>,
}

impl Peer {
    /// `sink` sees each report once, when it is first taken.
    pub fn new(config: PeerConfig, clock: Arc<dyn Clock>, sink: Sink) -> Self {
        Self {
            faults: Arc::new(Faults::new(config.faults.clone())),
            books: Arc::default(),
            config: Arc::new(config),
            clock,
            sink: Arc::new(sink),
        }
    }

    /// The protocol below the configured base path; what happened and what shall fail, below `/peer`.
    pub fn router(&self) -> Router {
        let base = self.config.base_path.trim_end_matches('/').to_owned();
        let at = |path: &str| format!("{base}{path}");
        Router::new()
            .route(&at(path::RESOLVE), post(resolve::resolve))
            .route(&at(path::USAGE), post(usage::report))
            .route(&at(path::MCP_SERVERS), post(tools::mcp_servers))
            .route(&at(path::WEB_SEARCH), post(tools::web_search))
            .route(&at(path::CODE_EXECUTION), post(tools::code_execution))
            .route(&at(path::SEARCH), get(tools::search))
            .route(&at(path::HEALTH), get(watch::health))
            .route("/peer/reports", get(watch::reports))
            .route("/peer/spend", get(watch::spend))
            .route(
                "/peer/faults",
                get(fault::list).put(fault::replace).delete(fault::clear),
            )
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(self.clone())
    }

    /// Every report taken, the oldest first.
    pub fn reports(&self) -> Vec<Recorded> {
        self.books.reports()
    }

    /// What shall fail from now on.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.faults.replace(faults);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").finish_non_exhaustive()
    }
}
