//! Stored routing policies: for everybody, or for one user, whose own policy goes first.

use otari_types::{Timestamp, UserId};

use super::named::Named;
use crate::StoreError;
use crate::sql::Row;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    pub id: String,
    pub name: String,
    /// JSON, as it was written.
    pub spec: String,
    /// `None`: for everybody.
    pub user_id: Option<UserId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The table.
pub const POLICIES: Named<PolicyRow> = Named {
    table: "routing_policies",
    value: "spec",
    what: "routing policy",
    read,
};

fn read(row: &Row) -> Result<PolicyRow, StoreError> {
    Ok(PolicyRow {
        id: row.get("id")?,
        name: row.get("name")?,
        spec: row.get("spec")?,
        user_id: row.opt("user_id")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
