//! The only SQL: one history of migrations per engine, one module per table, sealing of secrets.
//!
//! [`Store`] is a handle to SQLite (one writer, several readers) or PostgreSQL (a pool). Every table is a module
//! of plain functions that take it; one SQL text serves both engines unless a module says otherwise. Writes that
//! other nodes cache the result of announce themselves with a [`Change`] in the same transaction.

mod changes;
mod error;
mod migrate;
mod options;
mod page;
mod seal;
mod sql;
mod store;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;

pub use changes::{Change, Changes};
pub use error::StoreError;
pub use options::StoreOptions;
pub use page::{Cursor, Order, Page, Start};
pub use seal::{SealError, Sealer};
pub use sql::Patch;
pub use store::{Engine, Store};
pub use table::{
    accounts, api_keys, batch_lines, batches, budget_reset_logs, budgets, files, model_aliases,
    model_pricing, responses, routing_memory, routing_policies, runtime_settings, search_tools,
    task_leases, usage, users, workspace_code_execution_policies, workspace_mcp_servers,
    workspace_web_search_policies,
};
