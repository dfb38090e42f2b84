//! One batch from where it stands to its end, as far as this node gets.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use otari_store::batch_lines::{self, BatchLine, LineResult};
use otari_store::batches::{self as rows, BatchRow};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::GatewayError;

use super::engine::Engine;
use super::error_json;

/// Lines looked up together.
const TOGETHER: i64 = 256;
/// Signs of life, and looks at what became of the batch meanwhile.
const BEAT: Duration = Duration::from_secs(5);

/// Why a node is done with the lines of a batch.
enum Done {
    /// All have an answer.
    Answered,
    /// No more are to be run: this is what the others are told.
    GivenUp(&'static str, &'static str),
    /// Another process goes on.
    Left,
}

/// A batch in work.
struct Work {
    engine: Arc<Engine>,
    batch: Arc<BatchRow>,
    queue: VecDeque<BatchLine>,
    /// Up to here lines were looked up.
    seen: i64,
    exhausted: bool,
    calls: JoinSet<Option<LineResult>>,
    /// Ends waits for a better moment; calls that are under way are finished.
    halt: CancellationToken,
}

impl Engine {
    pub(super) async fn run_batch(self: Arc<Self>, batch: BatchRow) -> Result<(), GatewayError> {
        let store = &self.gateway.store;
        let batch = if batch.in_progress_at.is_none() {
            match self.validate(&batch).await? {
                Some(batch) => batch,
                None => return Ok(()),
            }
        } else {
            batch
        };
        let id = batch.id.clone();
        if batch.native.is_some() {
            if Arc::clone(&self).run_native(batch).await? {
                self.finish(&id).await?;
            }
            return Ok(());
        }
        let work = Work {
            halt: self.stop.child_token(),
            engine: Arc::clone(&self),
            batch: Arc::new(batch),
            queue: VecDeque::new(),
            seen: -1,
            exhausted: false,
            calls: JoinSet::new(),
        };
        match work.run().await? {
            Done::Left => return Ok(rows::release(store, &id, &self.node).await?),
            Done::Answered => {}
            Done::GivenUp(code, message) => {
                let answer = error_json(code, message);
                if !batch_lines::give_up(store, &id, &self.node, &answer).await? {
                    return Ok(());
                }
            }
        }
        self.finish(&id).await
    }
}

impl Work {
    async fn run(mut self) -> Result<Done, GatewayError> {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ending = None;
        loop {
            if ending.is_none() {
                ending = self.ending();
            }
            if ending.is_some() {
                self.halt.cancel();
            } else {
                self.begin_calls().await?;
            }
            if self.calls.is_empty() {
                match ending {
                    Some(done) => return Ok(done),
                    None if self.exhausted && self.queue.is_empty() => return Ok(Done::Answered),
                    None => {}
                }
            }
            tokio::select! {
                Some(ended) = self.calls.join_next() => {
                    if !self.record(ended.ok().flatten()).await? {
                        ending = Some(Done::Left);
                    }
                }
                _ = beat.tick() => match self.look().await? {
                    Some(batch) => self.batch = Arc::new(batch),
                    None => ending = Some(Done::Left),
                },
                () = self.engine.stop.cancelled(), if ending.is_none() => {}
            }
        }
    }

    /// Whether no more lines are to be begun.
    fn ending(&self) -> Option<Done> {
        if self.engine.stop.is_cancelled() {
            return Some(Done::Left);
        }
        if self.batch.cancelling_at.is_some() {
            let message = "The batch was cancelled before this request was made";
            return Some(Done::GivenUp("batch_cancelled", message));
        }
        if self.batch.expires_at <= self.engine.gateway.clock.now() {
            let message =
                "This request could not be executed before the completion window expired.";
            return Some(Done::GivenUp("batch_expired", message));
        }
        None
    }

    async fn begin_calls(&mut self) -> Result<(), GatewayError> {
        let options = &self.engine.options;
        let (hours, concurrency) = (options.hours, options.concurrency);
        let now = self.engine.gateway.clock.now().as_secs();
        if hours.is_some_and(|hours| !hours.contains(now)) {
            return Ok(());
        }
        while self.calls.len() < concurrency {
            let Some(line) = self.next_line().await? else {
                return Ok(());
            };
            let (engine, batch) = (Arc::clone(&self.engine), Arc::clone(&self.batch));
            let halt = self.halt.clone();
            self.calls
                .spawn(async move { engine.run_line(&batch, line, &halt).await });
        }
        Ok(())
    }

    async fn next_line(&mut self) -> Result<Option<BatchLine>, GatewayError> {
        if self.queue.is_empty() && !self.exhausted {
            let store = &self.engine.gateway.store;
            let lines = batch_lines::pending(store, &self.batch.id, self.seen, TOGETHER).await?;
            self.exhausted = lines.is_empty();
            self.seen = lines.last().map_or(self.seen, |line| line.line);
            self.queue = lines.into();
        }
        Ok(self.queue.pop_front())
    }

    /// Notes an answer, and all others that are there. `false`: the batch is another node's.
    async fn record(&mut self, first: Option<LineResult>) -> Result<bool, GatewayError> {
        let mut results: Vec<LineResult> = first.into_iter().collect();
        while let Some(ended) = self.calls.try_join_next() {
            results.extend(ended.ok().flatten());
        }
        if results.is_empty() {
            return Ok(true);
        }
        let Engine { gateway, node, .. } = &*self.engine;
        let until = self.engine.lease_end();
        Ok(batch_lines::record(&gateway.store, &self.batch.id, node, &results, until).await?)
    }

    /// The batch as it is by now; `None` when it is another node's.
    async fn look(&self) -> Result<Option<BatchRow>, GatewayError> {
        let Engine { gateway, node, .. } = &*self.engine;
        let until = self.engine.lease_end();
        Ok(rows::renew(&gateway.store, &self.batch.id, node, until).await?)
    }
}
