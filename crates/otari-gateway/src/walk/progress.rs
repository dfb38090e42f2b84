//! Where a call stands among its attempts, and how each is made.

use std::time::Duration;

use otari_config::RetrySpec;
use otari_providers::{UpstreamError, UpstreamErrorKind};

use crate::admit::Billed;
use crate::chance;
use crate::dispatch::Outgoing;
use crate::error::GatewayError;
use crate::in_flight::Underway;
use crate::plan::{Attempt, Plan};

/// Where a call stands among its attempts.
pub(crate) struct Walk<'a> {
    pub(super) plan: &'a Plan,
    pub(super) current: &'a Attempt,
    /// Still to come.
    pub(super) rest: &'a [Attempt],
    pub(super) billed: &'a Billed,
    underway: &'a Underway,
    /// How often the current candidate was asked again.
    repeated: u32,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(plan: &'a Plan, billed: &'a Billed, underway: &'a Underway) -> Self {
        Self {
            plan,
            current: &plan.first,
            rest: &plan.rest,
            billed,
            underway,
            repeated: 0,
        }
    }

    /// What is tried now.
    pub(crate) fn current(&self) -> &'a Attempt {
        self.current
    }

    pub(super) fn go_on(&mut self) {
        if let Some((next, rest)) = self.rest.split_first() {
            self.aim(next);
            self.rest = rest;
        }
    }

    fn aim(&mut self, next: &'a Attempt) {
        self.current = next;
        self.repeated = 0;
        self.underway.aim(next);
    }

    /// Whether another attempt may follow the current one.
    pub(crate) fn may_go_on(&self) -> bool {
        let retry = self.retry();
        !self.rest.is_empty() || retry.is_some_and(|retry| self.repeated < retry.attempts)
    }

    pub(super) fn repeat(&mut self) {
        self.repeated += 1;
    }

    /// How long to wait before the same candidate is asked again; `None` where it is not.
    pub(super) fn wait_before_repeating(&self, error: &GatewayError) -> Option<Duration> {
        let GatewayError::Upstream(failure) = error else {
            return None;
        };
        let retry = self.retry()?;
        if self.repeated >= retry.attempts || !may_be_repeated(&failure.error) {
            return None;
        }
        let longest = Duration::from_millis(retry.max_wait_ms);
        let doubled = 1_u64.checked_shl(self.repeated).unwrap_or(u64::MAX);
        let backoff = Duration::from_millis(retry.backoff_ms.saturating_mul(doubled)).min(longest);
        // Between half of it and all: callers that failed together do not come back together.
        let backoff = backoff.mul_f64(0.5 + chance::fraction() / 2.0);
        match failure.error.retry_after {
            Some(asked) if asked > longest => None,
            Some(asked) => Some(asked.max(backoff)),
            None => Some(backoff),
        }
    }

    fn retry(&self) -> Option<RetrySpec> {
        self.plan.resilience.retry.or_else(|| {
            let times = self.current.target.instance.as_ref()?.max_retries;
            (times > 0).then(|| RetrySpec::times(times))
        })
    }

    /// The current candidate, tried. The last has its own limits only: late is better than never.
    pub(super) fn tried(&self, outgoing: &Outgoing<'_>) -> Tried<'a> {
        let limit = self.plan.resilience.first_token;
        let has_others = outgoing.request.stream && !self.rest.is_empty();
        Tried {
            attempt: self.current,
            billed: self.billed,
            limit: limit.filter(|_| has_others),
            ways_out: self.ways_out(self.rest, outgoing),
        }
    }

    /// The next candidate, tried beside the current one.
    pub(super) fn tried_next(&self, next: &'a Attempt, outgoing: &Outgoing<'_>) -> Tried<'a> {
        Tried {
            attempt: next,
            billed: self.billed,
            limit: None,
            ways_out: self.ways_out(self.rest.get(1..).unwrap_or_default(), outgoing),
        }
    }

    fn ways_out(&self, rest: &'a [Attempt], outgoing: &Outgoing<'_>) -> Option<&'a [Attempt]> {
        let rescues = self.plan.resilience.rescue && outgoing.request.stream && !rest.is_empty();
        rescues.then_some(rest)
    }
}

/// Whether the same request may fare better in a moment. A wait that was given up is not waited again.
fn may_be_repeated(error: &UpstreamError) -> bool {
    match error.kind {
        UpstreamErrorKind::Unreachable
        | UpstreamErrorKind::RateLimited
        | UpstreamErrorKind::Overloaded
        | UpstreamErrorKind::Malformed
        | UpstreamErrorKind::Provider => true,
        UpstreamErrorKind::Timeout => error.status.is_some(),
        UpstreamErrorKind::InvalidRequest
        | UpstreamErrorKind::ContextTooLong
        | UpstreamErrorKind::ContentFiltered
        | UpstreamErrorKind::NotFound
        | UpstreamErrorKind::Credentials
        | UpstreamErrorKind::BillingExhausted => false,
    }
}

/// One attempt, as it is made.
#[derive(Clone, Copy)]
pub(super) struct Tried<'a> {
    pub(super) attempt: &'a Attempt,
    pub(super) billed: &'a Billed,
    /// For its first token.
    pub(super) limit: Option<Duration>,
    /// Who would go on with its stream; `None`: nobody.
    pub(super) ways_out: Option<&'a [Attempt]>,
}
