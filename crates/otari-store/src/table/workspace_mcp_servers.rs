//! MCP servers that a workspace's requests name by id.

use otari_types::{Timestamp, new_id};

use crate::page::{Order, paginate};
use crate::sql::{Query, Row, Update, json_list};
use crate::{Engine, Page, Patch, Store, StoreError};

pub const TABLE: &str = "workspace_mcp_servers";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpServerRow {
    pub id: String,
    pub workspace_id: String,
    /// Unique in its workspace.
    pub name: String,
    pub url: String,
    /// Sealed for this table and the server's id.
    pub sealed_token: Option<String>,
    pub purpose_hint: Option<String>,
    /// `None`: all of its tools.
    pub allowed_tools: Option<Vec<String>>,
    pub enabled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A server to store.
#[derive(Clone, Debug)]
pub struct NewMcpServer {
    /// Made before the token is sealed for it.
    pub id: String,
    pub workspace_id: String,
    pub name: String,
    pub url: String,
    pub sealed_token: Option<String>,
    pub purpose_hint: Option<String>,
    pub allowed_tools: Option<Vec<String>>,
    pub enabled: bool,
}

impl NewMcpServer {
    /// An enabled server without a token.
    pub fn of(workspace: &str, name: &str, url: &str) -> Self {
        Self {
            id: new_id(),
            workspace_id: workspace.to_owned(),
            name: name.to_owned(),
            url: url.to_owned(),
            sealed_token: None,
            purpose_hint: None,
            allowed_tools: None,
            enabled: true,
        }
    }
}

/// What to change; `None` leaves as is.
#[derive(Clone, Debug, Default)]
pub struct McpServerPatch {
    pub name: Option<String>,
    pub url: Option<String>,
    pub sealed_token: Patch<String>,
    pub purpose_hint: Patch<String>,
    pub allowed_tools: Patch<Vec<String>>,
    pub enabled: Option<bool>,
}

/// Oldest first.
pub async fn list(
    store: &Store,
    workspace: &str,
    page: &Page,
) -> Result<Vec<McpServerRow>, StoreError> {
    let text = "SELECT * FROM workspace_mcp_servers WHERE workspace_id = $1";
    let mut query = Query::new(TABLE, text).bind(workspace);
    paginate(&mut query, page, ("created_at", "id"), Order::OldestFirst);
    store.rows(query).await?.iter().map(read).collect()
}

pub async fn count(store: &Store, workspace: &str) -> Result<i64, StoreError> {
    let text = "SELECT COUNT(*) AS n FROM workspace_mcp_servers WHERE workspace_id = $1";
    let row = store.row(Query::new(TABLE, text).bind(workspace)).await?;
    row.map_or(Ok(0), |row| row.get("n"))
}

pub async fn get(
    store: &Store,
    workspace: &str,
    id: &str,
) -> Result<Option<McpServerRow>, StoreError> {
    let row = store.row(one(workspace, id)).await?;
    row.as_ref().map(read).transpose()
}

/// Stores a server, unless its workspace has `max` already: `None`. [`StoreError::Conflict`] when it has one of this name.
pub async fn insert(
    store: &Store,
    server: &NewMcpServer,
    max: i64,
) -> Result<Option<McpServerRow>, StoreError> {
    let text = "INSERT INTO workspace_mcp_servers (id, workspace_id, name, url, sealed_token, purpose_hint, \
                allowed_tools, enabled, created_at, updated_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $9 \
                WHERE (SELECT COUNT(*) FROM workspace_mcp_servers WHERE workspace_id = $2) < $10 RETURNING *";
    let insert = Query::new(TABLE, text)
        .bind(&server.id)
        .bind(&server.workspace_id)
        .bind(&server.name)
        .bind(&server.url)
        .bind(server.sealed_token.as_deref())
        .bind(server.purpose_hint.as_deref())
        .bind(server.allowed_tools.as_deref().map(json_list))
        .bind(server.enabled)
        .bind(store.now())
        .bind(max);
    let mut tx = store.begin().await?;
    // Whoever counts must see what others add at the same moment; on SQLite writes queue anyway.
    if tx.engine() == Engine::Postgres {
        let text = "LOCK TABLE workspace_mcp_servers IN SHARE ROW EXCLUSIVE MODE";
        tx.execute(Query::new(TABLE, text)).await?;
    }
    let row = tx.row(insert).await.map_err(named_twice)?;
    let server = row.as_ref().map(read).transpose()?;
    tx.commit().await?;
    Ok(server)
}

pub async fn update(
    store: &Store,
    workspace: &str,
    id: &str,
    patch: &McpServerPatch,
) -> Result<McpServerRow, StoreError> {
    let allowed = patch.allowed_tools.as_ref();
    let mut update = Update::new(TABLE, "updated_at", store.now())
        .set("name", patch.name.clone())
        .set("url", patch.url.clone())
        .set("sealed_token", patch.sealed_token.clone())
        .set("purpose_hint", patch.purpose_hint.clone())
        .set(
            "allowed_tools",
            allowed.map(|list| list.as_deref().map(json_list)),
        )
        .set("enabled", patch.enabled)
        .of("id", id);
    update.push_with(" AND workspace_id = ?", workspace);
    let mut tx = store.begin().await?;
    if tx.execute(update).await.map_err(named_twice)? == 0 {
        return Err(StoreError::NotFound);
    }
    let row = tx.row(one(workspace, id)).await?;
    let server = read(&row.ok_or(StoreError::NotFound)?)?;
    tx.commit().await?;
    Ok(server)
}

pub async fn delete(store: &Store, workspace: &str, id: &str) -> Result<(), StoreError> {
    let text = "DELETE FROM workspace_mcp_servers WHERE workspace_id = $1 AND id = $2";
    let delete = Query::new(TABLE, text).bind(workspace).bind(id);
    if store.execute(delete).await? == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(())
}

fn one(workspace: &str, id: &str) -> Query {
    let text = "SELECT * FROM workspace_mcp_servers WHERE workspace_id = $1 AND id = $2";
    Query::new(TABLE, text).bind(workspace).bind(id)
}

fn named_twice(error: StoreError) -> StoreError {
    error.or_conflict("an MCP server of this name", "workspace")
}

fn read(row: &Row) -> Result<McpServerRow, StoreError> {
    Ok(McpServerRow {
        id: row.get("id")?,
        workspace_id: row.get("workspace_id")?,
        name: row.get("name")?,
        url: row.get("url")?,
        sealed_token: row.opt("sealed_token")?,
        purpose_hint: row.opt("purpose_hint")?,
        allowed_tools: row.json("allowed_tools")?,
        enabled: row.get("enabled")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
