//! A batch at its provider, from being handed over to its answers: looked at now and again until it has ended there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use otari_providers::{UpstreamError, UpstreamErrorKind};
use otari_store::batches as rows;
use otari_types::Timestamp;

use crate::error::GatewayError;

use super::Native;
use super::answer::Answer;
use super::service::State;
use crate::batches::engine::Engine;

/// A batch is gone when the provider said so as often as this, and for so long. What was just made is not known
/// everywhere at once, and a single answer may come from a place that does not know it.
const MISSES: u32 = 3;
const MISSED_SECS: i64 = 60;

/// What one look showed.
enum Sight {
    Running,
    Answers(HashMap<String, Answer>),
    /// The code and the message for every line that is open.
    Over(&'static str, String),
}

const GONE: &str = "The provider does not know this batch, or its answers, any more: it was deleted there, or its time \
                    is over. Ask again in a new batch";

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
        self.watch(&id).await
    }

    async fn watch(mut self, id: &str) -> Result<bool, GatewayError> {
        let mut cancelled = false;
        let mut misses = Misses::default();
        loop {
            if self.batch.cancelling_at.is_some() && !cancelled {
                let cancel = self.service.cancel(self.gateway(), &self.instance, id);
                cancelled = cancel.await.is_ok();
            }
            let sight = match self.look(id).await {
                Ok(sight) => {
                    misses = Misses::default();
                    sight
                }
                Err(error) => self.without_answer(&error, &mut misses),
            };
            match sight {
                Sight::Running => {}
                Sight::Answers(answers) => return self.collect(answers).await,
                Sight::Over(code, told) => return self.give_up(code, &told).await,
            }
            if !self.wait_for_news().await? {
                return Ok(false);
            }
        }
    }

    /// What a look that failed is taken for.
    fn without_answer(&self, error: &GatewayError, misses: &mut Misses) -> Sight {
        let told = told(error);
        let batch = &self.batch.id;
        tracing::warn!(batch, told, "the provider cannot be asked about a batch");
        let GatewayError::Upstream(failure) = error else {
            return Sight::Running;
        };
        let now = self.gateway().clock.now();
        if is_gone(&failure.error) {
            misses.add(now);
            return match misses.are_final(now) {
                false => Sight::Running,
                true if self.batch.cancelling_at.is_some() => Sight::Answers(HashMap::new()),
                true => Sight::Over("provider_batch_gone", GONE.to_owned()),
            };
        }
        // Whoever runs the gateway has had that long to mend what is refused.
        if !passes(failure.error.kind) && now >= self.batch.expires_at {
            return Sight::Over("provider_refused", told);
        }
        Sight::Running
    }

    async fn look(&self, id: &str) -> Result<Sight, GatewayError> {
        let (gateway, instance) = (self.gateway(), &*self.instance);
        let state = self.service.look(gateway, instance, id).await;
        match state.map_err(|error| GatewayError::upstream(&instance.name, error))? {
            State::Running => Ok(Sight::Running),
            State::Failed(told) => Ok(Sight::Over("provider_failed", told)),
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
            waited = self.wait(engine.options.poll) => return waited,
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

fn is_gone(error: &UpstreamError) -> bool {
    error.kind == UpstreamErrorKind::NotFound || error.status == Some(410)
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
