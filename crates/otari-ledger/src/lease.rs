//! The slow path: fetching terms and allowance from the database, and giving allowance back.

use std::time::Duration;

use otari_store::Engine;
use otari_store::accounts::{self, AccountRow, LeaseOutcome, Need};
use otari_types::{Amounts, Timestamp};

use crate::account::{Account, Answer, Asking, FromLease};
use crate::ledger::{Ledger, LedgerError};

/// With several nodes a lease takes this part of the room, so that the others find some too. The share shrinks
/// with the room, down to the exact need of one call.
const ROOM_DIVISOR: i64 = 8;
/// How often a refused need asks again after telling the other nodes to return what they do not use.
const RECALL_WAITS: [Duration; 3] = [
    Duration::from_millis(15),
    Duration::from_millis(40),
    Duration::from_millis(100),
];
/// A refusal holds this long before the database is asked again for the same account.
const REFUSAL_SECS: i64 = 1;

/// How long new terms wait for rows on their way to the database.
const FLUSH_BEFORE_TERMS: Duration = Duration::from_secs(2);

pub(crate) enum Refill {
    /// Try the memory again.
    Ready,
    Refused,
}

impl Ledger {
    /// Holds `need` on one account, asking the database only when the memory cannot answer.
    pub(crate) async fn hold_one(
        &self,
        account: &Account,
        need: Amounts,
        asking: Asking,
    ) -> Result<Option<FromLease>, LedgerError> {
        // Bounded: a refill that another call on this node used up is tried again, but not for ever.
        const ATTEMPTS: usize = 64;
        for _ in 0..ATTEMPTS {
            match account.try_hold(need, asking, self.now()) {
                Answer::Held(units) => return Ok(Some(units)),
                Answer::Refused => return Ok(None),
                Answer::Unknown | Answer::Short(_) => {}
            }
            let _one_at_a_time = account.refill.lock().await;
            let refill = match account.try_hold(need, asking, self.now()) {
                Answer::Held(units) => return Ok(Some(units)),
                Answer::Refused => return Ok(None),
                Answer::Unknown => {
                    self.learn(account).await?;
                    Refill::Ready
                }
                Answer::Short(short) => self.refill(account, short).await?,
            };
            if let Refill::Refused = refill {
                // A settlement meanwhile may have freed room on this node.
                return Ok(match account.try_hold(need, asking, self.now()) {
                    Answer::Held(units) => Some(units),
                    Answer::Short(_) | Answer::Unknown | Answer::Refused => None,
                });
            }
        }
        Ok(None)
    }

    /// Reads the terms; starts a new period when the old one is over.
    async fn learn(&self, account: &Account) -> Result<(), LedgerError> {
        // What this node settled while a unit had no limit came from no lease: a limit set meanwhile must find
        // it in the counters.
        self.flush(FLUSH_BEFORE_TERMS).await;
        let mut row = self.load(account).await?;
        if let Some(end) = row.period_end.filter(|end| *end <= self.now()) {
            let window = row.cadence.window_at(self.now());
            if let Some(next) = window
                && accounts::roll_period(&self.store, &account.id, end, next.start, next.end)
                    .await?
            {
                tracing::info!(account = %account.id, "budget period over: spend starts at zero");
            }
            row = self.load(account).await?;
        }
        account.learn(&row);
        Ok(())
    }

    async fn load(&self, account: &Account) -> Result<AccountRow, LedgerError> {
        let mut rows = accounts::load(&self.store, std::slice::from_ref(&account.id)).await?;
        rows.pop()
            .ok_or_else(|| LedgerError::UnknownAccount(account.id.clone()))
    }

    async fn refill(&self, account: &Account, short: Need) -> Result<Refill, LedgerError> {
        let several_nodes = self.store.engine() == Engine::Postgres;
        let divisor = if several_nodes { ROOM_DIVISOR } else { 1 };
        if self.lease(account, short, divisor).await? {
            return Ok(Refill::Ready);
        }
        if several_nodes && self.others_hold_leases(account).await? {
            self.store
                .notify(otari_store::Change::Recall(account.id.clone()))
                .await?;
            for wait in RECALL_WAITS {
                tokio::time::sleep(wait).await;
                if self.lease(account, short, 1).await? {
                    return Ok(Refill::Ready);
                }
            }
        }
        account.state.lock().refused = Some((short, self.now().plus_secs(REFUSAL_SECS)));
        Ok(Refill::Refused)
    }

    async fn lease(
        &self,
        account: &Account,
        short: Need,
        divisor: i64,
    ) -> Result<bool, LedgerError> {
        let expires = self.lease_expiry();
        let outcome = accounts::lease(
            &self.store,
            &self.node,
            &account.id,
            short,
            divisor,
            expires,
        )
        .await?;
        match outcome {
            LeaseOutcome::Granted { amounts, row } => {
                account.learn(&row);
                let mut state = account.state.lock();
                state.allowance += amounts;
                state.lease_expires = expires;
                Ok(true)
            }
            LeaseOutcome::Refused { row } => {
                account.learn(&row);
                Ok(false)
            }
            LeaseOutcome::Missing => Err(LedgerError::UnknownAccount(account.id.clone())),
        }
    }

    /// Whether part of the limit is leased by other nodes (our own leases are held or spent here).
    async fn others_hold_leases(&self, account: &Account) -> Result<bool, LedgerError> {
        let others = accounts::leased_by_others(&self.store, &self.node, &account.id).await?;
        Ok(others.cost.0 > 0 || others.tokens > 0 || others.requests > 0)
    }

    pub(crate) fn lease_expiry(&self) -> Timestamp {
        self.now().plus_secs(self.lease_ttl_secs)
    }

    /// Returns allowance to the database. Best effort: what stays behind comes back when the lease expires.
    pub(crate) async fn give_back(&self, account: &Account, amounts: Amounts) {
        if amounts.is_zero() {
            return;
        }
        if let Err(error) = accounts::give_back(&self.store, &self.node, &account.id, amounts).await
        {
            tracing::warn!(%error, account = %account.id, "unused allowance could not be returned; it comes back when its lease expires");
        }
    }
}
