//! Moves journal records to the database: rows and counters in one transaction, in order, each once.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use otari_store::{Store, StoreError};
use otari_types::{NodeId, UsageRecord};

use crate::journal::{Journal, read_records};
use crate::ledger::LedgerError;

/// Records in one transaction.
const BATCH_MAX: usize = 512;
/// How long a small batch waits to become a fuller one: a row in a batch of 500 costs half of one in a batch of 100.
/// Nobody waits for it, but a large batch keeps a core busy for so long that calls do wait for that.
const LINGER: Duration = Duration::from_millis(20);
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Is told what the drainer does, for metrics.
pub trait DrainObserver: Send + Sync + std::fmt::Debug {
    /// A transaction of `rows` rows took so long, and was committed or has to be tried again.
    fn batch(&self, rows: usize, took: Duration, committed: bool);
    /// The database refuses a row for good; it is kept aside for a person.
    fn row_refused(&self);
}

/// Runs until the process ends. The database may be away: records wait in the journal.
pub(crate) async fn run(
    journal: Arc<Journal>,
    store: Store,
    node: NodeId,
    observer: Arc<dyn DrainObserver>,
) {
    let mut retry = RETRY_FIRST;
    loop {
        let batch = match journal.take(BATCH_MAX) {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, "the usage journal cannot be read back");
                tokio::time::sleep(RETRY_MAX).await;
                continue;
            }
        };
        if batch.is_empty() {
            journal.ready.notified().await;
            tokio::select! {
                () = tokio::time::sleep(LINGER) => {}
                () = journal.hurry.notified() => {}
            }
            continue;
        }
        let started = Instant::now();
        let committed = commit(&journal, &store, &node, &batch, observer.as_ref()).await;
        observer.batch(batch.len(), started.elapsed(), committed.is_ok());
        match committed {
            Ok(()) => {
                journal.drained(batch.len());
                retry = RETRY_FIRST;
            }
            Err(error) => {
                tracing::warn!(%error, waiting = journal.depth(), "usage rows wait for the database");
                journal.put_back(batch);
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
    }
}

async fn commit(
    journal: &Journal,
    store: &Store,
    node: &NodeId,
    records: &[UsageRecord],
    observer: &dyn DrainObserver,
) -> Result<(), StoreError> {
    match otari_store::accounts::settle(store, node, records).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_unavailable() => Err(error),
        // One record poisons the batch: commit the others one by one and set the bad one aside.
        Err(_) => {
            for record in records {
                let settled =
                    otari_store::accounts::settle(store, node, std::slice::from_ref(record)).await;
                match settled {
                    Ok(_) => {}
                    Err(error) if error.is_unavailable() => return Err(error),
                    Err(error) => {
                        observer.row_refused();
                        tracing::error!(%error, id = record.id, "the database refuses a usage row; set aside in rejected.jsonl");
                        if let Err(error) = journal.set_aside(record) {
                            tracing::error!(%error, id = record.id, "and it could not be set aside");
                        }
                    }
                }
            }
            Ok(())
        }
    }
}

/// Commits what an earlier process left in `dir`, then removes it. Safe to repeat: rows are known by their id.
pub(crate) async fn replay(dir: &Path, store: &Store, node: &NodeId) -> Result<usize, LedgerError> {
    let mut replayed = 0;
    for path in crate::journal::list_segments(dir)? {
        let read = read_records(&path)?;
        for batch in read.records.chunks(BATCH_MAX) {
            replayed += otari_store::accounts::settle(store, node, batch)
                .await?
                .inserted;
        }
        if !read.damaged.is_empty() {
            tracing::warn!(file = %path.display(), lines = read.damaged.len(), "damaged journal lines (a write cut short by a crash) kept in rejected.jsonl");
            for line in &read.damaged {
                otari_journal::keep_aside(dir, line)?;
            }
        }
        fs::remove_file(&path)?;
    }
    Ok(replayed)
}
