//! Several keys of one account: calls take turns, and a key that was refused stands back for a while.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use crate::credential::Credential;
use crate::error::{UpstreamError, UpstreamErrorKind};

/// How long a key stands back where the provider names no time.
const STAND_BACK: Duration = Duration::from_secs(30);
/// The longest, whatever the provider names.
const STAND_BACK_MAX: Duration = Duration::from_mins(10);

/// One key and everything that is sent with it.
#[derive(Debug)]
pub(crate) struct Key {
    /// What no request changes, a lasting credential included; built once.
    pub(crate) headers: HeaderMap,
    pub(crate) credential: Credential,
    /// Milliseconds after the ring was made; not used before, if another can be.
    back_at: AtomicU64,
}

/// The keys of an instance; never empty.
#[derive(Debug)]
pub struct KeyRing {
    first: Key,
    more: Vec<Key>,
    made: Instant,
    turn: AtomicUsize,
}

impl Key {
    pub(crate) fn new(headers: HeaderMap, credential: Credential) -> Self {
        Self {
            headers,
            credential,
            back_at: AtomicU64::new(0),
        }
    }
}

impl KeyRing {
    pub(crate) fn new(first: Key, more: Vec<Key>) -> Self {
        Self {
            first,
            more,
            made: Instant::now(),
            turn: AtomicUsize::new(0),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.more.len() + 1
    }

    /// Sent with every request, the credential of the first key included where it lasts.
    pub fn headers(&self) -> &HeaderMap {
        &self.first.headers
    }

    /// The key that is always the same: for what only the account that made it can read again.
    pub(crate) fn first(&self) -> &Key {
        &self.first
    }

    /// All of them, in no one's turn.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Key> + Clone {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// All of them, from the one whose turn it is; those that stand back come last.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = &Key> {
        let start = if self.more.is_empty() {
            0
        } else {
            self.turn.fetch_add(1, Ordering::Relaxed) % self.count()
        };
        let now = self.elapsed();
        let is_ready = move |key: &&Key| key.back_at.load(Ordering::Relaxed) <= now;
        let all = move || self.all().cycle().skip(start).take(self.count());
        let resting = all().filter(move |key| !is_ready(key));
        all().filter(is_ready).chain(resting)
    }

    /// The provider would not have this key now. Whether another may do better.
    pub(crate) fn refused(&self, key: &Key, error: &UpstreamError) -> bool {
        let is_the_keys = matches!(
            error.kind,
            UpstreamErrorKind::RateLimited
                | UpstreamErrorKind::Credentials
                | UpstreamErrorKind::BillingExhausted
        );
        if self.more.is_empty() || !is_the_keys {
            return false;
        }
        let rest = error.retry_after.unwrap_or(STAND_BACK).min(STAND_BACK_MAX);
        let rest = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
        let until = self.elapsed().saturating_add(rest);
        key.back_at.store(until, Ordering::Relaxed);
        true
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
