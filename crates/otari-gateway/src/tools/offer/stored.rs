//! A stored MCP server for callers that run the conversation themselves: what it offers, and one call that they have
//! permitted.

use std::sync::Arc;

use otari_store::workspace_mcp_servers::{self, McpServerRow};
use otari_tools::mcp::{McpError, McpResult, McpServer, NativeTool};
use serde_json::{Map, Value};

use super::{bill, owner};
use crate::Gateway;
use crate::admit::{Admitted, Refused, admit};
use crate::credentials::{Credential, hash_token};
use crate::error::GatewayError;
use crate::inbound::Inbound;
use crate::operator::to_hex;
use crate::settle::log_refusal;
use crate::tools::{ToolUse, permit};

/// What a stored server offers.
#[derive(Clone, Debug)]
pub struct StoredServerTools {
    /// Changes when the server is set up differently.
    pub revision: String,
    pub tools: Vec<NativeTool>,
}

/// One call of a tool of a stored server.
#[derive(Clone, Debug)]
pub struct StoredCall {
    pub server: String,
    /// As it was told with the tools.
    pub revision: String,
    /// By the server's own name.
    pub tool: String,
    pub arguments: Map<String, Value>,
}

/// Why such a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum StoredCallError {
    /// The tool did not run.
    #[error(transparent)]
    NotStarted(#[from] GatewayError),
    /// The server was set up anew since its tools were told.
    #[error("the MCP server was changed since its tools were listed; list them again")]
    Changed,
    #[error("the MCP server has no tool named '{0}'")]
    NoSuchTool(String),
    /// The call was sent; whether the tool ran is not known.
    #[error(transparent)]
    OutcomeUnknown(McpError),
}

impl Gateway {
    /// The tools of a stored server, in its words.
    pub async fn stored_server_tools(
        &self,
        credential: &Credential,
        server: &str,
    ) -> Result<StoredServerTools, GatewayError> {
        let caller = if self.operator.matches(credential).await? {
            None
        } else {
            let now = self.clock.now();
            Some(self.callers.identify(credential, now).await?)
        };
        let caller = caller.as_deref();
        let workspace = caller.and_then(|caller| caller.workspace.as_deref());
        let server = self.stored_server(workspace, server).await?;
        let list = caller.and_then(|caller| caller.allowed_tools.as_ref());
        permit::check(list, ToolUse::Mcp(&server.name))?;
        let owner = caller.map_or("", |caller| caller.key_id.as_str());
        let connections = &self.tools.connections;
        let opened = connections.open(&self.tools, owner, &server).await?;
        Ok(StoredServerTools {
            revision: revision(&server),
            tools: opened.native_tools(),
        })
    }

    /// Calls a tool of a stored server once, and answers what the server answered, as far as the guardrails that the
    /// operator demands let it be read.
    pub async fn call_stored(
        self: &Arc<Self>,
        inbound: &Inbound,
        call: StoredCall,
    ) -> Result<Value, StoredCallError> {
        let refuse = |refused: Refused| {
            log_refusal(self, &inbound.origin, &refused, &call.tool);
            refused.error
        };
        let admitted = admit(self, inbound, None).await.map_err(refuse)?;
        let refused = |error| refuse(Refused::of(&admitted.billed, error, None));
        let server = self
            .permitted_server(&admitted, &call.server)
            .await
            .map_err(refused)?;
        if revision(&server) != call.revision {
            return Err(StoredCallError::Changed);
        }
        let owner = owner(&admitted);
        let connections = &self.tools.connections;
        let opened = connections
            .open(&self.tools, owner, &server)
            .await
            .map_err(refused)?;
        if !opened.has(&call.tool) {
            return Err(StoredCallError::NoSuchTool(call.tool));
        }
        let checks = self
            .demanded_checks(inbound, &admitted)
            .await
            .map_err(refused)?;
        let mut settlement = self
            .bill_tool(inbound, &admitted, &call.tool)
            .await
            .map_err(refuse)?;
        let called = opened.call_native(&call.tool, call.arguments).await;
        let called = called.ok_or_else(|| StoredCallError::NoSuchTool(call.tool.clone()))?;
        let called = match called {
            Ok(result) => Ok(checks.native(result).await),
            Err(error) => Err(error),
        };
        let result = match &called {
            Ok(result) => read(result),
            Err(error) => McpResult::failure(error.to_string()),
        };
        bill::settle(&mut settlement, &call.tool, &result).await;
        called.map_err(|error| {
            connections.forget(owner, &server);
            StoredCallError::OutcomeUnknown(error)
        })
    }

    async fn permitted_server(
        &self,
        admitted: &Admitted,
        id: &str,
    ) -> Result<McpServer, GatewayError> {
        let server = self.stored_server(admitted.workspace(), id).await?;
        admitted.check_tool(ToolUse::Mcp(&server.name))?;
        Ok(server)
    }

    /// One that is switched off is as none.
    async fn stored_server(
        &self,
        workspace: Option<&str>,
        id: &str,
    ) -> Result<McpServer, GatewayError> {
        let workspace = self.tools.workspace_or_default(workspace);
        let row = workspace_mcp_servers::get(&self.tools.store, workspace, id).await?;
        let row = row.filter(|row: &McpServerRow| row.enabled);
        let row = row.ok_or_else(|| GatewayError::McpServerNotFound(id.to_owned()))?;
        self.tools.stored(row)
    }
}

/// Says that a server is set up as it was, and nothing of how.
fn revision(server: &McpServer) -> String {
    to_hex(&hash_token(&server.identity()))
}

/// What of a native result decides about the bill.
fn read(result: &Value) -> McpResult {
    let is_error = result.get("isError").and_then(Value::as_bool) == Some(true);
    let texts = result.get("content").and_then(Value::as_array);
    let mut texts = texts
        .into_iter()
        .flatten()
        .filter_map(|block| block.get("text")?.as_str());
    McpResult {
        is_error,
        ..McpResult::text(texts.next().unwrap_or_default())
    }
}
