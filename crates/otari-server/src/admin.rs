//! Management: keys, users, budgets, prices, aliases, settings, the usage log. The master key only, except where a file says more.

pub(crate) mod aliases;
pub(crate) mod allow_lists;
pub(crate) mod budgets;
pub(crate) mod code_execution_policy;
pub(crate) mod guardrail_profiles;
pub(crate) mod keys;
pub(crate) mod mcp_servers;
mod names;
pub(crate) mod pricing;
pub(crate) mod providers;
pub(crate) mod routing;
pub(crate) mod search_tools;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod tool_settings;
pub(crate) mod tri_state;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) mod web_search_policy;
pub(crate) mod workspaces;

use std::time::Duration;

use crate::state::App;

/// How long a read waits for rows that are still in the journal.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// Brings what was settled before this read into the database, so that a client sees its own calls.
pub(crate) async fn settle_first(app: &App) {
    if !app.gateway.ledger.flush(FLUSH_LIMIT).await {
        tracing::warn!(
            rows = app.gateway.ledger.waiting(),
            "answering without rows that wait for the database"
        );
    }
}
