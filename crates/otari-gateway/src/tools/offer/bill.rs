//! A single call of a tool on the bill: a flat price under `otari:<tool>`, when it succeeds.

use std::borrow::Cow;
use std::sync::Arc;

use otari_providers::{UpstreamError, UpstreamErrorKind};
use otari_tools::mcp::McpResult;
use otari_translate::Block;

use crate::Gateway;
use crate::admit::{Admitted, Refused};
use crate::error::GatewayError;
use crate::in_flight::Underway;
use crate::inbound::Inbound;
use crate::plan::{Attempt, Plan, Resilience};
use crate::reserve::{Demand, reserve};
use crate::settle::{Settlement, ToolPrices};
use crate::tools::pricing::INSTANCE;
use crate::unit::Unit;

/// Of a tool's name; servers choose theirs.
const NAME_CHARS_MAX: usize = 64;
const MESSAGE_CHARS_MAX: usize = 500;

impl Gateway {
    /// Room for one call of a tool.
    pub(super) async fn bill_tool(
        &self,
        inbound: &Inbound,
        admitted: &Admitted,
        name: &str,
    ) -> Result<Settlement, Refused> {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let demand = Demand {
            choices: 1,
            unit: Unit::Calls,
            ..Demand::default()
        };
        let billed = &admitted.billed;
        let target = self
            .targets
            .resolve(
                &format!("{INSTANCE}:{name}"),
                None,
                inbound.origin.received_at,
            )
            .await
            .map_err(|error| Refused::of(billed, error.into(), None))?;
        let plan = Plan {
            first: Attempt {
                target,
                reason: Cow::Borrowed("default"),
                platform: None,
            },
            rest: Vec::new(),
            label: None,
            route: None,
            guardrails: Vec::new(),
            resilience: Resilience::default(),
        };
        let reserved = reserve(self, billed, demand, &plan.first.target).await?;
        Underway::begin(&self.in_flight, inbound, billed, &plan);
        let price = plan.first.target.price.as_ref();
        let mut prices = ToolPrices::default();
        if let Some(point) = price {
            prices.set(name, Arc::clone(&point.price));
        }
        let origin = &inbound.origin;
        let mut settlement = Settlement::open(self, origin, billed, &plan, reserved, demand);
        settlement.set_tool_prices(prices);
        Ok(settlement)
    }
}

/// Charges a call that succeeded; one that failed leaves a row.
pub(super) async fn settle(settlement: &mut Settlement, name: &str, result: &McpResult) {
    if let Some(produced) = settlement.produced() {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        produced.tools.add(&name, result.is_error);
    }
    if !result.is_error {
        settlement.succeed().await;
        return;
    }
    let said = result.content.iter().find_map(|part| match &part.block {
        Block::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let said: String = said
        .unwrap_or("the tool failed")
        .chars()
        .take(MESSAGE_CHARS_MAX)
        .collect();
    let error = UpstreamError::new(UpstreamErrorKind::Provider, said);
    settlement
        .fail(&GatewayError::upstream(INSTANCE, error))
        .await;
}
