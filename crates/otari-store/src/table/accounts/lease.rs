//! Leases: allowance a node takes out of an account, so that it can hold in memory without asking again.

use otari_types::{AccountId, Amounts, NanoUsd, NodeId, Timestamp};

use super::{AccountRow, Limits, TABLE, amounts, locked};
use crate::sql::{Query, Row, Value};
use crate::tx::Tx;
use crate::{Engine, Store, StoreError};

/// What a node lacks, per unit. `None` is not asked for; `Some(0)` asks for no amount, but is refused at the cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    pub cost: Option<NanoUsd>,
    pub tokens: Option<i64>,
    pub requests: Option<i64>,
}

impl From<Amounts> for Need {
    /// Asks for every unit.
    fn from(amounts: Amounts) -> Self {
        Self {
            cost: Some(amounts.cost),
            tokens: Some(amounts.tokens),
            requests: Some(amounts.requests),
        }
    }
}

/// What became of a request for allowance; `row` is the account as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// Exactly `amounts` were added to the lease; zero in units without a limit or not asked for.
    Granted {
        amounts: Amounts,
        row: AccountRow,
    },
    Refused {
        row: AccountRow,
    },
    Missing,
}

/// Takes allowance: in every limited unit asked for, the need or the `divisor`th part of the room, whichever is
/// more; nothing at all if one of them has too little room. `divisor` 1 takes all of it.
pub async fn lease(
    store: &Store,
    node: &NodeId,
    account: &AccountId,
    need: impl Into<Need>,
    divisor: i64,
    expires_at: Timestamp,
) -> Result<LeaseOutcome, StoreError> {
    let need = need.into();
    let mut tx = store.begin().await?;
    let Some(mut row) = locked(&mut tx, account).await? else {
        return Ok(LeaseOutcome::Missing);
    };
    let Some(granted) = grant(&row, need, divisor) else {
        return Ok(LeaseOutcome::Refused { row });
    };
    if !granted.is_zero() {
        add_leased(&mut tx, account, granted).await?;
        let text = "INSERT INTO leases (account_id, node_id, cost, tokens, requests, expires_at) \
                    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, node_id) DO UPDATE SET \
                    cost = leases.cost + excluded.cost, tokens = leases.tokens + excluded.tokens, \
                    requests = leases.requests + excluded.requests, expires_at = excluded.expires_at";
        let upsert = with_amounts(Query::new("leases", text).bind(account).bind(node), granted);
        tx.execute(upsert.bind(expires_at)).await?;
        tx.commit().await?;
    }
    row.leased += granted;
    Ok(LeaseOutcome::Granted {
        amounts: granted,
        row,
    })
}

fn grant(row: &AccountRow, need: Need, divisor: i64) -> Option<Amounts> {
    let Limits {
        cost,
        tokens,
        requests,
    } = row.limits;
    let used = row.settled + row.leased;
    Some(Amounts {
        cost: NanoUsd(share(
            cost.map(|limit| limit.0),
            used.cost.0,
            need.cost.map(|need| need.0),
            divisor,
        )?),
        tokens: share(tokens, used.tokens, need.tokens, divisor)?,
        requests: share(requests, used.requests, need.requests, divisor)?,
    })
}

/// One unit's grant; `None` refuses.
fn share(limit: Option<i64>, used: i64, need: Option<i64>, divisor: i64) -> Option<i64> {
    let (Some(limit), Some(need)) = (limit, need) else {
        return Some(0);
    };
    let room = limit.saturating_sub(used);
    let need = need.max(0);
    (room > 0 && need <= room).then(|| need.max(room / divisor.max(1)))
}

/// Returns allowance, at most what the node's lease still holds.
pub async fn give_back(
    store: &Store,
    node: &NodeId,
    account: &AccountId,
    unused: Amounts,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    lock(&mut tx, Which::One(account)).await?;
    let text = "SELECT account_id, cost, tokens, requests FROM leases WHERE account_id = $1 AND node_id = $2";
    let Some(row) = tx
        .row(Query::new("leases", text).bind(account).bind(node))
        .await?
    else {
        return Ok(());
    };
    let returned = clamp(unused, lease_amounts(&row)?);
    if returned.is_zero() {
        return Ok(());
    }
    let text = "UPDATE leases SET cost = cost - $3, tokens = tokens - $4, requests = requests - $5 \
                WHERE account_id = $1 AND node_id = $2";
    let update = with_amounts(
        Query::new("leases", text).bind(account).bind(node),
        returned,
    );
    tx.execute(update).await?;
    add_leased(&mut tx, account, -returned).await?;
    tx.commit().await
}

