//! How models and their providers have lately been. Routers order by it, and a provider that keeps failing stands
//! back until it has had time to recover. All of it is this node's own experience.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use otari_providers::{UpstreamError, UpstreamErrorKind};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Models remembered; a caller that invents names cannot grow the memory.
const MODELS_MAX: u64 = 10_000;
/// A model's latency is asked of it again when nobody did for so long.
const FIGURE_HOLDS: Duration = Duration::from_mins(1);
/// The longest a provider's `Retry-After` is believed.
const REST_MAX: Duration = Duration::from_mins(5);

/// When a provider is taken to be down.
#[derive(Clone, Copy, Debug)]
pub struct BreakerSettings {
    /// Failures in a row; 0 for never.
    pub failures: u32,
    pub cooldown: Duration,
}

/// What is known of every model and provider.
#[derive(Debug)]
pub(crate) struct Health {
    breaker: BreakerSettings,
    since: Instant,
    providers: Mutex<HashMap<String, Arc<Breaker>>>,
    models: Cache<String, Arc<Vitals>>,
}

/// A provider instance: closed while it answers, open after failures in a row, and then tried by one call at a time.
#[derive(Debug)]
struct Breaker {
    settings: BreakerSettings,
    failures: AtomicU32,
    /// Milliseconds after `since`; zero while closed.
    open_until: AtomicU64,
}

/// One model at one instance.
#[derive(Debug)]
pub(crate) struct Vitals {
    since: Instant,
    provider: Arc<Breaker>,
    busy: AtomicU32,
    /// Milliseconds after `since`: it asked to be left alone until then.
    rests_until: AtomicU64,
    /// Until the first event of streams, and until the end of whole answers.
    streams: Latency,
    wholes: Latency,
}

/// A moving mean, in microseconds; zero while unknown.
#[derive(Debug, Default)]
struct Latency {
    mean: AtomicU64,
    /// Milliseconds after `since`.
    told_at: AtomicU64,
}

/// An attempt under way at a model, which hears what becomes of it. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Busy {
    model: Arc<Vitals>,
    began: Instant,
}

/// What an attempt did to its provider's circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Circuit {
    AsItWas,
    Opened,
    Closed,
}

/// How a model stands, as its place in a plan depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Fit,
    /// Its provider asked to be left alone for a while.
    Resting,
    /// Its provider failed too often in a row.
    Broken,
}

impl Health {
    pub(crate) fn new(breaker: BreakerSettings) -> Self {
        Self {
            breaker,
            since: Instant::now(),
            providers: Mutex::default(),
            models: Cache::new(MODELS_MAX),
        }
    }

    /// `key` is the canonical `instance:model`.
    pub(crate) fn of(&self, key: &str, instance: &str) -> Arc<Vitals> {
        self.models.get_with_by_ref(key, || {
            let mut providers = self.providers.lock();
            let provider = providers.entry(instance.to_owned()).or_insert_with(|| {
                Arc::new(Breaker {
                    settings: self.breaker,
                    failures: AtomicU32::new(0),
                    open_until: AtomicU64::new(0),
                })
            });
            Arc::new(Vitals {
                since: self.since,
                provider: Arc::clone(provider),
                busy: AtomicU32::new(0),
                rests_until: AtomicU64::new(0),
                streams: Latency::default(),
                wholes: Latency::default(),
            })
        })
    }
}

impl Vitals {
    /// A call goes to the model.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy {
            model: Arc::clone(self),
            began: Instant::now(),
        }
    }

    pub(crate) fn busy(&self) -> u32 {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether it may have its place in a plan. Where its provider had time to recover, the caller that is told so is
    /// the one that finds out; everybody else is told `Broken` meanwhile.
    pub(crate) fn take_standing(&self) -> Standing {
        let now = self.now();
        if self.rests_until.load(Ordering::Relaxed) > now {
            Standing::Resting
        } else if self.provider.lets_pass(now) {
            Standing::Fit
        } else {
            Standing::Broken
        }
    }

    /// The same for who only looks.
    pub(crate) fn standing(&self) -> Standing {
        let now = self.now();
        if self.rests_until.load(Ordering::Relaxed) > now {
            Standing::Resting
        } else if self.provider.open_until.load(Ordering::Relaxed) > now {
            Standing::Broken
        } else {
            Standing::Fit
        }
    }

    /// Mean time to answer, in microseconds; `None` where nobody knows, or not any more. Who is told `None` for a
    /// figure that is out of date finds out; others are told the old one meanwhile.
    pub(crate) fn take_latency(&self) -> Option<u64> {
        let now = self.now();
        self.streams.take(now).or_else(|| self.wholes.take(now))
    }

    fn now(&self) -> u64 {
        millis(self.since.elapsed())
    }
}

impl Busy {
    /// The same model is tried once more.
    pub(crate) fn again(&self) -> Self {
        self.model.begin()
    }

    /// The first of a stream is there.
    pub(crate) fn first_chunk(&self) {
        let model = &self.model;
        model.streams.tell(self.began.elapsed(), model.now());
    }

    /// The answer is whole. `untimed`: how long it took says nothing, as of a stream, whose time was heard when it began.
    pub(crate) fn answered(&self, untimed: bool) -> Circuit {
        let model = &self.model;
        if !untimed {
            model.wholes.tell(self.began.elapsed(), model.now());
        }
        model.provider.succeed()
    }

