//! The ledger of one node: accounts in memory, holds, settlement, upkeep of leases.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use otari_store::{Store, StoreError, accounts};
use otari_types::{AccountId, Amounts, BudgetId, Clock, NodeId, Timestamp, UsageRecord, new_id};
use parking_lot::RwLock;

use crate::account::{Account, Asking};
use crate::drain::DrainObserver;
use crate::hold::{Hold, Part, Refusal};
use crate::journal::Journal;
use crate::{drain, slot};

/// How often leases are renewed, expired ones reclaimed and idle allowance returned.
const UPKEEP: Duration = Duration::from_secs(5);
/// Allowance of an account that took no hold for this long goes back to the database.
const IDLE_SECS: i64 = 10;

/// How far the clocks of two nodes may be apart.
const CLOCK_SKEW_SECS: i64 = 60;

/// When an answer may end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Once its record is in the local journal.
    #[default]
    Journal,
    /// Once its row is committed: for nodes without a disk of their own.
    Database,
}

/// What happens to new calls while the journal cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnwritable {
    #[default]
    Refuse,
    Allow,
}

#[derive(Clone, Debug)]
pub struct LedgerOptions {
    pub data_dir: PathBuf,
    pub lease_ttl_secs: i64,
    pub durability: Durability,
    pub when_unwritable: WhenUnwritable,
}

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the data directory cannot be used")]
    DataDir(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("account {0} does not exist")]
    UnknownAccount(AccountId),
}

/// One node's ledger. Cheap to share; `spawn_upkeep` must run for it to drain.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) store: Store,
    pub(crate) node: NodeId,
    pub(crate) lease_ttl_secs: i64,
    clock: Arc<dyn Clock>,
    journal: Arc<Journal>,
    accounts: RwLock<HashMap<AccountId, Arc<Account>>>,
    durability: Durability,
    when_unwritable: WhenUnwritable,
    /// Keeps this node's folder locked, where it has one.
    _slot: Option<slot::Slot>,
}