/// What other nodes have leased of an account and not settled yet.
pub async fn leased_by_others(
    store: &Store,
    node: &NodeId,
    account: &AccountId,
) -> Result<Amounts, StoreError> {
    let text = "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS cost, \
                CAST(COALESCE(SUM(tokens), 0) AS BIGINT) AS tokens, \
                CAST(COALESCE(SUM(requests), 0) AS BIGINT) AS requests \
                FROM leases WHERE account_id = $1 AND node_id <> $2";
    let row = store
        .row(Query::new("leases", text).bind(account).bind(node))
        .await?;
    row.as_ref().map_or(Ok(Amounts::ZERO), lease_amounts)
}

/// Keeps a node's leases; returns how many it has.
pub async fn renew(store: &Store, node: &NodeId, expires_at: Timestamp) -> Result<u64, StoreError> {
    let text = "UPDATE leases SET expires_at = $2 WHERE node_id = $1";
    store
        .execute(Query::new("leases", text).bind(node).bind(expires_at))
        .await
}

/// Takes back every lease that expired at or before `now`; returns how many.
pub async fn reclaim_expired(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let text = "SELECT account_id FROM leases WHERE expires_at <= $1 LIMIT 1";
    if store
        .row(Query::new("leases", text).bind(now))
        .await?
        .is_none()
    {
        return Ok(0);
    }
    end_leases(store, Which::Expired(now)).await
}

/// Takes back every lease of a node that has nothing in flight.
pub async fn release_node(store: &Store, node: &NodeId) -> Result<u64, StoreError> {
    end_leases(store, Which::Node(node)).await
}

/// Whose leases a statement is about.
#[derive(Clone, Copy, Debug)]
enum Which<'a> {
    One(&'a AccountId),
    Node(&'a NodeId),
    Expired(Timestamp),
}

impl Which<'_> {
    fn condition(self) -> &'static str {
        match self {
            Self::One(_) => "account_id = $1",
            Self::Node(_) => "node_id = $1",
            Self::Expired(_) => "expires_at <= $1",
        }
    }

    fn value(self) -> Value {
        match self {
            Self::One(account) => account.into(),
            Self::Node(node) => node.into(),
            Self::Expired(now) => now.into(),
        }
    }
}

async fn end_leases(store: &Store, which: Which<'_>) -> Result<u64, StoreError> {
    let mut tx = store.begin().await?;
    lock(&mut tx, which).await?;
    let text = format!(
        "DELETE FROM leases WHERE {} RETURNING account_id, cost, tokens, requests",
        which.condition()
    );
    let ended = tx
        .rows(Query::new("leases", text).bind(which.value()))
        .await?;
    for row in &ended {
        let account: AccountId = row.get("account_id")?;
        add_leased(&mut tx, &account, -lease_amounts(row)?).await?;
    }
    tx.commit().await?;
    Ok(u64::try_from(ended.len()).unwrap_or(u64::MAX))
}

/// Takes the row locks of the accounts concerned, in one order everywhere so that two nodes cannot deadlock. A
/// statement after this sees what the previous holder committed; this one itself might not.
async fn lock(tx: &mut Tx, which: Which<'_>) -> Result<(), StoreError> {
    if tx.engine() == Engine::Sqlite {
        return Ok(());
    }
    let text = format!(
        "SELECT account_id FROM accounts WHERE account_id IN (SELECT account_id FROM leases WHERE {}) \
         ORDER BY account_id FOR UPDATE",
        which.condition()
    );
    tx.rows(Query::new(TABLE, text).bind(which.value()))
        .await
        .map(drop)
}

async fn add_leased(tx: &mut Tx, account: &AccountId, change: Amounts) -> Result<(), StoreError> {
    let text = "UPDATE accounts SET leased_cost = leased_cost + $2, leased_tokens = leased_tokens + $3, \
                leased_requests = leased_requests + $4 WHERE account_id = $1";
    tx.execute(with_amounts(Query::new(TABLE, text).bind(account), change))
        .await
        .map(drop)
}

pub(super) fn with_amounts(query: Query, amounts: Amounts) -> Query {
    query
        .bind(amounts.cost)
        .bind(amounts.tokens)
        .bind(amounts.requests)
}

pub(super) fn lease_amounts(row: &Row) -> Result<Amounts, StoreError> {
    amounts(row, ["cost", "tokens", "requests"])
}

/// Each unit of `amounts`, between nothing and what is `held`.
pub(super) fn clamp(amounts: Amounts, held: Amounts) -> Amounts {
    let clamp = |amount: i64, held: i64| amount.clamp(0, held.max(0));
    Amounts {
        cost: NanoUsd(clamp(amounts.cost.0, held.cost.0)),
        tokens: clamp(amounts.tokens, held.tokens),
        requests: clamp(amounts.requests, held.requests),
    }
}