    /// The attempt failed, before or after its first byte.
    pub(crate) fn failed(&self, error: &UpstreamError) -> Circuit {
        let model = &self.model;
        match (error.kind, error.retry_after) {
            (UpstreamErrorKind::RateLimited, Some(rest)) => {
                let until = model.now() + millis(rest.min(REST_MAX));
                model.rests_until.store(until, Ordering::Relaxed);
                Circuit::AsItWas
            }
            (
                UpstreamErrorKind::Timeout
                | UpstreamErrorKind::Unreachable
                | UpstreamErrorKind::Provider
                | UpstreamErrorKind::Overloaded
                | UpstreamErrorKind::Malformed
                | UpstreamErrorKind::Credentials
                | UpstreamErrorKind::BillingExhausted
                | UpstreamErrorKind::RateLimited,
                rest,
            ) => model.provider.fail(model.now(), rest),
            // The provider is well; it did not like the request.
            (
                UpstreamErrorKind::InvalidRequest
                | UpstreamErrorKind::ContextTooLong
                | UpstreamErrorKind::ContentFiltered
                | UpstreamErrorKind::NotFound,
                _,
            ) => model.provider.succeed(),
        }
    }
}

impl Breaker {
    fn succeed(&self) -> Circuit {
        // Read first: the usual case writes nothing that other processors have to hear of.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        let was_open = self.open_until.load(Ordering::Relaxed) != 0
            && self.open_until.swap(0, Ordering::Relaxed) != 0;
        if was_open {
            Circuit::Closed
        } else {
            Circuit::AsItWas
        }
    }

    fn lets_pass(&self, now: u64) -> bool {
        let open_until = self.open_until.load(Ordering::Relaxed);
        if open_until == 0 {
            return true;
        }
        let next = now + millis(self.settings.cooldown);
        open_until <= now
            && self
                .open_until
                .compare_exchange(open_until, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn fail(&self, now: u64, retry_after: Option<Duration>) -> Circuit {
        let failures = self
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if self.settings.failures == 0 || failures < self.settings.failures {
            return Circuit::AsItWas;
        }
        let rest = retry_after.map_or(self.settings.cooldown, |rest| rest.min(REST_MAX));
        self.open_until.store(now + millis(rest), Ordering::Relaxed);
        Circuit::Opened
    }
}

impl Latency {
    fn tell(&self, after: Duration, now: u64) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX).max(1);
        let mean = self.mean.load(Ordering::Relaxed);
        // A fifth of each new figure: a few calls decide, one does not. Two at a time may lose one: it is a mean.
        let next = if mean == 0 {
            micros
        } else {
            mean - mean / 5 + micros / 5
        };
        self.mean.store(next.max(1), Ordering::Relaxed);
        self.told_at.store(now, Ordering::Relaxed);
    }

    fn take(&self, now: u64) -> Option<u64> {
        let mean = self.mean.load(Ordering::Relaxed);
        let told_at = self.told_at.load(Ordering::Relaxed);
        let is_old = told_at + millis(FIGURE_HOLDS) < now;
        let finds_out = is_old
            && self
                .told_at
                .compare_exchange(told_at, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        (mean != 0 && !finds_out).then_some(mean)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.model.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: UpstreamErrorKind) -> UpstreamError {
        UpstreamError::new(kind, "no")
    }

    fn health() -> Health {
        Health::new(BreakerSettings {
            failures: 2,
            cooldown: Duration::from_secs(30),
        })
    }

    fn fail(model: &Arc<Vitals>, kind: UpstreamErrorKind) -> Circuit {
        model.begin().failed(&error(kind))
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_keeps_failing_stands_back_and_one_call_finds_out_whether_it_is_back() {
        let health = health();
        let one = health.of("p:one", "p");
        let other = health.of("p:other", "p");
        assert_eq!(fail(&one, UpstreamErrorKind::Provider), Circuit::AsItWas);
        assert_eq!(one.take_standing(), Standing::Fit);
        assert_eq!(fail(&one, UpstreamErrorKind::Unreachable), Circuit::Opened);
        // The provider, not the model, is what is down.
        assert_eq!(other.take_standing(), Standing::Broken);
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(other.take_standing(), Standing::Fit);
        assert_eq!(other.take_standing(), Standing::Broken);
        assert_eq!(other.begin().answered(true), Circuit::Closed);
        assert_eq!(one.take_standing(), Standing::Fit);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_begins_is_no_success_yet() {
        let health = health();
        let model = health.of("p:m", "p");
        for expected in [Circuit::AsItWas, Circuit::Opened] {
            let call = model.begin();
            call.first_chunk();
            assert_eq!(call.failed(&error(UpstreamErrorKind::Malformed)), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_are_refused_for_what_they_are_say_nothing_against_the_provider() {
        let health = health();
        let model = health.of("p:m", "p");
        for _ in 0..9 {
            assert_eq!(fail(&model, UpstreamErrorKind::Provider), Circuit::AsItWas);
            fail(&model, UpstreamErrorKind::InvalidRequest);
        }
        assert_eq!(model.take_standing(), Standing::Fit);
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_names_a_time_rests_alone_and_until_then() {
        let health = health();
        let (one, other) = (health.of("p:one", "p"), health.of("p:other", "p"));
        one.begin().failed(&UpstreamError {
            retry_after: Some(Duration::from_secs(7)),
            ..error(UpstreamErrorKind::RateLimited)
        });
        assert_eq!(one.take_standing(), Standing::Resting);
        assert_eq!(other.take_standing(), Standing::Fit);
        tokio::time::advance(Duration::from_secs(8)).await;
        assert_eq!(one.take_standing(), Standing::Fit);
    }

    #[tokio::test(start_paused = true)]
    async fn a_figure_that_is_out_of_date_is_asked_for_by_one_call() {
        let health = health();
        let model = health.of("p:m", "p");
        assert_eq!(model.take_latency(), None);
        let call = model.begin();
        tokio::time::advance(Duration::from_millis(10)).await;
        call.first_chunk();
        assert_eq!(model.take_latency(), Some(10_000));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(model.take_latency(), None);
        assert_eq!(model.take_latency(), Some(10_000));
    }
}
