//! Usage reports on their way to the platform. One is sent until it is taken or refused for good; what can be neither,
//! because there is no more room or the process ends, is written to the log in full. None is lost without a word; with
//! a spool it stays there, and none is lost at all.

mod letter;

use std::sync::Arc;
use std::time::Duration;

use otari_platform::UsageReport;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::{Delivery, PlatformClient};
use super::spool::Spool;
use super::{InlineCost, PlatformOptions};
use crate::metrics::{InlineCostOutcome, Metrics, ReportOutcome};

use letter::Letter;

/// Reports that wait in memory at most, each a few hundred bytes.
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
    /// Of one report.
    patience: Duration,
    spool: Option<Arc<Spool>>,
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
        spool: Option<Arc<Spool>>,
    ) -> Self {
        Self {
            spool,
            patience: options.usage_timeout,
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
        self.tasks.len() + self.spool.as_ref().map_or(0, |spool| spool.waiting())
    }

    /// Whether the report of one more call is safe.
    pub(super) fn accepts_calls(&self) -> bool {
        self.spool
            .as_ref()
            .is_none_or(|spool| spool.accepts_calls())
    }

    /// Takes a report; it is sent whatever becomes of the call. With a spool it outlives the process from here on.
    pub(super) fn submit(self: &Arc<Self>, report: UsageReport) -> Receipt {
        let (tell, receipt) = self.receipt();
        let mut letter = Letter::new(report, Arc::clone(&self.metrics));
        if let Some(spool) = &self.spool {
            letter.file_in(spool);
        }
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => self.send_off(letter, room, tell),
            Err(_) => letter.no_room(),
        }
        receipt
    }

    /// Sends what the spool has and memory has not: what an earlier process left, and what found no room. In order: one
    /// after the other, unless a report takes long.
    pub(super) async fn send_spooled(self: Arc<Self>) {
        let Some(spool) = &self.spool else { return };
        let next = async || {
            let room = Arc::clone(&self.room).acquire_owned().await.ok()?;
            loop {
                let deferred = spool.deferred.notified();
                if let Some((ticket, report)) = spool.next() {
                    let letter = Letter::new(report, Arc::clone(&self.metrics));
                    return Some((letter.filed_as(Arc::clone(spool), ticket), room));
                }
                deferred.await;
            }
        };
        loop {
            let found = tokio::select! {
                found = next() => found,
                // The rest is sent at the next start.
                () = self.hurry.cancelled() => return,
            };
            let Some((letter, room)) = found else { return };
            let (tell, receipt) = self.receipt();
            self.send_off(letter, room, tell);
            let _ = timeout(self.patience, receipt.taken()).await;
        }
    }

    fn receipt(&self) -> (oneshot::Sender<Option<InlineCost>>, Receipt) {
        let (tell, told) = oneshot::channel();
        let receipt = Receipt {
            told,
            metrics: Arc::clone(&self.metrics),
            until: Instant::now() + self.inline,
        };
        (tell, receipt)
    }

    fn send_off(
        self: &Arc<Self>,
        mut letter: Letter,
        room: OwnedSemaphorePermit,
        tell: oneshot::Sender<Option<InlineCost>>,
    ) {
        let reporter = Arc::clone(self);
        self.tasks.spawn(async move {
            // The caller may be gone.
            let _ = tell.send(reporter.deliver(&mut letter).await);
            drop(room);
        });
    }

    /// The last report was taken in: sends what waits, for at most `limit`.
    pub(super) async fn close(&self, limit: Duration) {
        self.hurry.cancel();
        self.tasks.close();
        let is_done = timeout(limit, self.tasks.wait()).await.is_ok();
        if let Some(spool) = &self.spool {
            let (reports, directory) = (spool.kept(), spool.directory().display());
            if reports > 0 {
                tracing::warn!(reports, %directory, "usage reports stay in the spool and are sent at the next start");
            }
        } else if !is_done {
            // Letters that are dropped with their tasks say so.
            let reports = self.tasks.len();
            tracing::error!(reports, "usage reports are left at the end of the process");
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
                    let (cost, source) = receipt?.cost_of(&letter.report().correlation_id)?;
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
                let correlation_id = &letter.report().correlation_id;
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
        self.client.report(letter.body()).await
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
