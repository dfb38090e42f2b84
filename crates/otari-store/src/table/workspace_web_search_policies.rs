//! What a workspace takes away from web search and web fetch. No row takes nothing.

use otari_types::Timestamp;
use serde_json::{Map, Value};

use crate::sql::{Query, Row, json_list};
use crate::{Store, StoreError};

const TABLE: &str = "workspace_web_search_policies";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSearchPolicyRow {
    pub workspace_id: String,
    pub policy: WebSearchPolicy,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSearchPolicy {
    pub enabled: bool,
    /// Most results of one search.
    pub max_results: Option<i64>,
    pub purpose_hint: Option<String>,
    /// `None`: every site.
    pub allowed_domains: Option<Vec<String>>,
    pub blocked_domains: Option<Vec<String>>,
    /// Under the service's own names, below what a request says.
    pub provider_options: Option<Map<String, Value>>,
}

pub async fn get(store: &Store, workspace: &str) -> Result<Option<WebSearchPolicyRow>, StoreError> {
    let text = "SELECT * FROM workspace_web_search_policies WHERE workspace_id = $1";
    let row = store.row(Query::new(TABLE, text).bind(workspace)).await?;
    row.as_ref().map(read).transpose()
}

/// Sets the workspace's policy, in place of the one it had.
pub async fn set(
    store: &Store,
    workspace: &str,
    policy: &WebSearchPolicy,
) -> Result<WebSearchPolicyRow, StoreError> {
    let text = "INSERT INTO workspace_web_search_policies (workspace_id, enabled, max_results, purpose_hint, \
                allowed_domains, blocked_domains, provider_options, created_at, updated_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
                ON CONFLICT (workspace_id) DO UPDATE SET enabled = excluded.enabled, \
                max_results = excluded.max_results, purpose_hint = excluded.purpose_hint, \
                allowed_domains = excluded.allowed_domains, blocked_domains = excluded.blocked_domains, \
                provider_options = excluded.provider_options, updated_at = excluded.updated_at RETURNING *";
    let options = policy.provider_options.clone();
    let upsert = Query::new(TABLE, text)
        .bind(workspace)
        .bind(policy.enabled)
        .bind(policy.max_results)
        .bind(policy.purpose_hint.as_deref())
        .bind(policy.allowed_domains.as_deref().map(json_list))
        .bind(policy.blocked_domains.as_deref().map(json_list))
        .bind(options.map(|options| Value::Object(options).to_string()))
        .bind(store.now());
    let mut tx = store.begin().await?;
    let row = tx.row(upsert).await?;
    let stored = read(&row.ok_or(StoreError::NotFound)?)?;
    tx.commit().await?;
    Ok(stored)
}

/// Removes the workspace's policy; there need not be one.
pub async fn clear(store: &Store, workspace: &str) -> Result<(), StoreError> {
    let text = "DELETE FROM workspace_web_search_policies WHERE workspace_id = $1";
    store
        .execute(Query::new(TABLE, text).bind(workspace))
        .await
        .map(drop)
}

fn read(row: &Row) -> Result<WebSearchPolicyRow, StoreError> {
    Ok(WebSearchPolicyRow {
        workspace_id: row.get("workspace_id")?,
        policy: WebSearchPolicy {
            enabled: row.get("enabled")?,
            max_results: row.opt("max_results")?,
            purpose_hint: row.opt("purpose_hint")?,
            allowed_domains: row.json("allowed_domains")?,
            blocked_domains: row.json("blocked_domains")?,
            provider_options: row.json("provider_options")?,
        },
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
