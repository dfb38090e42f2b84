//! Who does a piece of background work that only one node at a time shall do.

use otari_types::{NodeId, Timestamp};

use crate::sql::Query;
use crate::{Store, StoreError};

const TABLE: &str = "task_leases";

/// Takes or renews `task` until `until`; `false` when another node has it.
pub async fn take(
    store: &Store,
    task: &str,
    node: &NodeId,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let text = "INSERT INTO task_leases (task, node_id, expires_at) VALUES ($1, $2, $3) \
                ON CONFLICT (task) DO UPDATE SET node_id = excluded.node_id, expires_at = excluded.expires_at \
                WHERE task_leases.node_id = excluded.node_id OR task_leases.expires_at <= $4";
    let query = Query::new(TABLE, text)
        .bind(task)
        .bind(node)
        .bind(until)
        .bind(store.now());
    Ok(store.execute(query).await? > 0)
}
