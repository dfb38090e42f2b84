//! What a workspace takes away from code execution. No row takes nothing.

use otari_types::Timestamp;

use crate::sql::{Query, Row, json_list};
use crate::{Store, StoreError};

const TABLE: &str = "workspace_code_execution_policies";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeExecutionPolicyRow {
    pub workspace_id: String,
    pub policy: CodeExecutionPolicy,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeExecutionPolicy {
    pub enabled: bool,
    pub default_purpose_hint: Option<String>,
    /// Provider calls of one request.
    pub max_iterations: Option<i64>,
    /// Seconds of one execution.
    pub exec_timeout_s: Option<i64>,
    /// Kinds of execution; `None`: all there are.
    pub tools: Option<Vec<String>>,
}

pub async fn get(
    store: &Store,
    workspace: &str,
) -> Result<Option<CodeExecutionPolicyRow>, StoreError> {
    let text = "SELECT * FROM workspace_code_execution_policies WHERE workspace_id = $1";
    let row = store.row(Query::new(TABLE, text).bind(workspace)).await?;
    row.as_ref().map(read).transpose()
}

/// Sets the workspace's policy, in place of the one it had.
pub async fn set(
    store: &Store,
    workspace: &str,
    policy: &CodeExecutionPolicy,
) -> Result<CodeExecutionPolicyRow, StoreError> {
    let text = "INSERT INTO workspace_code_execution_policies (workspace_id, enabled, default_purpose_hint, \
                max_iterations, exec_timeout_s, tools, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7) \
                ON CONFLICT (workspace_id) DO UPDATE SET enabled = excluded.enabled, \
                default_purpose_hint = excluded.default_purpose_hint, max_iterations = excluded.max_iterations, \
                exec_timeout_s = excluded.exec_timeout_s, tools = excluded.tools, updated_at = excluded.updated_at \
                RETURNING *";
    let upsert = Query::new(TABLE, text)
        .bind(workspace)
        .bind(policy.enabled)
        .bind(policy.default_purpose_hint.as_deref())
        .bind(policy.max_iterations)
        .bind(policy.exec_timeout_s)
        .bind(policy.tools.as_deref().map(json_list))
        .bind(store.now());
    let mut tx = store.begin().await?;
    let row = tx.row(upsert).await?;
    let stored = read(&row.ok_or(StoreError::NotFound)?)?;
    tx.commit().await?;
    Ok(stored)
}

/// Removes the workspace's policy; there need not be one.
pub async fn clear(store: &Store, workspace: &str) -> Result<(), StoreError> {
    let text = "DELETE FROM workspace_code_execution_policies WHERE workspace_id = $1";
    store
        .execute(Query::new(TABLE, text).bind(workspace))
        .await
        .map(drop)
}

fn read(row: &Row) -> Result<CodeExecutionPolicyRow, StoreError> {
    Ok(CodeExecutionPolicyRow {
        workspace_id: row.get("workspace_id")?,
        policy: CodeExecutionPolicy {
            enabled: row.get("enabled")?,
            default_purpose_hint: row.opt("default_purpose_hint")?,
            max_iterations: row.opt("max_iterations")?,
            exec_timeout_s: row.opt("exec_timeout_s")?,
            tools: row.json("tools")?,
        },
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
