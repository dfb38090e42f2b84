//! MCP servers that requests name: configured ones by name, stored ones by id.

use otari_config::section::tools::{McpServerSpec, McpTransport};
use otari_store::workspace_mcp_servers::{self, McpServerRow};
use otari_store::{Page, SealError, Sealer};
use otari_tools::mcp::{McpCommand, McpEndpoint, McpServer};
use otari_types::Secret;

use super::Tools;
use crate::Gateway;
use crate::admit::Admitted;
use crate::error::GatewayError;
use crate::hybrid::ControlPlane;

impl Gateway {
    /// The servers behind `mcp_server_ids`, in either mode. Configured ones go by their names in both.
    pub(crate) async fn named_servers(
        &self,
        admitted: &Admitted,
        names: &[String],
    ) -> Result<Vec<McpServer>, GatewayError> {
        let ControlPlane::Platform(platform) = &self.control else {
            return self.tools.named_servers(admitted.workspace(), names).await;
        };
        let configured = &self.tools.configured.mcp_servers.0;
        let mut servers = Vec::new();
        let mut elsewhere: Vec<String> = Vec::new();
        for name in names {
            match configured.get(name) {
                Some(spec) => servers.push(of_operator(name, spec)),
                None if elsewhere.contains(name) => {}
                None => elsewhere.push(name.clone()),
            }
        }
        if !elsewhere.is_empty() {
            let token = admitted.billed.token()?;
            let asked = platform.mcp_servers(token, &elsewhere);
            servers.extend(Box::pin(asked).await?);
        }
        Ok(servers)
    }
}

impl Tools {
    /// The servers behind `mcp_server_ids`, in that order and each once. A configured server goes by its name, a
    /// stored one by its id; `workspace` is the key's, `None` the deployment's only one. Disabled servers are left
    /// out without a word; an unknown one is [`GatewayError::McpServerNotFound`].
    pub(crate) async fn named_servers(
        &self,
        workspace: Option<&str>,
        names: &[String],
    ) -> Result<Vec<McpServer>, GatewayError> {
        let workspace = self.workspace_or_default(workspace);
        let mut servers = Vec::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            if names.iter().take(at).any(|earlier| earlier == name) {
                continue;
            }
            if let Some(spec) = self.configured.mcp_servers.0.get(name) {
                servers.push(of_operator(name, spec));
                continue;
            }
            let row = workspace_mcp_servers::get(&self.store, workspace, name).await?;
            let row = row.ok_or_else(|| GatewayError::McpServerNotFound(name.clone()))?;
            if row.enabled {
                servers.push(self.stored(row)?);
            }
        }
        Ok(servers)
    }

    /// Every server a caller of this workspace can name, configured ones first.
    pub(crate) async fn all_servers(
        &self,
        workspace: Option<&str>,
    ) -> Result<Vec<McpServer>, GatewayError> {
        let configured = self.configured.mcp_servers.0.iter();
        let mut servers: Vec<McpServer> = configured
            .map(|(name, spec)| of_operator(name, spec))
            .collect();
        let workspace = self.workspace_or_default(workspace);
        let stored = workspace_mcp_servers::list(&self.store, workspace, &Page::all()).await?;
        for row in stored.into_iter().filter(|row| row.enabled) {
            match self.stored(row) {
                Ok(server) => servers.push(server),
                // One that cannot be used must not take the others along.
                Err(error) => tracing::warn!(%error, "a stored MCP server is left out"),
            }
        }
        Ok(servers)
    }

    /// The workspace named, or the deployment's only one.
    pub fn workspace_or_default<'a>(&'a self, workspace: Option<&'a str>) -> &'a str {
        workspace.unwrap_or(&self.workspace)
    }

    pub(super) fn stored(&self, row: McpServerRow) -> Result<McpServer, GatewayError> {
        let token = match &row.sealed_token {
            None => None,
            Some(sealed) => {
                let opened = open(
                    self.sealer.as_ref(),
                    workspace_mcp_servers::TABLE,
                    &row.id,
                    sealed,
                );
                Some(opened.map_err(|error| GatewayError::Sealed {
                    what: format!("the token of MCP server '{}'", row.name),
                    error,
                })?)
            }
        };
        Ok(McpServer {
            name: row.name,
            endpoint: McpEndpoint::Http {
                url: row.url,
                token,
            },
            purpose_hint: row.purpose_hint,
            allowed_tools: row.allowed_tools.unwrap_or_default(),
        })
    }
}

/// Opens a stored secret. One that cannot be opened for want of a key is unreadable too, not the caller's mistake.
pub(super) fn open(
    sealer: Option<&Sealer>,
    table: &str,
    row: &str,
    sealed: &str,
) -> Result<Secret, SealError> {
    let sealer = sealer.ok_or(SealError::CannotOpen)?;
    sealer.open(table, row, sealed)
}

fn of_operator(name: &str, spec: &McpServerSpec) -> McpServer {
    let endpoint = match &spec.transport {
        McpTransport::Stdio { command, args, env } => McpEndpoint::Stdio(McpCommand {
            program: command.clone(),
            args: args.clone(),
            env: env.clone(),
        }),
        McpTransport::Http { url, token } => McpEndpoint::Trusted {
            url: url.clone(),
            token: token.clone(),
        },
    };
    McpServer {
        name: name.to_owned(),
        endpoint,
        purpose_hint: spec.purpose_hint.clone(),
        allowed_tools: spec.allowed_tools.clone(),
    }
}
