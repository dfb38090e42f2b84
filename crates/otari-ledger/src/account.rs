//! One budgeted account as this node sees it: its limits, what is left of the lease, what is held.

use otari_store::accounts::{AccountRow, Limits, Need};
use otari_types::{AccountId, Amounts, BudgetId, NanoUsd, Timestamp};
use parking_lot::Mutex;

/// Counters of one account on this node. Shared by every call that charges it.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    /// Held for a few instructions at a time, never across an await.
    pub(crate) state: Mutex<State>,
    /// One refill from the database at a time; later callers find what the first brought.
    pub(crate) refill: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// `None` until the row is read, and again after it changed.
    pub(crate) terms: Option<Terms>,
    /// Leased from the database and neither held nor spent.
    pub(crate) allowance: Amounts,
    /// Reserved by calls in flight on this node.
    pub(crate) held: Amounts,
    /// After this the allowance may have been given to another node.
    pub(crate) lease_expires: Timestamp,
    /// When a hold was last taken, for returning idle allowance.
    pub(crate) last_used: Timestamp,
    /// A need of at least this much was refused; not asked again before `until`.
    pub(crate) refused: Option<(Need, Timestamp)>,
}

/// What the row says: the rules a hold must keep.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) budget: Option<BudgetId>,
    pub(crate) limits: Limits,
    pub(crate) period_end: Option<Timestamp>,
}

/// Which units of a hold came out of the lease: those that had a limit when it was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FromLease {
    cost: bool,
    tokens: bool,
    requests: bool,
}

/// What a hold asks for beside its amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asking {
    /// A model that is free at its price holds no money and passes even an exhausted cap.
    pub(crate) free: bool,
    /// More for a call that holds already: a unit it needs no more of is not asked.
    pub(crate) more: bool,
}

/// What the memory says to a need.
#[derive(Debug)]
pub(crate) enum Answer {
    Held(FromLease),
    /// The lease does not cover it: this much more is needed.
    Short(Need),
    /// The terms are unknown, outdated, or their period is over.
    Unknown,
    Refused,
}

impl FromLease {
    fn of(limits: &Limits, need: Amounts, asking: Asking) -> Self {
        let asked = |amount: i64| !asking.more || amount > 0;
        Self {
            cost: limits.cost.is_some() && !asking.free && asked(need.cost.0),
            tokens: limits.tokens.is_some() && asked(need.tokens),
            requests: limits.requests.is_some() && asked(need.requests),
        }
    }

    /// The units of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            cost: self.cost || other.cost,
            tokens: self.tokens || other.tokens,
            requests: self.requests || other.requests,
        }
    }

    /// The part of `amounts` in these units.
    pub(crate) fn part(self, amounts: Amounts) -> Amounts {
        Amounts {
            cost: if self.cost {
                amounts.cost
            } else {
                NanoUsd::ZERO
            },
            tokens: if self.tokens { amounts.tokens } else { 0 },
            requests: if self.requests { amounts.requests } else { 0 },
        }
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Account {
    pub(crate) fn new(id: AccountId) -> Self {
        Self {
            id,
            state: Mutex::default(),
            refill: tokio::sync::Mutex::default(),
        }
    }

    /// Takes the hold from memory if the lease covers it.
    pub(crate) fn try_hold(&self, need: Amounts, asking: Asking, now: Timestamp) -> Answer {
        let mut state = self.state.lock();
        let Some(terms) = &state.terms else {
            return Answer::Unknown;
        };
        if terms.period_end.is_some_and(|end| end <= now) {
            return Answer::Unknown;
        }
        let units = FromLease::of(&terms.limits, need, asking);
        if !units.is_empty() {
            if state.lease_expires <= now {
                // Another node may be spending it already.
                state.allowance = Amounts::ZERO;
            }
            let short = shortfall(state.allowance, units.part(need), units);
            if let Some(short) = short {
                let refused = state
                    .refused
                    .is_some_and(|(least, until)| now < until && covers(short, least));
                return if refused {
                    Answer::Refused
                } else {
                    Answer::Short(short)
                };
            }
            state.allowance -= units.part(need);
        }
        state.held += need;
        state.last_used = now;
        Answer::Held(units)
    }

    /// Takes the hold without asking; none of it comes out of a lease.
    pub(crate) fn hold_unchecked(&self, need: Amounts, now: Timestamp) -> FromLease {
        let mut state = self.state.lock();
        state.held += need;
        state.last_used = now;
        FromLease::default()
    }

    /// Takes the terms from a freshly read row.
    pub(crate) fn learn(&self, row: &AccountRow) {
        let mut state = self.state.lock();
        state.refused = None;
        state.terms = Some(Terms {
            budget: row.budget_id.clone(),
            limits: row.limits.clone(),
            period_end: row.period_end,
        });
    }

    /// Forgets the terms and hands out what allowance is left, so that it can be given back.
    pub(crate) fn forget(&self) -> Amounts {
        let mut state = self.state.lock();
        state.terms = None;
        state.refused = None;
        take_positive(&mut state.allowance)
    }

    /// Hands out the unheld allowance, keeping the terms.
    pub(crate) fn take_allowance(&self) -> Amounts {
        take_positive(&mut self.state.lock().allowance)
    }

    /// Turns `held` into `spent`; the rest is allowance again. Returns what of `spent` came out of the lease: a
    /// call dearer than its hold takes what allowance there is, and the remainder is beyond the lease.
    pub(crate) fn end_hold(&self, held: Amounts, units: FromLease, spent: Amounts) -> Amounts {
        let mut state = self.state.lock();
        state.held -= held;
        let available = units.part(state.allowance.at_least_zero() + held);
        let from_lease = available.at_most(units.part(spent));
        state.allowance += units.part(held) - from_lease;
        if held != spent {
            state.refused = None;
        }
        if from_lease != units.part(spent) {
            // The database must learn of the excess before it grants any more.
            state.terms = None;
        }
        from_lease
    }
}

/// What is missing from `allowance` for `need`, or `None` when nothing is. A limited unit with no allowance left
/// is short even of a zero need: whoever is at the cap is refused.
fn shortfall(allowance: Amounts, need: Amounts, units: FromLease) -> Option<Need> {
    let missing = |have: i64, need: i64, limited: bool| {
        let enough = !limited || (have >= need && have > 0);
        // At least one: a need of nothing still wants to be below the cap.
        (!enough).then(|| need.saturating_sub(have).max(1))
    };
    let short = Need {
        cost: missing(allowance.cost.0, need.cost.0, units.cost).map(NanoUsd),
        tokens: missing(allowance.tokens, need.tokens, units.tokens),
        requests: missing(allowance.requests, need.requests, units.requests),
    };
    (short != Need::default()).then_some(short)
}

/// Whether `need` asks for no less than `least` in every unit that `least` asks for.
fn covers(need: Need, least: Need) -> bool {
    need.cost >= least.cost && need.tokens >= least.tokens && need.requests >= least.requests
}

fn take_positive(allowance: &mut Amounts) -> Amounts {
    let mut taken = Amounts::ZERO;
    if allowance.cost.0 > 0 {
        taken.cost = std::mem::take(&mut allowance.cost);
    }
    if allowance.tokens > 0 {
        taken.tokens = std::mem::take(&mut allowance.tokens);
    }
    if allowance.requests > 0 {
        taken.requests = std::mem::take(&mut allowance.requests);
    }
    taken
}