impl Ledger {
    /// Takes a folder in the data directory, commits what an earlier process left there, and starts empty.
    pub async fn open(
        options: &LedgerOptions,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, LedgerError> {
        let (own, abandoned) = slot::take(&options.data_dir)?;
        for slot in std::iter::once(&own).chain(&abandoned) {
            let replayed = drain::replay(&slot.dir, &store, &slot.node).await?;
            if replayed > 0 {
                tracing::info!(replayed, folder = %slot.dir.display(), "usage rows of an interrupted run committed");
            }
            // Nothing is in flight on a node that is not running.
            accounts::release_node(&store, &slot.node).await?;
        }
        drop(abandoned);
        let journal = Arc::new(Journal::open(own.dir.clone())?);
        Ok(Arc::new(Self {
            node: own.node.clone(),
            lease_ttl_secs: options.lease_ttl_secs,
            clock,
            journal,
            accounts: RwLock::default(),
            durability: options.durability,
            when_unwritable: options.when_unwritable,
            store,
            _slot: Some(own),
        }))
    }

    /// A ledger that is asked for nothing, where another keeps the books. Writes nothing to disk; need not run.
    pub fn idle(store: Store, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            node: NodeId::from(new_id()),
            lease_ttl_secs: 0,
            clock,
            journal: Arc::new(Journal::nowhere()),
            accounts: RwLock::default(),
            durability: Durability::Journal,
            when_unwritable: WhenUnwritable::Allow,
            store,
            _slot: None,
        })
    }

    /// The background work: the drainer and the upkeep of leases. Both end when dropped.
    pub async fn run(self: Arc<Self>, observer: Arc<dyn DrainObserver>) {
        let drainer = drain::run(
            Arc::clone(&self.journal),
            self.store.clone(),
            self.node.clone(),
            observer,
        );
        tokio::join!(drainer, self.upkeep());
    }

    /// This process's place among all that use the database; the next process in its data directory has the same.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Whether settlements are durable; when not, and configured so, new calls must be refused.
    pub fn accepts_calls(&self) -> bool {
        self.journal.is_writable() || self.when_unwritable == WhenUnwritable::Allow
    }

    /// Reserves `need` on every account, in the given order, or on none.
    ///
    /// `free` is for models that are free at their price: they hold no money and pass an exhausted cap.
    pub async fn hold(
        &self,
        accounts: &[AccountId],
        need: Amounts,
        free: bool,
    ) -> Result<Result<Hold, Refusal>, LedgerError> {
        let asking = Asking { free, more: false };
        let mut hold = Hold {
            parts: Vec::with_capacity(accounts.len()),
        };
        for id in accounts {
            let account = self.account(id);
            // On refusal `hold` drops here, which releases the accounts before this one.
            match self.hold_one(&account, need, asking).await? {
                Some(units) => hold.parts.push(Part {
                    account,
                    amounts: need,
                    units,
                }),
                None => {
                    return Ok(Err(Refusal {
                        account: id.clone(),
                    }));
                }
            }
        }
        Ok(Ok(hold))
    }

    /// Adds `more` to a hold on every account it is on, or on none: another candidate may be dearer than the first.
    pub async fn top_up(
        &self,
        hold: &mut Hold,
        more: Amounts,
        free: bool,
    ) -> Result<Result<(), Refusal>, LedgerError> {
        let asking = Asking { free, more: true };
        let mut added = Hold::default();
        for part in &hold.parts {
            match self.hold_one(&part.account, more, asking).await? {
                Some(units) => added.parts.push(Part {
                    account: Arc::clone(&part.account),
                    amounts: more,
                    units,
                }),
                None => {
                    return Ok(Err(Refusal {
                        account: part.account.id.clone(),
                    }));
                }
            }
        }
        hold.absorb(added);
        Ok(Ok(()))
    }

    /// As [`Ledger::top_up`], without asking any limit.
    pub fn top_up_unchecked(&self, hold: &mut Hold, more: Amounts) {
        for part in &mut hold.parts {
            part.account.hold_unchecked(more, self.now());
            part.amounts += more;
        }
    }

    /// Reserves `need` on every account without asking any limit, for deployments that only count.
    pub fn hold_unchecked(&self, accounts: &[AccountId], need: Amounts) -> Hold {
        let parts = accounts.iter().map(|id| {
            let account = self.account(id);
            let units = account.hold_unchecked(need, self.now());
            Part {
                account,
                amounts: need,
                units,
            }
        });
        Hold {
            parts: parts.collect(),
        }
    }

    /// Ends a call: its hold becomes the charge of `record`, whose row is then sure to be written.
    pub async fn settle(&self, hold: Hold, spent: Amounts, mut record: UsageRecord) {
        record.charges = hold.into_charges(spent);
        let number = self.journal.append(record);
        if self.durability == Durability::Database {
            self.journal.wait_drained(number).await;
        }
    }

    /// As [`Ledger::settle`] for where nothing can be awaited: a client that went away.
    pub fn settle_detached(&self, hold: Hold, spent: Amounts, mut record: UsageRecord) {
        record.charges = hold.into_charges(spent);
        self.journal.append(record);
    }

    /// Writes a row that charges nobody: a refusal, an absorbed attempt.
    pub fn log(&self, record: UsageRecord) {
        self.journal.append(record);
    }

    /// Waits until everything recorded so far is in the database, so that a read sees its own writes.
    /// Gives up after `limit`: a database that is away must not block a read for ever.
    pub async fn flush(&self, limit: Duration) -> bool {
        let last = self.journal.last();
        tokio::time::timeout(limit, self.journal.wait_drained(last))
            .await
            .is_ok()
    }

    /// Rows that wait for the database.
    pub fn waiting(&self) -> u64 {
        self.journal.depth()
    }

    /// What calls in flight on this node hold on an account.
    pub fn held(&self, id: &AccountId) -> Amounts {
        self.accounts
            .read()
            .get(id)
            .map_or(Amounts::ZERO, |account| account.state.lock().held)
    }

    /// What calls in flight on this node hold on all accounts under a budget.
    pub fn held_under(&self, budget: &BudgetId) -> Amounts {
        let accounts = self.accounts.read();
        let held = accounts.values().filter_map(|account| {
            let state = account.state.lock();
            let under = state
                .terms
                .as_ref()
                .is_some_and(|terms| terms.budget.as_ref() == Some(budget));
            under.then_some(state.held)
        });
        held.fold(Amounts::ZERO, |sum, held| sum + held)
    }

    /// An account's limits changed: forget them and return the allowance granted under the old ones.
    pub async fn invalidate(&self, id: &AccountId) {
        let account = self.accounts.read().get(id).cloned();
        if let Some(account) = account {
            let allowance = account.forget();
            self.give_back(&account, allowance).await;
        }
    }

    /// A budget shared by many accounts changed, or changes were missed: forget all limits.
    pub async fn invalidate_all(&self) {
        let accounts: Vec<_> = self.accounts.read().values().cloned().collect();
        for account in accounts {
            let allowance = account.forget();
            self.give_back(&account, allowance).await;
        }
    }

    /// Another node ran out: return what is not in use here.
    pub async fn recall(&self, id: &AccountId) {
        let account = self.accounts.read().get(id).cloned();
        if let Some(account) = account {
            let allowance = account.take_allowance();
            self.give_back(&account, allowance).await;
        }
    }

    /// Commits what is left and returns every lease. The last thing a process does.
    pub async fn close(&self, limit: Duration) {
        if !self.flush(limit).await {
            tracing::warn!(
                rows = self.waiting(),
                "usage rows stay in the journal and are committed at the next start"
            );
            return;
        }
        if let Err(error) = accounts::release_node(&self.store, &self.node).await {
            tracing::warn!(%error, "leases could not be returned; they expire by themselves");
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn account(&self, id: &AccountId) -> Arc<Account> {
        if let Some(account) = self.accounts.read().get(id) {
            return Arc::clone(account);
        }
        let mut accounts = self.accounts.write();
        Arc::clone(
            accounts
                .entry(id.clone())
                .or_insert_with(|| Arc::new(Account::new(id.clone()))),
        )
    }

    async fn upkeep(&self) {
        let mut tick = tokio::time::interval(UPKEEP);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.journal.probe();
            if let Err(error) = self.keep_leases().await {
                tracing::warn!(%error, "leases could not be renewed");
            }
        }
    }

    async fn keep_leases(&self) -> Result<(), LedgerError> {
        let expires = self.lease_expiry();
        accounts::renew(&self.store, &self.node, expires).await?;
        // The margin covers clocks that differ between nodes: the owner stops using a lease when it expires.
        accounts::reclaim_expired(&self.store, self.now().plus_secs(-CLOCK_SKEW_SECS)).await?;
        let idle_before = self.now().plus_secs(-IDLE_SECS);
        let all: Vec<_> = self.accounts.read().values().cloned().collect();
        for account in all {
            let idle = {
                let mut state = account.state.lock();
                if state.lease_expires > self.now() {
                    state.lease_expires = expires;
                }
                state.last_used < idle_before && state.held.is_zero()
            };
            if idle {
                let allowance = account.take_allowance();
                self.give_back(&account, allowance).await;
            }
        }
        let mut accounts = self.accounts.write();
        accounts.retain(|_, account| {
            Arc::strong_count(account) > 1 || {
                let state = account.state.lock();
                state.last_used >= idle_before
                    || !state.held.is_zero()
                    || !state.allowance.is_zero()
            }
        });
        Ok(())
    }
}
