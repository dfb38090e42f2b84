//! Requests per minute and user: a sliding window of the last 60 seconds, in this process's memory.

use std::collections::{HashMap, VecDeque};

use otari_types::{Timestamp, UserId};
use parking_lot::Mutex;

const WINDOW_SECS: i64 = 60;
/// Users without a recent request are forgotten every so many checks.
const SWEEP_EVERY: u32 = 1_000;

/// The state of a user's window after a request: the `X-RateLimit-*` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub limit: u32,
    pub remaining: u32,
    /// Epoch seconds when the oldest request leaves the window.
    pub reset_at_secs: i64,
    /// Whole seconds until then, at least 1.
    pub retry_after_secs: i64,
}

#[derive(Debug)]
pub struct RateLimiter {
    per_minute: u32,
    users: Mutex<Users>,
}

#[derive(Debug, Default)]
struct Users {
    requests: HashMap<UserId, VecDeque<Timestamp>>,
    checks: u32,
}

impl RateLimiter {
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            users: Mutex::default(),
        }
    }

    /// Counts a request of `user`; `Err` when it is one too many (and is then not counted).
    pub fn check(&self, user: &UserId, now: Timestamp) -> Result<Window, Window> {
        let since = now.plus_secs(-WINDOW_SECS);
        let mut users = self.users.lock();
        users.sweep(since);
        if !users.requests.contains_key(user) {
            users.requests.insert(user.clone(), VecDeque::new());
        }
        let Some(recent) = users.requests.get_mut(user) else {
            return Ok(self.window(&VecDeque::new(), now));
        };
        while recent.front().is_some_and(|at| *at <= since) {
            recent.pop_front();
        }
        if recent.len() >= self.per_minute as usize {
            return Err(self.window(recent, now));
        }
        recent.push_back(now);
        Ok(self.window(recent, now))
    }

    fn window(&self, recent: &VecDeque<Timestamp>, now: Timestamp) -> Window {
        let oldest = recent.front().copied().unwrap_or(now);
        let reset = oldest.plus_secs(WINDOW_SECS);
        let used = u32::try_from(recent.len()).unwrap_or(u32::MAX);
        Window {
            limit: self.per_minute,
            remaining: self.per_minute.saturating_sub(used),
            reset_at_secs: reset.as_secs(),
            retry_after_secs: (reset.0 - now.0).div_euclid(1_000_000).max(1),
        }
    }
}

impl Users {
    fn sweep(&mut self, since: Timestamp) {
        self.checks = self.checks.wrapping_add(1);
        if self.checks.is_multiple_of(SWEEP_EVERY) {
            self.requests
                .retain(|_, recent| recent.back().is_some_and(|at| *at > since));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_refused_requests_do_not_count() {
        let limiter = RateLimiter::new(2);
        let user = UserId::from("alice");
        let start = Timestamp::from_secs(1_000);
        assert_eq!(limiter.check(&user, start).unwrap().remaining, 1);
        assert_eq!(
            limiter.check(&user, start.plus_secs(10)).unwrap().remaining,
            0
        );
        let refused = limiter.check(&user, start.plus_secs(20)).unwrap_err();
        assert_eq!(
            (refused.retry_after_secs, refused.reset_at_secs),
            (40, 1_060)
        );
        assert!(
            limiter
                .check(&UserId::from("bob"), start.plus_secs(20))
                .is_ok()
        );
        assert_eq!(
            limiter.check(&user, start.plus_secs(61)).unwrap().remaining,
            0
        );
        assert!(limiter.check(&user, start.plus_secs(62)).is_err());
    }
}
