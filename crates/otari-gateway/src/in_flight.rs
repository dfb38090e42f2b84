//! The calls of this process that are under way: past the gates, their last byte not yet sent.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use otari_types::{KeyId, Timestamp, UserId};
use parking_lot::Mutex;

use crate::admit::Billed;
use crate::inbound::Inbound;
use crate::plan::{Attempt, Plan};
use crate::target::Target;

/// Calls that come and go at the same time rarely meet in one of so many maps.
const SHARDS: usize = 16;

/// Every call under way.
#[derive(Debug, Default)]
pub struct InFlight {
    next: AtomicU64,
    shards: [Mutex<HashMap<u64, Entry>>; SHARDS],
}

#[derive(Clone, Debug)]
struct Entry {
    endpoint: &'static str,
    target: Arc<Target>,
    user: UserId,
    key: Option<KeyId>,
    policy: Option<Arc<str>>,
    received_at: Timestamp,
    started: Instant,
}

/// One call under way, as operators see it.
#[derive(Clone, Debug)]
pub struct InFlightCall {
    /// Unique in this process.
    pub id: u64,
    pub endpoint: &'static str,
    /// What is being tried now.
    pub model: String,
    pub provider: Option<String>,
    pub user: UserId,
    pub key: Option<KeyId>,
    pub policy: Option<String>,
    pub received_at: Timestamp,
    pub elapsed_ms: i64,
}

/// Where a call's entry hangs: with the request while it is answered, then with the answer's body. Empty until the
/// gates are passed; dropping it removes the entry.
#[derive(Debug, Default)]
pub struct Underway {
    guard: OnceLock<Guard>,
    platform: Mutex<PlatformIds>,
}

/// The ids of a platform that a call is known by there.
#[derive(Clone, Debug, Default)]
pub struct PlatformIds {
    /// Of the attempt that serves, or was tried last.
    pub correlation: Option<Arc<str>>,
    /// Of the resolve.
    pub request: Option<Arc<str>>,
}

#[derive(Debug)]
struct Guard {
    calls: Arc<InFlight>,
    id: u64,
}

impl InFlight {
    /// The longest-running calls, at most `max` of them, and how many there are in all.
    pub fn longest(&self, max: usize) -> (Vec<InFlightCall>, usize) {
        let mut ages: Vec<(Instant, u64)> = Vec::new();
        for shard in &self.shards {
            let entries = shard.lock();
            ages.extend(entries.iter().map(|(id, entry)| (entry.started, *id)));
        }
        ages.sort_unstable();
        let total = ages.len();
        let calls = ages.iter().take(max);
        (calls.filter_map(|(_, id)| self.call(*id)).collect(), total)
    }

    /// `None` when it ended meanwhile.
    fn call(&self, id: u64) -> Option<InFlightCall> {
        let entry = self.shard(id)?.lock().get(&id).cloned()?;
        Some(InFlightCall {
            id,
            endpoint: entry.endpoint,
            model: entry.target.model.clone(),
            provider: entry.target.instance_name.clone(),
            user: entry.user,
            key: entry.key,
            policy: entry.policy.as_deref().map(str::to_owned),
            received_at: entry.received_at,
            elapsed_ms: i64::try_from(entry.started.elapsed().as_millis()).unwrap_or(i64::MAX),
        })
    }

    fn shard(&self, id: u64) -> Option<&Mutex<HashMap<u64, Entry>>> {
        let index = usize::try_from(id % SHARDS as u64).ok()?;
        self.shards.get(index)
    }
}

impl Underway {
    /// The gates are passed.
    pub(crate) fn begin(calls: &Arc<InFlight>, inbound: &Inbound, billed: &Billed, plan: &Plan) {
        let id = calls.next.fetch_add(1, Ordering::Relaxed);
        let entry = Entry {
            endpoint: inbound.origin.endpoint,
            target: Arc::clone(&plan.first.target),
            user: billed.user.clone(),
            key: billed.key.clone(),
            policy: plan
                .route
                .as_ref()
                .and_then(|route| route.policy.as_deref())
                .map(Arc::from),
            received_at: inbound.origin.received_at,
            started: inbound.origin.started,
        };
        if let Some(shard) = calls.shard(id) {
            shard.lock().insert(id, entry);
        }
        let guard = Guard {
            calls: Arc::clone(calls),
            id,
        };
        // A request that passes the gates twice keeps its first entry; the second goes with its guard.
        let _ = inbound.underway.guard.set(guard);
        inbound.underway.note(&plan.first);
    }

    /// Another candidate is tried.
    pub(crate) fn aim(&self, attempt: &Attempt) {
        self.note(attempt);
        let Some(guard) = self.guard.get() else {
            return;
        };
        let Some(shard) = guard.calls.shard(guard.id) else {
            return;
        };
        if let Some(entry) = shard.lock().get_mut(&guard.id) {
            entry.target = Arc::clone(&attempt.target);
        }
    }

    /// What a platform knows the call by; empty where there is none.
    pub fn platform_ids(&self) -> PlatformIds {
        self.platform.lock().clone()
    }

    fn note(&self, attempt: &Attempt) {
        if let Some(platform) = &attempt.platform {
            *self.platform.lock() = PlatformIds {
                correlation: platform.id.clone(),
                request: platform.request_id.clone(),
            };
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shard) = self.calls.shard(self.id) {
            // The entry's own parts are freed outside the lock.
            let removed = shard.lock().remove(&self.id);
            drop(removed);
        }
    }
}
