//! Stored names for models: for everybody, or for one user, whose own name goes first.

use otari_types::{Timestamp, UserId};

use super::named::Named;
use crate::StoreError;
use crate::sql::Row;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasRow {
    pub id: String,
    pub name: String,
    /// `instance:model`.
    pub target: String,
    /// `None`: for everybody.
    pub user_id: Option<UserId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The table.
pub const ALIASES: Named<AliasRow> = Named {
    table: "model_aliases",
    value: "target",
    what: "alias",
    read,
};

fn read(row: &Row) -> Result<AliasRow, StoreError> {
    Ok(AliasRow {
        id: row.get("id")?,
        name: row.get("name")?,
        target: row.get("target")?,
        user_id: row.opt("user_id")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
