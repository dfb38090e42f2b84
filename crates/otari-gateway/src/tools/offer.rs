//! The tools outside a conversation, as `/mcp` offers them: the gateway's own, and those of the servers the caller can
//! name. Each call passes the gates of every call, and is billed as a tool's call.

mod backend;
mod bill;
mod checked;
mod chosen;
mod code;
mod connections;
mod names;
mod own;
mod stored;

use std::sync::Arc;

use otari_tools::definitions::GatewayTool;
use otari_tools::mcp::{McpResult, McpServer};
use serde_json::{Map, Value};

use super::{ToolUse, permit};
use crate::Gateway;
use crate::admit::{Admitted, Refused, admit};
use crate::credentials::Credential;
use crate::error::GatewayError;
use crate::inbound::Inbound;
use crate::settle::log_refusal;

pub use backend::WebSearch;
use chosen::Chosen;
pub(super) use code::Sessions;
pub(super) use connections::Connections;
pub use stored::{StoredCall, StoredCallError, StoredServerTools};

/// The order in which the gateway's own tools are listed.
const OWN: [GatewayTool; 3] = [
    GatewayTool::WebSearch,
    GatewayTool::WebFetch,
    GatewayTool::CodeExecution,
];

/// A tool that a caller can call.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferedTool {
    pub name: String,
    pub description: Option<String>,
    /// A JSON Schema object.
    pub input_schema: Map<String, Value>,
}

impl Gateway {
    /// The tools the holder of a credential can call now. A server that does not answer is left out.
    pub async fn offered_tools(
        &self,
        credential: &Credential,
    ) -> Result<Vec<OfferedTool>, GatewayError> {
        let now = self.clock.now();
        // The operator sees what the deployment's own workspace has.
        let caller = if self.operator.matches(credential).await? {
            None
        } else {
            Some(self.callers.identify(credential, now).await?)
        };
        let caller = caller.as_deref();
        let list = caller.and_then(|caller| caller.allowed_tools.as_ref());
        let set = self.tools.in_force();
        let own = OWN.into_iter().filter(|tool| set.is_available(*tool));
        let own = own.filter(|tool| permit::check(list, ToolUse::Own(*tool)).is_ok());
        let mut offered: Vec<OfferedTool> = own.flat_map(|tool| self.of_gateway(tool)).collect();
        let workspace = caller.and_then(|caller| caller.workspace.as_deref());
        let servers = self.tools.all_servers(workspace).await?;
        let servers = names::prefixed(servers)
            .into_iter()
            .filter(|(_, server)| permit::check(list, ToolUse::Mcp(&server.name)).is_ok());
        let owner = caller.map_or("", |caller| caller.key_id.as_str());
        let opened = servers.map(|(prefix, server)| async move {
            match self.tools.connections.open(&self.tools, owner, &server).await {
                Ok(tools) => names::offered(&prefix, tools.tools()),
                Err(error) => {
                    tracing::warn!(server = server.name, %error, "an MCP server is left out of the list of tools");
                    Vec::new()
                }
            }
        });
        for tools in futures_util::future::join_all(opened).await {
            offered.extend(tools.into_iter().map(|(tool, _)| tool));
        }
        Ok(offered)
    }

    /// Calls a tool by the name it is offered under. A tool that fails is an answer too, and costs nothing; so is one
    /// whose result a demanded guardrail withholds.
    pub async fn call_offered(
        self: &Arc<Self>,
        inbound: &Inbound,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Result<McpResult, GatewayError> {
        let refuse = |refused: Refused| {
            log_refusal(self, &inbound.origin, &refused, name);
            refused.error
        };
        let admitted = admit(self, inbound, None).await.map_err(refuse)?;
        let refused = |error| refuse(Refused::of(&admitted.billed, error, None));
        let chosen = self.choose(&admitted, name).await.map_err(refused)?;
        let checks = self
            .demanded_checks(inbound, &admitted)
            .await
            .map_err(refused)?;
        let billed_as = self.billed_as(&chosen, name).await.map_err(refused)?;
        let mut settlement = self
            .bill_tool(inbound, &admitted, billed_as)
            .await
            .map_err(refuse)?;
        let result = match &chosen {
            Chosen::Web(tool) => self.run_own(*tool, &admitted, arguments).await,
            Chosen::Program(kind) => self.run_program(*kind, &admitted, &arguments).await,
            Chosen::Mcp(server, tool) => self.run_mcp(&admitted, server, tool, arguments).await,
        };
        let result = checks.result(result).await;
        bill::settle(&mut settlement, billed_as, &result).await;
        Ok(result)
    }

    /// The name whose price counts: a kind of program has its own, or that of all programs.
    async fn billed_as<'a>(
        &self,
        chosen: &'a Chosen,
        name: &'a str,
    ) -> Result<&'a str, GatewayError> {
        if let Chosen::Program(kind) = chosen
            && let own = kind.tool_name()
            && self.tool_price(own, self.clock.now()).await?.is_some()
        {
            return Ok(own);
        }
        Ok(chosen.billed_as(name))
    }

    async fn choose(&self, admitted: &Admitted, name: &str) -> Result<Chosen, GatewayError> {
        let own = Chosen::own(name);
        if let Some((own, tool)) = own.and_then(|own| own.tool().map(|tool| (own, tool))) {
            admitted.check_tool(ToolUse::Own(tool))?;
            let workspace = admitted.workspace();
            if tool == GatewayTool::CodeExecution {
                self.tools.code_policy(workspace).await?;
            } else {
                let allowance = self.tools.web_allowance(workspace).await?;
                allowance.check(tool.kind())?;
            }
            if !self.tools.in_force().is_available(tool) {
                return Err(super::unavailable(tool));
            }
            let exempt = admitted.billed.exempt;
            self.check_tool_prices(exempt, &[tool], self.clock.now())
                .await?;
            return Ok(own);
        }
        let servers = self.tools.all_servers(admitted.workspace()).await?;
        for server in names::candidates(servers, name) {
            admitted.check_tool(ToolUse::Mcp(&server.1.name))?;
            let connections = &self.tools.connections;
            let tools = connections
                .open(&self.tools, owner(admitted), &server.1)
                .await?;
            let offered = names::offered(&server.0, tools.tools());
            if let Some((_, tool)) = offered.into_iter().find(|(tool, _)| tool.name == name) {
                return Ok(Chosen::Mcp(server.1, tool));
            }
        }
        Err(GatewayError::NoSuchTool(name.to_owned()))
    }

    async fn run_mcp(
        &self,
        admitted: &Admitted,
        server: &McpServer,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> McpResult {
        let owner = owner(admitted);
        let connections = &self.tools.connections;
        let called = match connections.open(&self.tools, owner, server).await {
            Ok(tools) => tools
                .try_call(tool, arguments)
                .await
                .map_err(GatewayError::from),
            Err(error) => Err(error),
        };
        called.unwrap_or_else(|error| {
            // The next call finds out whether the server is back.
            connections.forget(owner, server);
            McpResult::failure(error.to_string())
        })
    }
}

/// Whose connections and sessions a call uses.
fn owner(admitted: &Admitted) -> &str {
    let key = admitted.billed.key.as_ref();
    key.map_or("", |key| key.as_str())
}
