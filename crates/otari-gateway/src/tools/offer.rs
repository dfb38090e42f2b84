//! The tools outside a conversation, as `/mcp` offers them: the gateway's own, and those of the servers the caller can
//! name. Each call passes the gates of every call, and is billed as a tool's call.

mod backend;
mod bill;
mod code;
mod connections;
mod names;
mod stored;

use otari_sandbox::ExecRequest;
use otari_tools::definitions::{GatewayTool, ToolEntry};
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
        let mut offered: Vec<OfferedTool> = own.map(of_gateway).collect();
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

    /// Calls a tool by the name it is offered under. A tool that fails is an answer too, and costs nothing.
    pub async fn call_offered(
        &self,
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
        let billed_as = chosen.billed_as(name);
        let mut settlement = self
            .bill_tool(inbound, &admitted, billed_as)
            .await
            .map_err(refuse)?;
        let result = match &chosen {
            Chosen::Own(tool) => self.run_own(*tool, &admitted, arguments).await,
            Chosen::Mcp(server, tool) => self.run_mcp(&admitted, server, tool, arguments).await,
        };
        bill::settle(&mut settlement, billed_as, &result).await;
        Ok(result)
    }

    async fn choose(&self, admitted: &Admitted, name: &str) -> Result<Chosen, GatewayError> {
        if let Some(tool) = OWN.into_iter().find(|tool| tool.name() == name) {
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
            return Ok(Chosen::Own(tool));
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

    async fn run_own(
        &self,
        tool: GatewayTool,
        admitted: &Admitted,
        arguments: Map<String, Value>,
    ) -> McpResult {
        let member = match tool {
            GatewayTool::WebSearch => "query",
            GatewayTool::WebFetch => "url",
            GatewayTool::CodeExecution => "code",
        };
        let Some(text) = arguments.get(member).and_then(Value::as_str) else {
            return McpResult::failure(format!("the argument '{member}' must be a text"));
        };
        let set = self.tools.in_force();
        let ran = match tool {
            GatewayTool::WebSearch => self.search_for(&set, admitted, text).await,
            GatewayTool::WebFetch => self.read_page(&set, admitted, text).await,
            GatewayTool::CodeExecution => self.run_program(admitted, text).await,
        };
        ran.unwrap_or_else(|error| McpResult::failure(error.to_string()))
    }

    async fn run_program(
        &self,
        admitted: &Admitted,
        program: &str,
    ) -> Result<McpResult, GatewayError> {
        let sandbox = self.sandbox()?;
        let policy = self.tools.code_policy(admitted.workspace()).await?;
        let request = ExecRequest {
            timeout: super::exec_timeout(policy.as_ref()),
            ..ExecRequest::python(program)
        };
        let owner = owner(admitted);
        Ok(self.tools.sessions.run(&sandbox, owner, request).await)
    }

    async fn search_for(
        &self,
        set: &super::ToolSet,
        admitted: &Admitted,
        text: &str,
    ) -> Result<McpResult, GatewayError> {
        let search = set.require_web_search()?;
        let allowance = self.tools.web_allowance(admitted.workspace()).await?;
        let query = ToolEntry::default().query(text, set.max_results());
        let answer = search.search(&allowance.narrow(query)).await;
        Ok(match answer {
            Ok(answer) => McpResult::text(answer.text()),
            Err(error) => McpResult::failure(error.to_string()),
        })
    }

    async fn read_page(
        &self,
        set: &super::ToolSet,
        admitted: &Admitted,
        url: &str,
    ) -> Result<McpResult, GatewayError> {
        let fetch = set.require_web_fetch()?;
        let allowance = self.tools.web_allowance(admitted.workspace()).await?;
        let forbidden = || McpResult::failure("pages of this site may not be read here");
        if !allowance.permits_page(url) {
            return Ok(forbidden());
        }
        Ok(match fetch.read(url).await {
            Ok(page) if !allowance.permits_page(&page.url) => forbidden(),
            Ok(page) => McpResult::text(page.shown()),
            Err(error) => McpResult::failure(error.to_string()),
        })
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

/// What a name stands for.
enum Chosen {
    Own(GatewayTool),
    /// A server, and the name its connection knows the tool by.
    Mcp(McpServer, String),
}

impl Chosen {
    /// A server's tool goes by its own name, as in a conversation, unless that is the name of one of the gateway's.
    fn billed_as<'a>(&'a self, offered: &'a str) -> &'a str {
        match self {
            Self::Own(tool) => tool.name(),
            Self::Mcp(_, tool) if OWN.into_iter().any(|own| own.name() == tool) => offered,
            Self::Mcp(_, tool) => tool,
        }
    }
}

/// Whose connections and sessions a call uses.
fn owner(admitted: &Admitted) -> &str {
    let key = admitted.billed.key.as_ref();
    key.map_or("", |key| key.as_str())
}

fn of_gateway(tool: GatewayTool) -> OfferedTool {
    let schema = match tool.input_schema() {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    OfferedTool {
        name: tool.name().to_owned(),
        description: Some(tool.description().to_owned()),
        input_schema: schema,
    }
}
