//! The engine of one node: takes open batches that nobody is at, runs them side by side, forgets old ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use otari_store::{batches as rows, task_leases};
use otari_types::{NodeId, Timestamp};
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::Gateway;
use crate::error::GatewayError;

use super::{BatchOptions, Batches, RenderError};

/// Batches that a node has at a time; each has lines under way, so that a small one does not wait for a large one.
const AT_ONCE: usize = 8;
/// A batch is its node's for so long after the last sign of life.
const LEASE_SECS: i64 = 30;
/// Looks for batches that other nodes took in, or left.
const EVERY: Duration = Duration::from_secs(2);
/// After a failure of the gateway's own: the store or the files are away.
const PAUSE: Duration = Duration::from_secs(10);
const TASK: &str = "batches";
const CLEAN_SECS: i64 = 600;

pub(super) struct Engine {
    pub(super) gateway: Arc<Gateway>,
    pub(super) batches: Arc<Batches>,
    pub(super) node: NodeId,
    pub(super) options: BatchOptions,
    pub(super) render: RenderError,
    /// One for each line that may run.
    pub(super) permits: Semaphore,
    pub(super) stop: CancellationToken,
}

impl Gateway {
    /// Runs batches until `stop`; calls that are under way then are finished first.
    pub async fn run_batches(self: Arc<Self>, render: RenderError, stop: CancellationToken) {
        let Some(batches) = self.batches.clone() else {
            return;
        };
        let engine = Arc::new(Engine {
            node: self.ledger.node().clone(),
            render,
            permits: Semaphore::new(batches.options.concurrency),
            options: batches.options.clone(),
            batches,
            stop,
            gateway: Arc::clone(&self),
        });
        engine.run().await;
    }
}

impl Engine {
    async fn run(self: Arc<Self>) {
        let mut tasks = JoinSet::new();
        let mut running: HashMap<Id, String> = HashMap::new();
        let mut cleaned = Timestamp(0);
        while !self.stop.is_cancelled() {
            if let Err(error) = self.claim(&mut tasks, &mut running).await {
                tracing::warn!(%error, "batches cannot be looked up");
            }
            self.clean(&mut cleaned).await;
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
                () = self.batches.wake.notified() => {}
                Some(ended) = tasks.join_next_with_id() => {
                    running.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
            }
        }
        tasks.join_all().await;
    }

    async fn claim(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        running: &mut HashMap<Id, String>,
    ) -> Result<(), GatewayError> {
        let free = AT_ONCE.saturating_sub(running.len());
        let Some(free) = i64::try_from(free).ok().filter(|free| *free > 0) else {
            return Ok(());
        };
        let names: Vec<String> = running.values().cloned().collect();
        let store = &self.gateway.store;
        let taken = rows::claim(store, &self.node, self.lease_end(), &names, free).await?;
        for batch in taken {
            let (engine, id) = (Arc::clone(self), batch.id.clone());
            let task = tasks.spawn(async move {
                let id = batch.id.clone();
                if let Err(error) = Arc::clone(&engine).run_batch(batch).await {
                    tracing::warn!(%error, batch = id, "a batch stands still; it is gone on with soon");
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = engine.stop.cancelled() => {}
                    }
                }
            });
            running.insert(task.id(), id);
        }
        Ok(())
    }

    pub(super) fn lease_end(&self) -> Timestamp {
        self.gateway.clock.now().plus_secs(LEASE_SECS)
    }

    /// Deletes batches whose time is over; one node at a time does it.
    async fn clean(&self, cleaned: &mut Timestamp) {
        let now = self.gateway.clock.now();
        if now < cleaned.plus_secs(CLEAN_SECS) {
            return;
        }
        *cleaned = now;
        let days = i64::from(self.options.retention_days);
        let clean = async {
            let store = &self.gateway.store;
            if task_leases::take(store, TASK, &self.node, now.plus_secs(2 * CLEAN_SECS)).await? {
                rows::delete_ended(store, now.plus_secs(-days * 86_400)).await?;
            }
            Ok::<_, GatewayError>(())
        };
        if let Err(error) = clean.await {
            tracing::warn!(%error, "old batches could not be deleted");
        }
    }
}
