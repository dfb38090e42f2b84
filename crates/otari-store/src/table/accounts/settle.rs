//! Settlement: usage rows and the counters they move, in one transaction, each record once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use otari_types::{AccountId, Amounts, NodeId, Timestamp, UsageRecord};

use super::TABLE;
use super::lease::{clamp, lease_amounts, with_amounts};
use crate::sql::{MultiRow, Query};
use crate::table::usage;
use crate::tx::Tx;
use crate::{Engine, Store, StoreError};

static LOCK: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::list(
        "SELECT account_id FROM accounts WHERE account_id IN (",
        0,
        ") ORDER BY account_id FOR UPDATE",
    )
});
/// An account that does not exist yet is created: no charge may be lost because a row is late.
static CREATE: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::values(
        "INSERT INTO accounts (account_id) VALUES ",
        1,
        " ON CONFLICT (account_id) DO NOTHING",
    )
});
static LEASES: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::list(
        "SELECT account_id, cost, tokens, requests FROM leases WHERE node_id = $1 AND account_id IN (",
        1,
        ")",
    )
});
/// On SQLite this is also what creates a missing account.
static CHARGE: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::values(
        "INSERT INTO accounts (account_id, settled_cost, settled_tokens, settled_requests, \
         leased_cost, leased_tokens, leased_requests) VALUES ",
        7,
        " ON CONFLICT (account_id) DO UPDATE SET \
         settled_cost = accounts.settled_cost + excluded.settled_cost, \
         settled_tokens = accounts.settled_tokens + excluded.settled_tokens, \
         settled_requests = accounts.settled_requests + excluded.settled_requests, \
         leased_cost = accounts.leased_cost + excluded.leased_cost, \
         leased_tokens = accounts.leased_tokens + excluded.leased_tokens, \
         leased_requests = accounts.leased_requests + excluded.leased_requests",
    )
});
/// Only for lease rows known to exist; the insert never happens.
static DRAW: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::values(
        "INSERT INTO leases (account_id, node_id, cost, tokens, requests, expires_at) VALUES ",
        6,
        " ON CONFLICT (account_id, node_id) DO UPDATE SET cost = leases.cost + excluded.cost, \
         tokens = leases.tokens + excluded.tokens, requests = leases.requests + excluded.requests",
    )
});

/// What a settlement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Records whose row was not there before.
    pub inserted: usize,
}

/// Writes the rows of `records` and moves the counters of those that were new. Repeating it changes nothing.
pub async fn settle(
    store: &Store,
    node: &NodeId,
    records: &[UsageRecord],
) -> Result<Settled, StoreError> {
    let mut tx = store.begin().await?;
    if usage::insert(&mut tx, records).await? == records.len() as u64 {
        charge(&mut tx, node, &totals(records)).await?;
        tx.commit().await?;
        return Ok(Settled {
            inserted: records.len(),
        });
    }
    // Some are there already, or twice in this batch: which ones decides who is charged.
    drop(tx);
    settle_again(store, node, records).await
}

async fn settle_again(
    store: &Store,
    node: &NodeId,
    records: &[UsageRecord],
) -> Result<Settled, StoreError> {
    let mut tx = store.begin().await?;
    let told = usage::insert_telling(&mut tx, records).await?;
    let mut new: HashSet<String> = told.into_iter().collect();
    let inserted = new.len();
    // Taken out, so that a record given twice in one batch charges once.
    let fresh = records.iter().filter(|record| new.remove(&record.id));
    charge(&mut tx, node, &totals(fresh)).await?;
    tx.commit().await?;
    Ok(Settled { inserted })
}

/// What the records charge, per account.
fn totals<'r>(records: impl IntoIterator<Item = &'r UsageRecord>) -> Vec<(AccountId, Total)> {
    let mut totals: BTreeMap<&AccountId, Total> = BTreeMap::new();
    for charge in records.into_iter().flat_map(|record| &record.charges) {
        let total = totals.entry(&charge.account).or_default();
        total.spent += charge.amounts;
        total.from_lease += charge.from_lease;
    }
    totals
        .into_iter()
        .map(|(account, total)| (account.clone(), total))
        .collect()
}

#[derive(Clone, Copy, Debug, Default)]
struct Total {
    spent: Amounts,
    from_lease: Amounts,
}

async fn charge(
    tx: &mut Tx,
    node: &NodeId,
    totals: &[(AccountId, Total)],
) -> Result<(), StoreError> {
    if totals.is_empty() {
        return Ok(());
    }
    if tx.engine() == Engine::Postgres {
        // A row that appears between two locks would be locked out of order: first they all exist, then they are
        // locked, by everybody in the order of their ids.
        for (text, accounts) in CREATE
            .cut(tx.engine(), totals)
            .into_iter()
            .chain(LOCK.cut(tx.engine(), totals))
        {
            let mut query = Query::new(TABLE, text);
            for (account, _) in accounts {
                query.add(account);
            }
            tx.rows(query).await?;
        }
    }
    let held = leases_of(tx, node, totals).await?;
    let mut draws: Vec<(&AccountId, Amounts)> = Vec::new();
    let mut charges: Vec<(&AccountId, Amounts, Amounts)> = Vec::new();
    for (account, total) in totals {
        // A lease that was reclaimed, or is smaller than the call turned out, cannot give more than it has.
        let held = held.get(account).copied().unwrap_or_default();
        let drawn = clamp(total.from_lease, held);
        charges.push((account, total.spent, drawn));
        if !drawn.is_zero() {
            draws.push((account, drawn));
        }
    }
    for (text, charges) in CHARGE.cut(tx.engine(), &charges) {
        let mut query = Query::new(TABLE, text);
        for (account, spent, drawn) in charges {
            query = with_amounts(with_amounts(query.bind(*account), *spent), -*drawn);
        }
        tx.execute(query).await?;
    }
    for (text, draws) in DRAW.cut(tx.engine(), &draws) {
        let mut query = Query::new("leases", text);
        for (account, drawn) in draws {
            query = with_amounts(query.bind(*account).bind(node), -*drawn).bind(Timestamp(0));
        }
        tx.execute(query).await?;
    }
    Ok(())
}

async fn leases_of(
    tx: &mut Tx,
    node: &NodeId,
    totals: &[(AccountId, Total)],
) -> Result<HashMap<AccountId, Amounts>, StoreError> {
    let mut held = HashMap::new();
    for (text, accounts) in LEASES.cut(tx.engine(), totals) {
        let mut query = Query::new("leases", text).bind(node);
        for (account, _) in accounts {
            query.add(account);
        }
        for row in tx.rows(query).await? {
            held.insert(row.get("account_id")?, lease_amounts(&row)?);
        }
    }
    Ok(held)
}
