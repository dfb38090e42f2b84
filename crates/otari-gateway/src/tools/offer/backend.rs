//! A search with the gateway's own web search, outside a conversation: what another gateway or an application asks for
//! as it would ask a search service.

use std::sync::Arc;

use otari_tools::definitions::{GatewayTool, ToolEntry};
use otari_tools::mcp::McpResult;
use otari_tools::search::SearchHit;
use serde_json::{Map, Value};

use super::bill;
use crate::Gateway;
use crate::admit::{Refused, admit};
use crate::error::GatewayError;
use crate::inbound::Inbound;
use crate::settle::log_refusal;

const TOOL: GatewayTool = GatewayTool::WebSearch;

/// One search.
#[derive(Clone, Debug, Default)]
pub struct WebSearch {
    pub text: String,
    pub max_results: Option<usize>,
    /// Of the service's own settings; those it lists as harmless are sent.
    pub options: Map<String, Value>,
}

impl Gateway {
    /// What web search finds, without pages that a guardrail withholds which the operator demands. Billed as one call of
    /// the tool.
    pub async fn search_web(
        self: &Arc<Self>,
        inbound: &Inbound,
        search: WebSearch,
    ) -> Result<Vec<SearchHit>, GatewayError> {
        let refuse = |refused: Refused| {
            log_refusal(self, &inbound.origin, &refused, TOOL.name());
            refused.error
        };
        let admitted = admit(self, inbound, None).await.map_err(refuse)?;
        let refused = |error| refuse(Refused::of(&admitted.billed, error, None));
        self.choose(&admitted, TOOL.name()).await.map_err(refused)?;
        let set = self.tools.in_force();
        let service = set.require_web_search().map_err(refused)?;
        let allowance = self.tools.web_allowance(admitted.workspace()).await?;
        let checks = self
            .demanded_checks(inbound, &admitted)
            .await
            .map_err(refused)?;
        let mut settlement = self
            .bill_tool(inbound, &admitted, TOOL.name())
            .await
            .map_err(refuse)?;
        let entry = ToolEntry {
            max_results: search.max_results,
            provider_options: Some(search.options),
            ..ToolEntry::default()
        };
        let query = entry.query(&search.text, set.max_results());
        let found = service.search(&allowance.narrow(query)).await;
        let result = match &found {
            Ok(answer) => McpResult::text(answer.text()),
            Err(error) => McpResult::failure(error.to_string()),
        };
        bill::settle(&mut settlement, TOOL.name(), &result).await;
        match found {
            Ok(answer) => Ok(checks.hits(answer.hits).await),
            Err(error) => Err(super::super::search::service_failure(error)),
        }
    }
}
