//! Usage reports on their way to the platform. One is sent until it is taken or refused for good; what can be neither,
//! because there is no more room or the process ends, is written to the log in full. None is lost without a word.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use otari_platform::UsageReport;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::{Delivery, PlatformClient};
use super::{InlineCost, PlatformOptions};
use crate::metrics::{InlineCostOutcome, Metrics, ReportOutcome};

/// Reports that wait at most, each a few hundred bytes.
const WAITING_MAX: usize = 10_000;
/// Sent at the same time.
const TOGETHER: usize = 32;
/// Before a report is sent a second time; doubled each time.
const BACKOFF: Duration = Duration::from_millis(250);
/// Between two times of a report that is late already.
const BACKOFF_MAX: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Reporter {
    client: Arc<PlatformClient>,
    metrics: Arc<Metrics>,
    room: Arc<Semaphore>,
    together: Semaphore,
    tasks: TaskTracker,
    /// The process ends: what waits is sent once more, now.
    hurry: CancellationToken,
    quick_tries: u32,
    inline: Duration,
}

/// What comes of a report.
#[derive(Debug)]
pub(crate) struct Receipt {
    told: oneshot::Receiver<Option<InlineCost>>,
    metrics: Arc<Metrics>,
    until: Instant,
}

impl Receipt {
    /// What the call cost, where the platform says it soon enough; the report goes on either way. Safe to cancel.
    pub(crate) async fn cost(&mut self) -> Option<InlineCost> {
        let (cost, outcome) = match timeout_at(self.until, &mut self.told).await {
            Ok(Ok(Some(cost))) => (Some(cost), InlineCostOutcome::Attached),
            Ok(_) => (None, InlineCostOutcome::Unattached),
            Err(_) => (None, InlineCostOutcome::Timeout),
        };
        self.metrics.hybrid.count_inline_cost(outcome);
        cost
    }

    /// Waits until the report was taken or given up.
    pub(super) async fn taken(self) {
        let _ = self.told.await;
    }
}

impl Reporter {
    pub(super) fn new(
        client: Arc<PlatformClient>,
        options: &PlatformOptions,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            client,
            metrics,
            room: Arc::new(Semaphore::new(WAITING_MAX)),
            together: Semaphore::new(TOGETHER),
            tasks: TaskTracker::new(),
            hurry: CancellationToken::new(),
            quick_tries: options.quick_tries,
            inline: options.inline_timeout,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.tasks.len()
    }

    /// Takes a report; it is sent whatever becomes of the call.
    pub(super) fn submit(self: &Arc<Self>, report: UsageReport) -> Receipt {
        let (tell, told) = oneshot::channel();
        let receipt = Receipt {
            told,
            metrics: Arc::clone(&self.metrics),
            until: Instant::now() + self.inline,
        };
        let mut letter = Letter::new(report, Arc::clone(&self.metrics));
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => {
                let reporter = Arc::clone(self);
                self.tasks.spawn(async move {
                    // The caller may be gone.
                    let _ = tell.send(reporter.deliver(&mut letter).await);
                    drop(room);
                });
            }
            Err(_) => letter.lost("too many reports wait"),
        }
        receipt
    }

    /// The last report was taken in: sends what waits, for at most `limit`.
    pub(super) async fn close(&self, limit: Duration) {
        self.hurry.cancel();
        self.tasks.close();
        // Letters that are dropped with their tasks say so.
        if timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::error!(
                reports = self.tasks.len(),
                "usage reports are left at the end of the process"
            );
        }
    }

    async fn deliver(&self, letter: &mut Letter) -> Option<InlineCost> {
        let mut tries = 0_u32;
        loop {
            // Seen before the try, so that a process that ends still sees one that was made after it was told to.
            let last = self.hurry.is_cancelled();
            let failure = match self.send(letter).await {
                Delivery::Taken(receipt) => {
                    letter.done(ReportOutcome::Delivered);
                    let (cost, source) = receipt?.cost_of(&letter.report.correlation_id)?;
                    return Some(InlineCost { cost, source });
                }
                Delivery::Refused(status) => {
                    letter.done(ReportOutcome::Refused);
                    tracing::error!(
                        status,
                        report = %letter.text(),
                        "the platform refused a usage report"
                    );
                    return None;
                }
                Delivery::Failed(failure) => failure,
            };
            if last {
                letter.lost(&failure);
                return None;
            }
            tries = tries.saturating_add(1);
            if tries == self.quick_tries {
                let correlation_id = &letter.report.correlation_id;
                tracing::warn!(correlation_id, failure, "a usage report is late");
            }
            tokio::select! {
                () = sleep(self.wait(tries)) => {}
                () = self.hurry.cancelled() => {}
            }
        }
    }

    async fn send(&self, letter: &Letter) -> Delivery {
        // Never closed.
        let _turn = self.together.acquire().await;
        self.client.report(letter.body.clone()).await
    }

    fn wait(&self, tries: u32) -> Duration {
        let doubled = 1_u32.checked_shl(tries - 1).unwrap_or(u32::MAX);
        let wait = BACKOFF.saturating_mul(doubled).min(BACKOFF_MAX);
        // A platform that was away is not met by everything at once.
        if tries < self.quick_tries {
            wait
        } else {
            wait.max(Duration::from_secs(1))
        }
    }
}

/// A report, until something came of it. Dropped before that, it is written to the log.
#[derive(Debug)]
struct Letter {
    report: UsageReport,
    body: Bytes,
    metrics: Arc<Metrics>,
    open: bool,
}

impl Letter {
    fn new(report: UsageReport, metrics: Arc<Metrics>) -> Self {
        let body = serde_json::to_vec(&report).unwrap_or_default();
        Self {
            body: body.into(),
            report,
            metrics,
            open: true,
        }
    }

    fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    fn done(&mut self, outcome: ReportOutcome) {
        self.open = false;
        self.metrics.hybrid.count_report(outcome);
    }

    fn lost(&mut self, reason: &str) {
        self.done(ReportOutcome::Lost);
        // All of it: whoever reads the log can report it by hand. There is nothing secret in it.
        tracing::error!(reason, report = %self.text(), "a usage report was not delivered");
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        if self.open {
            self.lost("the process ended");
        }
    }
}
