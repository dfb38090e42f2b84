//! The gateway's own tools: what each is offered as, and how it is run.

use otari_sandbox::{ExecRequest, Kind};
use otari_tools::definitions::{GatewayTool, ToolEntry};
use otari_tools::mcp::McpResult;
use serde_json::{Map, Value};

use super::chosen::Web;
use super::{OfferedTool, owner};
use crate::Gateway;
use crate::admit::Admitted;
use crate::error::GatewayError;
use crate::tools::{ToolSet, exec_timeout, programs};

impl Gateway {
    /// The gateway's own tool; programs are one for each kind that the sandbox runs.
    pub(super) fn of_gateway(&self, tool: GatewayTool) -> Vec<OfferedTool> {
        if tool != GatewayTool::CodeExecution {
            let about = tool.description().to_owned();
            return vec![described(tool.name(), about, tool.input_schema())];
        }
        let Ok(sandbox) = self.sandbox() else {
            return Vec::new();
        };
        let kinds = Kind::ALL.into_iter().filter(|kind| sandbox.runs(*kind));
        let offered = kinds.map(|kind| {
            let about = programs::description(kind, &sandbox);
            described(kind.tool_name(), about, programs::input_schema(kind))
        });
        offered.collect()
    }

    pub(super) async fn run_own(
        &self,
        tool: Web,
        admitted: &Admitted,
        arguments: Map<String, Value>,
    ) -> McpResult {
        let member = match tool {
            Web::Search => "query",
            Web::Fetch => "url",
        };
        let Some(text) = arguments.get(member).and_then(Value::as_str) else {
            return McpResult::failure(format!("the argument '{member}' must be a text"));
        };
        let set = self.tools.in_force();
        let ran = match tool {
            Web::Search => self.search_for(&set, admitted, text).await,
            Web::Fetch => self.read_page(&set, admitted, text).await,
        };
        ran.unwrap_or_else(|error| McpResult::failure(error.to_string()))
    }

    pub(super) async fn run_program(
        &self,
        kind: Kind,
        admitted: &Admitted,
        arguments: &Map<String, Value>,
    ) -> McpResult {
        let program = match programs::program(kind, arguments) {
            Ok(program) => program,
            Err(told) => return McpResult::failure(told),
        };
        let ready = async {
            let policy = self.tools.code_policy(admitted.workspace()).await?;
            Ok::<_, GatewayError>((self.sandbox()?, exec_timeout(policy.as_ref())))
        };
        match ready.await {
            Ok((sandbox, timeout)) => {
                let request = ExecRequest {
                    program,
                    timeout,
                    tool_use_id: None,
                };
                self.tools
                    .sessions
                    .run(&sandbox, owner(admitted), request)
                    .await
            }
            Err(error) => McpResult::failure(error.to_string()),
        }
    }

    async fn search_for(
        &self,
        set: &ToolSet,
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
        set: &ToolSet,
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
}

/// A tool that is described by a schema.
fn described(name: &str, description: String, schema: Value) -> OfferedTool {
    OfferedTool {
        name: name.to_owned(),
        description: Some(description),
        input_schema: match schema {
            Value::Object(schema) => schema,
            _ => Map::new(),
        },
    }
}
