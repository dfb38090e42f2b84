//! What the platform has: the YAML file, read and checked as a whole.

use std::collections::BTreeMap;

use otari_metering::Price;
use otari_platform::{CodeExecutionAnswer, McpServerForm, WebSearchAnswer, split_selector};
use otari_providers::{Dialect, catalog};
use otari_types::{NanoUsd, Rate, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fault::Fault;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// Address and port to listen on.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Of the protocol's paths.
    #[serde(default = "default_base_path")]
    pub base_path: String,
    /// Of the gateways that may ask: their `OTARI_AI_TOKEN`.
    pub gateway_tokens: Vec<Secret>,
    /// By a name that reports show.
    #[serde(default)]
    pub users: BTreeMap<String, User>,
    #[serde(default)]
    pub workspaces: BTreeMap<String, Workspace>,
    /// Credentials, by the name that models begin with.
    #[serde(default)]
    pub providers: BTreeMap<String, Credential>,
    /// Names of the platform's own, each for models in the order they are tried.
    #[serde(default)]
    pub models: BTreeMap<String, Vec<String>>,
    /// By `provider:model`; `provider:*` is for the rest of a provider's.
    #[serde(default)]
    pub prices: BTreeMap<String, Rates>,
    /// By id.
    #[serde(default)]
    pub mcp_servers: BTreeMap<String, McpServerForm>,
    /// What the platform's own search service can find.
    #[serde(default)]
    pub documents: Vec<Document>,
    /// Answers in the older form, which knows one attempt only.
    #[serde(default)]
    pub flat: bool,
    /// What fails, from the start.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// Who may call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// What it presents to the gateway.
    pub tokens: Vec<Secret>,
    #[serde(default = "default_workspace")]
    pub workspace: String,
    /// `provider:model`, `provider:*`, or a name under `models`. Absent: all.
    #[serde(default)]
    pub allowed_models: Option<Vec<String>>,
    /// Dollars; absent: no limit.
    #[serde(default)]
    pub budget_usd: Option<NanoUsd>,
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    #[serde(default)]
    pub blocked: bool,
}

/// What the users of a workspace have of the gateway's tools.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    #[serde(default)]
    pub web_search: Option<WebSearchAnswer>,
    #[serde(default)]
    pub code_execution: Option<CodeExecutionAnswer>,
    /// Ids under `mcp_servers`.
    #[serde(default)]
    pub mcp_servers: Vec<String>,
}

/// What a provider is called with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// One of the gateway's providers, where the name is not one.
    #[serde(default)]
    pub provider: Option<String>,
    #[serde(default)]
    pub api_key: Option<Secret>,
    #[serde(default)]
    pub api_base: Option<String>,
    /// What only some providers read: a region, a project.
    #[serde(default)]
    pub extra_params: Map<String, Value>,
    /// Whether the credential is the platform's own, not the customer's.
    #[serde(default)]
    pub managed: bool,
    /// Absent: any.
    #[serde(default)]
    pub models: Option<Vec<String>>,
}

/// A page that is searched.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub url: String,
    pub title: String,
    pub content: String,
}

/// Dollars per million tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    pub input: Rate,
    pub output: Rate,
    #[serde(default)]
    pub cache_read: Option<Rate>,
    #[serde(default)]
    pub cache_write: Option<Rate>,
    /// As receipts name it.
    #[serde(default = "default_source")]
    pub source: String,
}

/// Everything that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl PeerConfig {
    /// Reads the document of a file.
    pub fn read(document: Value) -> Result<Self, ConfigError> {
        let config: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let path = error.path().to_string();
            ConfigError(vec![format!("{path}: {}", error.into_inner())])
        })?;
        let problems = config.problems();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(problems))
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.gateway_tokens.is_empty() {
            problems.push("gateway_tokens: needs one, the gateway's OTARI_AI_TOKEN".to_owned());
        }
        if !self.base_path.starts_with('/') {
            problems.push("base_path: must begin with a slash".to_owned());
        }
        for (name, credential) in &self.providers {
            let provider = credential.provider(name);
            if catalog::find(provider).is_none() {
                problems.push(format!(
                    "providers.{name}: '{provider}' is no provider; name one with `provider`, as openai-compatible"
                ));
            }
        }
        for (name, models) in &self.models {
            if models.is_empty() {
                problems.push(format!("models.{name}: needs one model at least"));
            }
            for model in models {
                let provider = split_selector(model).0;
                if !provider.is_some_and(|provider| self.providers.contains_key(provider)) {
                    problems.push(format!(
                        "models.{name}: '{model}' does not begin with a name under `providers`"
                    ));
                }
            }
        }
        for (name, user) in &self.users {
            let workspace = &user.workspace;
            if workspace != DEFAULT_WORKSPACE && !self.workspaces.contains_key(workspace) {
                problems.push(format!("users.{name}: there is no workspace '{workspace}'"));
            }
        }
        for (name, workspace) in &self.workspaces {
            for id in &workspace.mcp_servers {
                if !self.mcp_servers.contains_key(id) {
                    problems.push(format!("workspaces.{name}: there is no MCP server '{id}'"));
                }
            }
        }
        problems
    }

    pub(crate) fn workspace(&self, user: &User) -> Option<&Workspace> {
        self.workspaces.get(&user.workspace)
    }
}

impl Credential {
    /// The gateway's provider behind this entry.
    pub(crate) fn provider<'a>(&'a self, name: &'a str) -> &'a str {
        self.provider.as_deref().unwrap_or(name)
    }

    /// Whether its provider counts cached tokens beside the prompt's, not among them.
    pub(crate) fn counts_cached_apart(&self, name: &str) -> bool {
        let provider = catalog::find(self.provider(name));
        provider.is_some_and(|provider| {
            matches!(
                provider.dialect,
                Dialect::AnthropicMessages
                    | Dialect::VertexAnthropic
                    | Dialect::AzureAnthropic
                    | Dialect::BedrockConverse
            )
        })
    }
}

impl Rates {
    pub(crate) fn price(&self) -> Price {
        Price {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            ..Price::default()
        }
    }
}

const DEFAULT_WORKSPACE: &str = "default";

fn default_workspace() -> String {
    DEFAULT_WORKSPACE.to_owned()
}

fn default_listen() -> String {
    "127.0.0.1:8100".to_owned()
}

fn default_base_path() -> String {
    "/api/v1".to_owned()
}

fn default_source() -> String {
    "organization".to_owned()
}
