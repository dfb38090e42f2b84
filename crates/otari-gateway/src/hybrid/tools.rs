//! What the platform says of the gateway's tools: whether a caller may have them, and which servers its ids mean.

use otari_platform::{
    CodeExecutionAnswer, McpResolveRequest, McpResolveResponse, WebSearchAnswer, path,
};
use otari_store::workspace_code_execution_policies::CodeExecutionPolicy;
use otari_store::workspace_web_search_policies::WebSearchPolicy;
use otari_tools::mcp::{McpEndpoint, McpServer};
use otari_types::Secret;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::client::Question;
use super::{Platform, UserToken};
use crate::error::GatewayError;

const WEB_SEARCH: Question = Question {
    path: path::WEB_SEARCH,
    fallback: "The platform refused web search to this token",
};
const CODE_EXECUTION: Question = Question {
    path: path::CODE_EXECUTION,
    fallback: "The platform refused code execution to this token",
};
const MCP_SERVERS: Question = Question {
    path: path::MCP_SERVERS,
    fallback: "The platform refused these MCP servers to this token",
};

impl Platform {
    /// What the caller's workspace leaves of web search.
    pub(crate) async fn web_search_policy(
        &self,
        token: &UserToken,
    ) -> Result<WebSearchPolicy, GatewayError> {
        let question = json!({});
        let asked = self.client.ask(WEB_SEARCH, token, &question, read);
        let answer: WebSearchAnswer = asked.await?;
        Ok(WebSearchPolicy {
            enabled: answer.enabled,
            max_results: answer.max_results,
            purpose_hint: answer.purpose_hint,
            allowed_domains: answer.allowed_domains,
            blocked_domains: answer.blocked_domains,
            provider_options: answer.provider_options,
        })
    }

    /// What it leaves of code execution.
    pub(crate) async fn code_policy(
        &self,
        token: &UserToken,
    ) -> Result<CodeExecutionPolicy, GatewayError> {
        let question = json!({});
        let asked = self.client.ask(CODE_EXECUTION, token, &question, read);
        let answer: CodeExecutionAnswer = asked.await?;
        Ok(CodeExecutionPolicy {
            enabled: answer.enabled,
            default_purpose_hint: answer.default_purpose_hint,
            max_iterations: answer.max_iterations,
            exec_timeout_s: answer.exec_timeout_s,
            tools: answer.tools,
        })
    }

    /// The servers behind ids.
    pub(crate) async fn mcp_servers(
        &self,
        token: &UserToken,
        ids: &[String],
    ) -> Result<Vec<McpServer>, GatewayError> {
        let question = McpResolveRequest {
            mcp_server_ids: ids.to_vec(),
        };
        let asked = self.client.ask(MCP_SERVERS, token, &question, read);
        let answer: McpResolveResponse = asked.await?;
        let servers = answer.servers.into_iter().map(|server| McpServer {
            name: server.name,
            endpoint: McpEndpoint::Http {
                url: server.url,
                token: server.authorization_token.map(Secret::new),
            },
            purpose_hint: server.purpose_hint,
            allowed_tools: server.allowed_tools.unwrap_or_default(),
        });
        Ok(servers.collect())
    }
}

/// An object: serde would take a list for one, too.
fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    serde_json::from_value(Value::Object(members)).ok()
}
