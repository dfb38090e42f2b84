//! Tools of MCP servers: connect, list, call. Streamable HTTP goes through the URL guard; a server on stdio is a
//! program, so only the operator can name one.

mod http;
mod names;
mod native;
mod result;
mod session;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::future::join_all;
use otari_translate::{FunctionTool, Part};
use otari_types::Secret;
use serde_json::{Map, Value};

use crate::guarded_client::{GuardedClient, HttpError};
use crate::url_guard::{Reason, Refusal};

use session::Session;

pub use native::NativeTool;

/// A server whose tools take part in a request.
#[derive(Clone, Debug)]
pub struct McpServer {
    /// The caller's name for it; prefixes tool names that collide.
    pub name: String,
    pub endpoint: McpEndpoint,
    pub purpose_hint: Option<String>,
    /// Only these tools; all of them when empty.
    pub allowed_tools: Vec<String>,
}

/// Where a server is.
#[derive(Clone, Debug)]
pub enum McpEndpoint {
    /// Streamable HTTP, with a bearer token if the server wants one.
    Http { url: String, token: Option<Secret> },
    /// The same at an address the operator vouches for. Never made from anything a request says.
    Trusted { url: String, token: Option<Secret> },
    /// A program. Never made from anything a request says.
    Stdio(McpCommand),
}

/// A program that speaks MCP on its standard input and output. It inherits no environment but `PATH`.
#[derive(Clone, Debug)]
pub struct McpCommand {
    pub program: String,
    pub args: Vec<String>,
    pub env: Vec<(String, Secret)>,
}

impl McpServer {
    /// Tells it from every server that is set up differently, without saying what its token is.
    pub fn identity(&self) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        match &self.endpoint {
            McpEndpoint::Http { token, .. } | McpEndpoint::Trusted { token, .. } => {
                token.hash(&mut hasher);
            }
            McpEndpoint::Stdio(command) => command.env.hash(&mut hasher),
        }
        format!("{self:?} {:016x}", hasher.finish())
    }
}

/// Bounds of one server's part in a request.
#[derive(Clone, Copy, Debug)]
pub struct McpLimits {
    /// To connect and list the tools.
    pub open: Duration,
    pub call: Duration,
    /// Of one server; the rest is left out.
    pub tools: usize,
    /// Of one answer on the wire.
    pub answer_bytes: usize,
    /// Of one result's text, all blocks together.
    pub result_chars: usize,
}

impl Default for McpLimits {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(10),
            call: Duration::from_mins(1),
            tools: 128,
            answer_bytes: 4 << 20,
            result_chars: 100_000,
        }
    }
}

/// Why a server cannot take part, or a call to it failed. The texts may be shown to callers and models.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MCP server {server}: {fault}")]
pub struct McpError {
    pub server: String,
    pub fault: McpFault,
}

impl McpError {
    /// Whether the server's address is one that may not be visited: the caller's mistake, not the server's.
    pub fn is_refused(&self) -> bool {
        matches!(self.fault, McpFault::Http(HttpError::Refused(_)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum McpFault {
    #[error(transparent)]
    Http(HttpError),
    #[error("it refused the credential (status {0})")]
    Unauthorized(u16),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("it did not answer in time")]
    Timeout,
    #[error("its program does not start")]
    NotStarted,
    #[error("it does not speak MCP as expected")]
    Protocol,
    /// The server's own words.
    #[error("{0}")]
    Refused(String),
}

/// What a call brought back.
#[derive(Clone, Debug, PartialEq)]
pub struct McpResult {
    pub content: Vec<Part>,
    pub is_error: bool,
}

impl McpResult {
    /// One text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            content: vec![Part::text(text)],
            is_error: false,
        }
    }

    /// A failure in words for the model.
    pub fn failure(text: impl Into<String>) -> Self {
        Self {
            is_error: true,
            ..Self::text(text)
        }
    }
}

/// A tool as the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct McpTool {
    pub function: FunctionTool,
    /// The server it belongs to.
    pub server: String,
    /// Its name there.
    pub original: String,
}

/// Opens servers.
#[derive(Clone, Debug)]
pub struct McpClient {
    client: GuardedClient,
    /// For addresses the operator vouches for.
    trusted: GuardedClient,
    limits: McpLimits,
}

