//! What a call of a tool costs: dollars per million successful calls, under `otari:<tool>`.

use std::sync::Arc;

use otari_metering::Price;
use otari_tools::definitions::GatewayTool;
use otari_types::Timestamp;

use crate::Gateway;
use crate::error::GatewayError;

/// Under which tools are priced.
pub(crate) const INSTANCE: &str = "otari";

impl Gateway {
    /// The price of one tool's calls, by the name it is billed under. `None`: they are free.
    pub(crate) async fn tool_price(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Price>>, GatewayError> {
        let target = self
            .targets
            .resolve(&format!("{INSTANCE}:{name}"), None, now)
            .await?;
        Ok(target.price.as_ref().map(|point| Arc::clone(&point.price)))
    }

    /// That each of these tools has a price, where one is required. MCP tools need none: their names are of others'
    /// choosing.
    pub(crate) async fn check_tool_prices(
        &self,
        exempt: bool,
        tools: &[GatewayTool],
        now: Timestamp,
    ) -> Result<(), GatewayError> {
        if exempt || !self.settings.require_pricing() {
            return Ok(());
        }
        for tool in tools {
            if self.tool_price(tool.name(), now).await?.is_none() {
                return Err(GatewayError::ToolUnpriced(tool.name().to_owned()));
            }
        }
        Ok(())
    }
}
