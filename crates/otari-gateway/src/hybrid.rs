//! Hybrid mode: a platform elsewhere knows the callers, says which models they mean, and keeps the books.
//!
//! The walk is the same. `admit` takes the caller's token unread, `plan` asks the platform what the model stands for,
//! `reserve` holds nothing, `settle` reports.

mod admit;
mod client;
mod cost;
mod instances;
mod patience;
mod plan;
mod reporter;
mod spool;
mod tab;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use otari_providers::Timeouts;
use otari_types::{Clock, Secret};

pub(crate) use admit::{UserToken, admit};
pub use client::{PlatformError, PlatformRefusal};
pub(crate) use cost::{Carrier, InlineCost, with_cost};
pub use patience::FirstChunk;
pub(crate) use patience::{Deadline, Patience};
pub(crate) use plan::OnPlatform;
pub(crate) use reporter::Receipt;
pub use spool::SpoolOptions;
pub(crate) use tab::Tab;

use client::PlatformClient;
use instances::Instances;
use reporter::Reporter;
use spool::Spool;

use crate::metrics::Metrics;

/// Who answers for callers, models and bills.
#[derive(Debug, Default)]
pub(crate) enum ControlPlane {
    /// This deployment's own database.
    #[default]
    Own,
    /// A platform elsewhere.
    Platform(Arc<Platform>),
}

/// How a platform is reached, and what is expected of it.
#[derive(Clone, Debug)]
pub struct PlatformOptions {
    /// Of its API, without a slash at the end.
    pub base_url: String,
    /// Below `base_url`.
    pub health_path: String,
    /// Who this gateway is.
    pub token: Secret,
    /// For whatever is asked before a call.
    pub resolve_timeout: Duration,
    /// For one usage report.
    pub usage_timeout: Duration,
    /// How long an answer waits to learn its cost.
    pub inline_timeout: Duration,
    /// How often a report is sent in quick succession before it counts as late.
    pub quick_tries: u32,
    /// Where reports outlive the process; `None`: nowhere.
    pub spool: Option<SpoolOptions>,
    /// Until a stream's first chunk.
    pub first_chunk: FirstChunk,
    /// The same where the gateway runs tools.
    pub first_chunk_with_tools: FirstChunk,
    /// More for the last attempt.
    pub last_first_chunk_extra: Duration,
    pub connect_timeout: Duration,
    /// Of the calls to providers.
    pub timeouts: Timeouts,
}

/// The platform, seen from here.
#[derive(Debug)]
pub struct Platform {
    client: Arc<PlatformClient>,
    instances: Instances,
    reporter: Arc<Reporter>,
    options: PlatformOptions,
}

impl Platform {
    pub(crate) fn new(
        options: PlatformOptions,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, PlatformError> {
        let client = Arc::new(PlatformClient::new(&options)?);
        let spool = options.spool.clone().map(spool).transpose()?;
        let has_spool = spool.is_some();
        let reporter = Reporter::new(Arc::clone(&client), &options, metrics, spool);
        let reporter = Arc::new(reporter);
        if has_spool {
            tokio::spawn(Arc::clone(&reporter).send_spooled());
        }
        Ok(Self {
            instances: Instances::new(options.timeouts, clock),
            reporter,
            client,
            options,
        })
    }

    /// Whether it answers at all: any status below 500 counts.
    pub async fn is_reachable(&self) -> bool {
        self.client.is_reachable().await
    }

    /// Delivers what is still to be reported, for at most `limit`. What is left then stays in the spool, or is written to
    /// the log where there is none.
    pub async fn close(&self, limit: Duration) {
        self.reporter.close(limit).await;
    }

    /// Reports that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.reporter.waiting()
    }

    /// Whether what a new call comes to could be kept until it is reported.
    pub(crate) fn accepts_calls(&self) -> bool {
        self.reporter.accepts_calls()
    }

    /// Books for one call.
    pub(crate) fn tab(&self) -> Tab {
        Tab::new(Arc::clone(&self.reporter), self.options.usage_timeout)
    }

    /// Whether `url` is the platform's own, so that its tokens may be sent there.
    pub(crate) fn owns(&self, url: &str) -> bool {
        otari_platform::is_of_platform(url, &self.options.base_url)
    }
}

fn spool(options: SpoolOptions) -> Result<Arc<Spool>, PlatformError> {
    let directory = options.directory.clone();
    let spool =
        Spool::open(options).map_err(|problem| PlatformError::Spool { directory, problem })?;
    Ok(Arc::new(spool))
}

impl ControlPlane {
    pub(crate) fn platform(&self) -> Option<&Arc<Platform>> {
        match self {
            Self::Own => None,
            Self::Platform(platform) => Some(platform),
        }
    }
}