impl McpClient {
    pub fn new(client: GuardedClient, limits: McpLimits) -> Self {
        Self {
            trusted: client.clone(),
            client,
            limits,
        }
    }

    /// Visits [`McpEndpoint::Trusted`] servers through `trusted`.
    #[must_use]
    pub fn trusting(self, trusted: GuardedClient) -> Self {
        Self { trusted, ..self }
    }

    /// Whether a server may be visited: for when it is stored, and before anything of a request is done.
    pub async fn check(&self, server: &McpServer) -> Result<(), Refusal> {
        let McpEndpoint::Http { url, token } = &server.endpoint else {
            return Ok(());
        };
        let checked = self.client.guard().check_resolved(url).await?;
        if token.is_some() && checked.scheme() != "https" {
            let host = checked.host_str().unwrap_or("url");
            return Err(Refusal::new(host, Reason::Insecure));
        }
        Ok(())
    }

    /// Connects to all servers at once and lists their tools. `taken` are the names the model already knows. One
    /// server that fails fails all: a model without the tools it was promised answers something else.
    pub async fn open(
        &self,
        servers: &[McpServer],
        taken: &HashSet<String>,
    ) -> Result<McpTools, McpError> {
        let opened = join_all(servers.iter().map(|server| self.open_one(server))).await;
        let sessions: Vec<Session> = opened.into_iter().collect::<Result<_, _>>()?;
        let (tools, routes) = names::assign(&sessions, taken);
        Ok(McpTools {
            hints: hints(servers),
            sessions,
            tools,
            routes,
        })
    }

    async fn open_one(&self, server: &McpServer) -> Result<Session, McpError> {
        let fault = |fault| McpError {
            server: server.name.clone(),
            fault,
        };
        let refused = |refusal| fault(McpFault::Http(HttpError::Refused(refusal)));
        self.check(server).await.map_err(refused)?;
        let client = match &server.endpoint {
            McpEndpoint::Trusted { .. } => &self.trusted,
            McpEndpoint::Http { .. } | McpEndpoint::Stdio(_) => &self.client,
        };
        let opening = Session::open(client, server, self.limits);
        let opened = tokio::time::timeout(self.limits.open, opening).await;
        opened.unwrap_or(Err(McpFault::Timeout)).map_err(fault)
    }
}

fn hints(servers: &[McpServer]) -> Vec<(String, String)> {
    let hinted = servers.iter().filter_map(|server| {
        let hint = server.purpose_hint.as_ref()?;
        Some((server.name.clone(), hint.clone()))
    });
    hinted.collect()
}

/// The tools of all servers of one request, connected. Dropping it closes the connections in the background.
#[derive(Debug)]
pub struct McpTools {
    sessions: Vec<Session>,
    tools: Vec<McpTool>,
    /// From the name the model knows to the session and the name there.
    routes: HashMap<String, (usize, String)>,
    hints: Vec<(String, String)>,
}

impl McpTools {
    /// In the order of the servers.
    pub fn tools(&self) -> &[McpTool] {
        &self.tools
    }

    /// Server name and what its tools are for, of the servers that say so.
    pub fn hints(&self) -> &[(String, String)] {
        &self.hints
    }

    pub fn owns(&self, name: &str) -> bool {
        self.routes.contains_key(name)
    }

    /// Calls a tool by the name the model knows. Calls may run at the same time. A failure is a result too: the model
    /// is to read it.
    pub async fn call(&self, name: &str, arguments: Map<String, Value>) -> McpResult {
        match self.try_call(name, arguments).await {
            Ok(result) => result,
            Err(error) => McpResult::failure(error.to_string()),
        }
    }

    /// The same for who wants to know a tool that failed from a server that does not answer.
    pub async fn try_call(
        &self,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Result<McpResult, McpError> {
        let route = self.routes.get(name);
        let found = route.and_then(|(at, tool)| Some((self.sessions.get(*at)?, tool)));
        let Some((session, tool)) = found else {
            return Ok(McpResult::failure(format!("there is no tool named {name}")));
        };
        let called = session.call(tool, arguments).await;
        called.map_err(|fault| McpError {
            server: session.server().to_owned(),
            fault,
        })
    }

    /// Ends the sessions in an orderly way, within a bound.
    pub async fn close(self) {
        join_all(self.sessions.into_iter().map(Session::close)).await;
    }
}
