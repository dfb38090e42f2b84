//! What was resolved, reported and spent. In memory, and bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};

use otari_platform::{Receipt, UsageReport};
use otari_types::{NanoUsd, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;

/// Attempts that may still be reported; the oldest are forgotten.
const ATTEMPTS_MAX: usize = 100_000;
/// Reports that can still be read.
const REPORTS_MAX: usize = 10_000;
const MINUTE_SECS: i64 = 60;

#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    attempts: HashMap<String, Attempt>,
    /// Oldest first.
    order: VecDeque<String>,
    reports: VecDeque<Recorded>,
    spent: BTreeMap<String, NanoUsd>,
    /// By user: the minute, and the calls in it.
    rates: HashMap<String, (i64, u32)>,
}

#[derive(Debug)]
struct Attempt {
    entry: Entry,
    receipt: Option<Receipt>,
}

/// An attempt, as it was resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    #[serde(skip)]
    pub attempt_id: String,
    pub request_id: String,
    pub user: String,
    pub workspace: String,
    pub provider: String,
    pub model: String,
}

/// A report that was taken, with what it was about.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    pub at: Timestamp,
    #[serde(flatten)]
    pub report: UsageReport,
    #[serde(flatten)]
    pub attempt: Entry,
    /// Dollars; `None`: it has no price, or nothing was counted.
    pub cost_usd: Option<NanoUsd>,
}

impl Books {
    pub(crate) fn open(&self, entry: Entry) {
        let mut books = self.0.lock();
        books.order.push_back(entry.attempt_id.clone());
        let attempt = Attempt {
            entry: entry.clone(),
            receipt: None,
        };
        books.attempts.insert(entry.attempt_id, attempt);
        while books.order.len() > ATTEMPTS_MAX {
            if let Some(oldest) = books.order.pop_front() {
                books.attempts.remove(&oldest);
            }
        }
    }

    /// What an attempt was, and what it was answered where it was reported before.
    pub(crate) fn find(&self, attempt_id: &str) -> Option<(Entry, Option<Receipt>)> {
        let books = self.0.lock();
        let attempt = books.attempts.get(attempt_id)?;
        Some((attempt.entry.clone(), attempt.receipt.clone()))
    }

    /// Takes a report, once: `false` where another was taken for the attempt.
    pub(crate) fn record(&self, recorded: Recorded, receipt: Receipt) -> bool {
        let mut books = self.0.lock();
        let id = &recorded.attempt.attempt_id;
        let Some(attempt) = books.attempts.get_mut(id) else {
            return false;
        };
        if attempt.receipt.is_some() {
            return false;
        }
        attempt.receipt = Some(receipt);
        if let Some(cost) = recorded.cost_usd {
            let spent = books.spent.entry(recorded.attempt.user.clone());
            let spent = spent.or_insert(NanoUsd::ZERO);
            *spent += cost;
        }
        books.reports.push_back(recorded);
        if books.reports.len() > REPORTS_MAX {
            books.reports.pop_front();
        }
        true
    }

    pub(crate) fn reports(&self) -> Vec<Recorded> {
        self.0.lock().reports.iter().cloned().collect()
    }

    pub(crate) fn spent(&self, user: &str) -> NanoUsd {
        let books = self.0.lock();
        books.spent.get(user).copied().unwrap_or(NanoUsd::ZERO)
    }

    pub(crate) fn all_spent(&self) -> BTreeMap<String, NanoUsd> {
        self.0.lock().spent.clone()
    }

    /// Counts a call. `Some`: it is one too many, and seconds to wait.
    pub(crate) fn over_rate(&self, user: &str, limit: Option<u32>, now: Timestamp) -> Option<u64> {
        let limit = limit?;
        let now = now.as_secs();
        let minute = now.div_euclid(MINUTE_SECS);
        let mut books = self.0.lock();
        let count = books.rates.entry(user.to_owned()).or_insert((minute, 0));
        if count.0 != minute {
            *count = (minute, 0);
        }
        count.1 = count.1.saturating_add(1);
        let left = MINUTE_SECS - now.rem_euclid(MINUTE_SECS);
        (count.1 > limit).then(|| left.unsigned_abs())
    }
}
