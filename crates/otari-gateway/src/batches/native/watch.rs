//! A batch at its provider, from being handed over to its answers: looked at now and again until it has ended there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use otari_providers::UpstreamErrorKind;
use otari_store::batches as rows;
use otari_types::Timestamp;

use crate::error::GatewayError;

use super::Native;
use super::answer::Answer;
use super::service::State;
use crate::batches::engine::Engine;

/// Between two looks at the provider.
pub(super) const EVERY: Duration = Duration::from_secs(15);
/// A batch is gone when the provider said so as often as this, and for so long. What was just made is not known
/// everywhere at once, and a single answer may come from a place that does not know it.
const MISSES: u32 = 3;
const MISSED_SECS: i64 = 60;

/// What one look showed.
enum Sight {
    Running,
    Answers(HashMap<String, Answer>),
    Failed(String),
}

/// Looks in a row at which the provider knew nothing of the batch, or of its answers.
#[derive(Default)]
struct Misses {
    times: u32,
    since: Option<Timestamp>,
}

impl Misses {
    fn add(&mut self, now: Timestamp) {
        self.times += 1;
        self.since.get_or_insert(now);
    }

    fn are_final(&self, now: Timestamp) -> bool {
        let long = |since: Timestamp| now >= since.plus_secs(MISSED_SECS);
        self.times >= MISSES && self.since.is_some_and(long)
    }
}

impl Native {
    /// `false`: another process goes on with it.
    pub(super) async fn run(mut self) -> Result<bool, GatewayError> {
        match self.handed_over().await {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(GatewayError::Upstream(failure)) if !passes(failure.error.kind) => {
                let told = failure.error.client_message();
                let told = told.unwrap_or_else(|| "The provider refused the batch".to_owned());
                return self.give_up("provider_refused", &told).await;
            }
            Err(error) => return Err(error),
        }
        let Some(id) = self.batch.native_id.clone() else {
            let told = "The batch was cancelled before it was begun";
            return self.give_up("batch_cancelled", told).await;
        };
        self.hold_again().await?;
        let mut cancelled = false;
        let mut misses = Misses::default();
        loop {
            if self.batch.cancelling_at.is_some() && !cancelled {
                let cancel = self.service.cancel(self.gateway(), &self.instance, &id);
                cancelled = cancel.await.is_ok();
            }
            match self.look(&id).await {
                Ok(Sight::Answers(answers)) => return self.collect(answers).await,
                Ok(Sight::Failed(told)) => return self.give_up("provider_failed", &told).await,
                Ok(Sight::Running) => misses = Misses::default(),
                Err(error) => {
                    let (batch, told) = (&self.batch.id, told(&error));
                    tracing::warn!(batch, told, "the provider cannot be asked about a batch");
                    if is_not_found(&error) {
                        misses.add(self.gateway().clock.now());
                    }
                }
            }
            if misses.are_final(self.gateway().clock.now()) {
                let told = "The provider does not know this batch, or its answers, any more: it was deleted there, or \
                            its time is over. Ask again in a new batch";
                return self.give_up("provider_batch_gone", told).await;
            }
            if !self.wait_for_news().await? {
                return Ok(false);
            }
        }
    }

    async fn look(&self, id: &str) -> Result<Sight, GatewayError> {
        let (gateway, instance) = (self.gateway(), &*self.instance);
        let state = self.service.look(gateway, instance, id).await;
        match state.map_err(|error| GatewayError::upstream(&instance.name, error))? {
            State::Running => Ok(Sight::Running),
            State::Failed(told) => Ok(Sight::Failed(told)),
            State::Ended(sources) => {
                let answers = self.service.answers(gateway, instance, id, &sources);
                Ok(Sight::Answers(answers.await?))
            }
        }
    }

    /// Until it is time to look again, or somebody cancels a batch on this node. `false`: another process goes on with it.
    async fn wait_for_news(&mut self) -> Result<bool, GatewayError> {
        let engine = Arc::clone(&self.engine);
        tokio::select! {
            // Safe to drop: it writes only once its time is over.
            waited = self.wait(EVERY) => return waited,
            () = engine.batches.cancelled.notified() => {}
        }
        self.keep().await
    }

    /// `false`: another process goes on with it.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<bool, GatewayError> {
        tokio::select! {
            () = tokio::time::sleep(time) => self.keep().await,
            () = self.engine.stop.cancelled() => {
                let Engine { node, .. } = &*self.engine;
                rows::release(&self.gateway().store, &self.batch.id, node).await?;
                Ok(false)
            }
        }
    }
}

/// For the log.
fn told(error: &GatewayError) -> String {
    match error {
        GatewayError::Upstream(failure) => failure.error.client_message().unwrap_or_default(),
        error => error.to_string(),
    }
}

fn is_not_found(error: &GatewayError) -> bool {
    match error {
        GatewayError::Upstream(failure) => {
            failure.error.kind == UpstreamErrorKind::NotFound || failure.error.status == Some(410)
        }
        _ => false,
    }
}

/// Whether it may go away by itself.
fn passes(kind: UpstreamErrorKind) -> bool {
    use UpstreamErrorKind as Kind;
    matches!(
        kind,
        Kind::Timeout
            | Kind::Unreachable
            | Kind::RateLimited
            | Kind::Overloaded
            | Kind::Provider
            | Kind::Malformed
    )
}
