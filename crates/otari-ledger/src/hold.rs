//! Reserved room on every account a call charges, owned by value: it ends in one settlement or one release.

use std::sync::Arc;

use otari_types::{AccountId, Amounts, Charge};

use crate::account::{Account, FromLease};

/// Room that a call holds. Dropping it releases the room: an early return, a panic or a client that went away
/// cannot leak money.
#[derive(Debug, Default)]
#[must_use = "dropping a hold releases it"]
pub struct Hold {
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) account: Arc<Account>,
    pub(crate) amounts: Amounts,
    pub(crate) units: FromLease,
}

/// No room: which account said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub account: AccountId,
}

impl Hold {
    /// Takes over what `added` holds on the same accounts in the same order, so that both end as one charge.
    pub(crate) fn absorb(&mut self, mut added: Self) {
        for (part, more) in self.parts.iter_mut().zip(added.parts.drain(..)) {
            part.amounts += more.amounts;
            part.units = part.units.and(more.units);
        }
    }

    /// Ends the hold as a charge of `spent` on every account; the rest of the room is free again.
    ///
    /// The charges belong to exactly one usage record: the counters move when that record reaches the database.
    pub fn into_charges(mut self, spent: Amounts) -> Vec<Charge> {
        std::mem::take(&mut self.parts)
            .into_iter()
            .map(|part| {
                let from_lease = part.account.end_hold(part.amounts, part.units, spent);
                Charge {
                    account: part.account.id.clone(),
                    amounts: spent,
                    from_lease,
                }
            })
            .collect()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        for part in self.parts.drain(..) {
            part.account
                .end_hold(part.amounts, part.units, Amounts::ZERO);
        }
    }
}
