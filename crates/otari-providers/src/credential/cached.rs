//! A credential that expires: fetched by one caller for all, renewed behind their backs while the old one still works.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use otari_types::{Clock, Timestamp};
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::exchange::{CredentialError, Http};

/// Before expiry a new one is fetched in the background.
const RENEW_SECS: i64 = 300;
/// Before expiry the old one is no longer used: it must outlive the request's way.
const UNSAFE_SECS: i64 = 30;
/// After a background attempt failed, so that a sick token service is not asked with every request.
const PAUSE_SECS: i64 = 10;
/// A credential younger than this was not refused for its age; asking for another would not help.
const REJECTABLE_SECS: i64 = 60;

/// Gives out a credential.
pub(crate) trait Source: fmt::Debug + Send + Sync + 'static {
    type Value: fmt::Debug + Send + Sync + 'static;

    fn fetch(
        &self,
        http: &Http,
        now: Timestamp,
    ) -> impl Future<Output = Result<Fetched<Self::Value>, CredentialError>> + Send;
}

#[derive(Debug)]
pub(crate) struct Fetched<V> {
    pub(crate) value: V,
    /// `None`: does not expire.
    pub(crate) expires_at: Option<Timestamp>,
}

/// A credential in use.
#[derive(Debug)]
pub(crate) struct Held<V> {
    pub(crate) value: V,
    fetched_at: Timestamp,
    renew_at: Timestamp,
    unsafe_at: Timestamp,
}

impl<V> Held<V> {
    fn new(fetched: Fetched<V>, now: Timestamp) -> Self {
        let never = Timestamp(i64::MAX);
        let (renew_at, unsafe_at) = fetched.expires_at.map_or((never, never), |expires_at| {
            // Short-lived ones keep most of their life.
            let life = expires_at.as_secs().saturating_sub(now.as_secs());
            (
                expires_at.plus_secs(-RENEW_SECS.min(life / 4)),
                expires_at.plus_secs(-UNSAFE_SECS.min(life / 8)),
            )
        });
        Self {
            value: fetched.value,
            fetched_at: now,
            renew_at,
            unsafe_at,
        }
    }
}

/// The cache. Clones share it.
#[derive(Debug)]
pub(crate) struct Cached<S: Source>(Arc<Inner<S>>);

#[derive(Debug)]
struct Inner<S: Source> {
    source: S,
    clock: Arc<dyn Clock>,
    current: ArcSwapOption<Held<S::Value>>,
    attempts: Mutex<Attempts>,
    /// Held by the one who fetches.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Attempts {
    ended: u64,
    /// Of the last attempt.
    failure: Option<CredentialError>,
    /// No background attempt before.
    paused_until: Timestamp,
}

impl<S: Source> Cached<S> {
    pub(crate) fn new(source: S, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            source,
            clock,
            current: ArcSwapOption::empty(),
            attempts: Mutex::default(),
            turn: Arc::default(),
        }))
    }

    pub(crate) async fn get(&self, http: &Http) -> Result<Arc<Held<S::Value>>, CredentialError> {
        let inner = &self.0;
        let now = inner.clock.now();
        if let Some(held) = inner.current.load_full() {
            if now < held.renew_at {
                return Ok(held);
            }
            if now < held.unsafe_at {
                inner.renew_behind(http, now);
                return Ok(held);
            }
        }
        let ended_before = inner.attempts.lock().ended;
        let turn = Arc::clone(&inner.turn).lock_owned().await;
        // Somebody else's attempt, while we waited, counts for us too, its failure included.
        if let Some(held) = inner.current.load_full()
            && now < held.unsafe_at
        {
            return Ok(held);
        }
        {
            let attempts = inner.attempts.lock();
            if attempts.ended != ended_before
                && let Some(failure) = &attempts.failure
            {
                return Err(failure.clone());
            }
        }
        // A task of its own: a caller who hangs up does not throw away what all wait for.
        tokio::spawn(Arc::clone(inner).renew(http.clone(), turn))
            .await
            .unwrap_or_else(|_| Err(CredentialError::new("the attempt to get one was stopped")))
    }

    /// The provider refused it. Whether another one can be had.
    pub(crate) fn reject(&self, refused: &Arc<Held<S::Value>>) -> bool {
        let inner = &self.0;
        let current = inner.current.load_full();
        if current.is_some_and(|current| !Arc::ptr_eq(&current, refused)) {
            return true;
        }
        if inner.clock.now() < refused.fetched_at.plus_secs(REJECTABLE_SECS) {
            return false;
        }
        inner.current.store(None);
        true
    }
}

impl<S: Source> Inner<S> {
    fn renew_behind(self: &Arc<Self>, http: &Http, now: Timestamp) {
        if now < self.attempts.lock().paused_until {
            return;
        }
        if let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() {
            tokio::spawn(Arc::clone(self).renew(http.clone(), turn));
        }
    }

    async fn renew(
        self: Arc<Self>,
        http: Http,
        _turn: OwnedMutexGuard<()>,
    ) -> Result<Arc<Held<S::Value>>, CredentialError> {
        let now = self.clock.now();
        let outcome = self.source.fetch(&http, now).await;
        let mut attempts = self.attempts.lock();
        attempts.ended += 1;
        match outcome {
            Ok(fetched) => {
                let held = Arc::new(Held::new(fetched, now));
                self.current.store(Some(Arc::clone(&held)));
                attempts.failure = None;
                Ok(held)
            }
            Err(error) => {
                tracing::warn!(%error, "a provider credential could not be renewed");
                attempts.paused_until = self.clock.now().plus_secs(PAUSE_SECS);
                attempts.failure = Some(error.clone());
                Err(error)
            }
        }
    }
}
