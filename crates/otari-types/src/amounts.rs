//! What a budget can cap, as one vector: dollars, tokens, requests.

use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

use crate::NanoUsd;

/// Money, tokens and requests together: a hold, a settlement, a counter or a lease.
///
/// Every ledger operation moves all three at once, so that no unit can drift from the others.
/// Arithmetic saturates: a counter that could wrap would turn a cap into free use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    #[serde(with = "crate::money::nanos")]
    pub cost: NanoUsd,
    pub tokens: i64,
    pub requests: i64,
}

impl Amounts {
    pub const ZERO: Self = Self {
        cost: NanoUsd::ZERO,
        tokens: 0,
        requests: 0,
    };

    /// Each unit, but not below zero.
    #[must_use]
    pub fn at_least_zero(self) -> Self {
        Self {
            cost: NanoUsd(self.cost.0.max(0)),
            tokens: self.tokens.max(0),
            requests: self.requests.max(0),
        }
    }

    /// Each unit, but not above `other`'s.
    #[must_use]
    pub fn at_most(self, other: Self) -> Self {
        Self {
            cost: self.cost.min(other.cost),
            tokens: self.tokens.min(other.tokens),
            requests: self.requests.min(other.requests),
        }
    }

    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl Add for Amounts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            cost: self.cost + other.cost,
            tokens: self.tokens.saturating_add(other.tokens),
            requests: self.requests.saturating_add(other.requests),
        }
    }
}

impl Neg for Amounts {
    type Output = Self;
    fn neg(self) -> Self {
        Self {
            cost: NanoUsd(self.cost.0.saturating_neg()),
            tokens: self.tokens.saturating_neg(),
            requests: self.requests.saturating_neg(),
        }
    }
}

impl Sub for Amounts {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Amounts {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
