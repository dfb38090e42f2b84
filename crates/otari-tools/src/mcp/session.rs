//! One connected server.

use std::process::Stdio;
use std::time::Duration;

use otari_types::Secret;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig,
    Implementation, PaginatedRequestParams, ProtocolVersion, Tool,
};
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{RoleClient, ServiceError};
use serde_json::{Map, Value};
use tokio::process::Command;

use super::http::{Faults, McpHttp};
use super::{McpCommand, McpEndpoint, McpFault, McpLimits, McpResult, McpServer, result};
use crate::guarded_client::GuardedClient;

const CLOSE_WITHIN: Duration = Duration::from_secs(3);
const LIST_PAGES_MAX: usize = 32;
/// Of the server's own words.
const MESSAGE_CHARS: usize = 300;

#[derive(Debug)]
pub(super) struct Session {
    server: String,
    running: RunningService<RoleClient, ClientConfig>,
    tools: Vec<Tool>,
    faults: Faults,
    limits: McpLimits,
}

impl Session {
    pub(super) async fn open(
        client: &GuardedClient,
        server: &McpServer,
        limits: McpLimits,
    ) -> Result<Self, McpFault> {
        let faults = Faults::default();
        let running = match &server.endpoint {
            McpEndpoint::Http { url, token } | McpEndpoint::Trusted { url, token } => {
                let http = McpHttp::new(client.clone(), token.clone(), limits, faults.clone());
                connect(&http, url).await
            }
            McpEndpoint::Stdio(command) => connect_stdio(command).await?,
        };
        let running = running.map_err(|error| faults.take().unwrap_or_else(|| said(&error)))?;
        let mut session = Self {
            server: server.name.clone(),
            running,
            tools: Vec::new(),
            faults,
            limits,
        };
        session.tools = session.list(&server.allowed_tools).await?;
        Ok(session)
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn tools(&self) -> &[Tool] {
        &self.tools
    }

    async fn list(&self, allowed: &[String]) -> Result<Vec<Tool>, McpFault> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..LIST_PAGES_MAX {
            let mut params = PaginatedRequestParams::default();
            params.cursor = cursor;
            let page = self.running.peer().list_tools(Some(params)).await;
            let page = page.map_err(|error| self.fault(&error))?;
            let wanted = page
                .tools
                .into_iter()
                .filter(|tool| allowed.is_empty() || allowed.iter().any(|name| *name == tool.name));
            tools.extend(wanted);
            cursor = page.next_cursor;
            if cursor.is_none() || tools.len() >= self.limits.tools {
                break;
            }
        }
        tools.truncate(self.limits.tools);
        Ok(tools)
    }

    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<McpResult, McpFault> {
        let found = self.ask(tool, arguments).await?;
        Ok(result::read(found, self.limits.result_chars))
    }

    /// The result as the server wrote it.
    pub(super) async fn call_native(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<Value, McpFault> {
        let found = self.ask(tool, arguments).await?;
        serde_json::to_value(found).map_err(|_| McpFault::Protocol)
    }

    async fn ask(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<CallToolResult, McpFault> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let call = self.running.peer().call_tool_once(params);
        // Dropping the call tells the server that nobody waits any more.
        let answer = tokio::time::timeout(self.limits.call, call).await;
        let answer = answer.map_err(|_| McpFault::Timeout)?;
        match answer.map_err(|error| self.fault(&error))? {
            CallToolResponse::Complete(found) => Ok(found),
            _ => Err(McpFault::Refused(
                "it asks for something that cannot be given here".to_owned(),
            )),
        }
    }

    pub(super) async fn close(mut self) {
        // A server that does not let go is left to its own timeout.
        let _ = self.running.close_with_timeout(CLOSE_WITHIN).await;
    }

    fn fault(&self, error: &ServiceError) -> McpFault {
        if let ServiceError::McpError(error) = error {
            return McpFault::Refused(shown(&error.message));
        }
        if let Some(fault) = self.faults.take() {
            return fault;
        }
        match error {
            ServiceError::Timeout { .. } => McpFault::Timeout,
            _ => McpFault::Protocol,
        }
    }
}

type Connected = Result<RunningService<RoleClient, ClientConfig>, ClientInitializeError>;

/// By the handshake all servers of before 2026-07-28 know, then, if one refuses that, as newer ones want it.
async fn connect(http: &McpHttp, url: &str) -> Connected {
    let legacy = serve(http, url, ClientLifecycleMode::Initialize).await;
    let refused = matches!(
        legacy,
        Err(ClientInitializeError::JsonRpcError(_)
            | ClientInitializeError::ExpectedInitResponse(_)
            | ClientInitializeError::ExpectedInitResult(_)
            | ClientInitializeError::NoCompatibleProtocolVersion { .. })
    );
    if !refused {
        return legacy;
    }
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    serve(
        http,
        url,
        ClientLifecycleMode::Discover { preferred_versions },
    )
    .await
}

async fn serve(http: &McpHttp, url: &str, mode: ClientLifecycleMode) -> Connected {
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let transport = StreamableHttpClientTransport::with_client(http.clone(), config);
    identity().serve_with_lifecycle(transport, mode).await
}

async fn connect_stdio(command: &McpCommand) -> Result<Connected, McpFault> {
    let mut process = Command::new(&command.program);
    process.args(&command.args).env_clear().kill_on_drop(true);
    // The gateway's own environment holds its keys.
    if let Some(path) = std::env::var_os("PATH") {
        process.env("PATH", path);
    }
    let env = command.env.iter();
    process.envs(env.map(|(name, value)| (name, Secret::expose(value))));
    let spawned = TokioChildProcess::builder(process)
        .stderr(Stdio::null())
        .spawn();
    let (transport, _) = spawned.map_err(|error| {
        tracing::warn!(program = command.program, %error, "an MCP server does not start");
        McpFault::NotStarted
    })?;
    Ok(identity()
        .serve_with_lifecycle(transport, ClientLifecycleMode::Initialize)
        .await)
}

fn identity() -> ClientConfig {
    ClientConfig::new(
        ClientCapabilities::default(),
        Implementation::new("otari", env!("CARGO_PKG_VERSION")),
    )
}

fn said(error: &ClientInitializeError) -> McpFault {
    match error {
        ClientInitializeError::JsonRpcError(error) => McpFault::Refused(shown(&error.message)),
        _ => McpFault::Protocol,
    }
}

fn shown(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS).collect()
}
