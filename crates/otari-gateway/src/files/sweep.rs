//! Files whose time is over go, bytes first; one node at a time does it.

use std::time::Duration;

use otari_store::{files as rows, task_leases};
use otari_types::NodeId;

use crate::error::GatewayError;

use super::Files;
use super::storage::Place;

const TASK: &str = "files";
const EVERY: Duration = Duration::from_mins(5);
/// Longer than the pause between two sweeps, so that the work stays with one node while that one runs.
const LEASE_SECS: i64 = 15 * 60;
/// An upload that takes longer is given up.
const UPLOAD_SECS_MAX: i64 = 24 * 60 * 60;
/// Files looked up together.
const TOGETHER: i64 = 100;

impl Files {
    /// Sweeps now and again, for ever.
    pub(crate) async fn keep_swept(&self, node: &NodeId) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match self.sweep(node).await {
                Ok(0) => {}
                Ok(files) => tracing::info!(files, "expired and deleted files removed"),
                Err(error) => tracing::warn!(%error, "expired files could not be removed"),
            }
        }
    }

    /// Removes what has expired or was left over, unless another node is at it. Returns how many files went.
    pub async fn sweep(&self, node: &NodeId) -> Result<usize, GatewayError> {
        let mut removed = 0;
        loop {
            let now = self.clock.now();
            if !task_leases::take(&self.store, TASK, node, now.plus_secs(LEASE_SECS)).await? {
                return Ok(removed);
            }
            let stale = now.plus_secs(-UPLOAD_SECS_MAX);
            let condemned = rows::condemn(&self.store, stale, TOGETHER).await?;
            let mut went = 0;
            for (id, storage) in &condemned {
                went += usize::from(self.remove(id, storage).await?);
            }
            removed += went;
            // What cannot go now would only come again.
            if went == 0 || condemned.len() < usize::try_from(TOGETHER).unwrap_or(usize::MAX) {
                return Ok(removed);
            }
        }
    }

    async fn remove(&self, id: &str, storage: &str) -> Result<bool, GatewayError> {
        let Some(place) = Place::parse(storage) else {
            return Ok(false);
        };
        if let Err(error) = self.storage.sweep(place, id).await {
            tracing::warn!(%error, id, "the bytes of a file cannot be removed");
            return Ok(false);
        }
        rows::forget(&self.store, id).await?;
        Ok(true)
    }
}
