//! MCP servers of the operator's: programs, or addresses that callers could not name themselves.

use std::collections::BTreeMap;
use std::fmt;

use otari_types::Secret;
use serde_json::{Value, json};

use crate::problem::{Problem, ProblemKind, Report};
use crate::setting::{Map, Reader, Setting, redact_url};

/// MCP servers by the name requests give in `mcp_server_ids`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct McpServers(pub BTreeMap<String, McpServerSpec>);

/// An MCP server of the operator's.
#[derive(Clone, PartialEq)]
pub struct McpServerSpec {
    pub transport: McpTransport,
    pub purpose_hint: Option<String>,
    /// Only these tools; all when empty.
    pub allowed_tools: Vec<String>,
}

/// How the server is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum McpTransport {
    /// A program that speaks MCP on its standard input and output, started for each request.
    Stdio {
        command: String,
        args: Vec<String>,
        env: Vec<(String, Secret)>,
    },
    /// Streamable HTTP, at any address.
    Http { url: String, token: Option<Secret> },
}

impl McpServerSpec {
    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let map = Map::read(value, path, report)?;
        let mut reader = Reader::new(&map, path, report);
        let command: Option<String> = reader.optional("command", None);
        let url: Option<String> = reader.optional("url", None);
        let args = reader.optional("args", None).unwrap_or_default();
        let variables: Map = reader.optional("env", None).unwrap_or_default();
        let token = reader.optional("authorization_token", None);
        let mut env = Vec::new();
        for (name, value) in &variables {
            let path = reader.path(&format!("env.{name}"));
            let value = Secret::read(value, &path, reader.report);
            env.extend(value.map(|value| (name.clone(), value)));
        }
        let transport = match (command, url) {
            (Some(command), None) => McpTransport::Stdio { command, args, env },
            (None, Some(url)) => McpTransport::Http { url, token },
            _ => {
                let message = "needs either `command` or `url`";
                reader
                    .report
                    .problem(Problem::new(path, ProblemKind::Missing, message));
                return None;
            }
        };
        let spec = Self {
            transport,
            purpose_hint: reader.optional("purpose_hint", None),
            allowed_tools: reader.optional("allowed_tools", None).unwrap_or_default(),
        };
        reader.warn_of_unknown_keys();
        Some(spec)
    }

    fn shown(&self) -> Value {
        let mut shown = match &self.transport {
            McpTransport::Stdio { command, args, env } => {
                let env: Map = env
                    .iter()
                    .map(|(name, value)| (name.clone(), value.show()))
                    .collect();
                json!({"command": command, "args": args, "env": env})
            }
            McpTransport::Http { url, token } => {
                json!({"url": redact_url(url), "authorization_token": token.show()})
            }
        };
        if let Value::Object(shown) = &mut shown {
            shown.insert("purpose_hint".to_owned(), self.purpose_hint.show());
            shown.insert("allowed_tools".to_owned(), self.allowed_tools.show());
        }
        shown
    }
}

impl Setting for McpServers {
    const TYPE: &'static str =
        "a mapping of name to `{command, args, env}` or `{url, authorization_token}`";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let mut servers = BTreeMap::new();
        for (name, written) in &Map::read(value, path, report)? {
            let path = format!("{path}.{name}");
            if let Some(spec) = McpServerSpec::read(written, &path, report) {
                servers.insert(name.clone(), spec);
            }
        }
        Some(Self(servers))
    }

    fn show(&self) -> Value {
        let shown = self.0.iter();
        shown
            .map(|(name, server)| (name.clone(), server.shown()))
            .collect()
    }
}

impl fmt::Debug for McpServerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "McpServerSpec({})", self.shown())
    }
}
