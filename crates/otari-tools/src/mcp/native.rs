//! A server's tools and results in its own words, for callers that run the conversation themselves.

use serde_json::{Map, Value};

use super::session::Session;
use super::{McpError, McpTools};

/// A tool as its server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeTool {
    pub name: String,
    pub description: Option<String>,
    /// A JSON Schema object.
    pub input_schema: Map<String, Value>,
    /// What the server says of its effects. Nobody has checked it.
    pub annotations: Option<Value>,
}

impl McpTools {
    /// The tools of all its servers, as they describe them.
    pub fn native_tools(&self) -> Vec<NativeTool> {
        let tools = self.sessions.iter().flat_map(Session::tools);
        let described = tools.map(|tool| NativeTool {
            name: tool.name.to_string(),
            description: tool.description.as_deref().map(str::to_owned),
            input_schema: (*tool.input_schema).clone(),
            annotations: tool
                .annotations
                .as_ref()
                .and_then(|said| serde_json::to_value(said).ok()),
        });
        described.collect()
    }

    /// Whether a server has a tool it calls so.
    pub fn has(&self, tool: &str) -> bool {
        let mut sessions = self.sessions.iter();
        sessions.any(|session| session.tools().iter().any(|known| known.name == tool))
    }

    /// Calls a tool by its server's name for it, of the first server that has one so named. `None`: none has.
    pub async fn call_native(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Option<Result<Value, McpError>> {
        let session = self
            .sessions
            .iter()
            .find(|session| session.tools().iter().any(|known| known.name == tool))?;
        let called = session.call_native(tool, arguments).await;
        Some(called.map_err(|fault| McpError {
            server: session.server().to_owned(),
            fault,
        }))
    }
}
