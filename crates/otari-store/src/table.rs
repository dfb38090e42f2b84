//! One module per table: its row as a plain struct, and the functions that read and write it.

pub mod accounts;
pub mod api_keys;
pub mod batch_lines;
pub mod batches;
pub mod budget_reset_logs;
pub mod budgets;
pub mod files;
pub mod model_aliases;
pub mod model_pricing;
mod named;
pub mod responses;
pub mod routing_memory;
pub mod routing_policies;
pub mod runtime_settings;
pub mod search_tools;
pub mod task_leases;
pub mod usage;
pub mod users;
pub mod workspace_code_execution_policies;
pub mod workspace_mcp_servers;
pub mod workspace_web_search_policies;
