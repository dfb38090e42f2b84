//! What a call costs, and what its usage row says of how.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use otari_metering::{
    BillingMeters, CallCost, CallUnit, CostLine, ExactUsd, Price, cost_of_all, per_call_cost,
};
use otari_metering::{CallLine, Cost};
use otari_tools::tool_loop::{ToolCount, ToolTally};
use otari_types::NanoUsd;
use serde::Serialize;

use super::{Ending, Open};

/// What calls of the gateway's own tools cost, by the tool's name. A tool that is not here is free.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToolPrices(HashMap<String, Arc<Price>>);

/// What a usage row keeps of a cost. `total` is `None` where nothing has a price.
#[derive(Default)]
pub(super) struct Bill {
    pub(super) total: Option<NanoUsd>,
    /// JSON: a list of lines.
    pub(super) breakdown: Option<String>,
    /// JSON: what was counted.
    pub(super) meters: Option<String>,
}

impl ToolPrices {
    pub(crate) fn set(&mut self, tool: String, price: Arc<Price>) {
        self.0.insert(tool, price);
    }

    pub(crate) fn cost(&self, tally: &ToolTally) -> NanoUsd {
        let costs = tally.counts().iter().filter_map(|count| self.of(count));
        costs.fold(NanoUsd::ZERO, |sum, cost| sum + cost.total)
    }

    /// What these calls would cost if all succeed.
    pub(crate) fn cost_of_calls<'a>(&self, names: impl Iterator<Item = &'a str>) -> NanoUsd {
        let prices = names.filter_map(|name| self.0.get(name));
        prices.fold(NanoUsd::ZERO, |sum, price| {
            sum + per_call_cost(price, CallUnit::Call, "", 1).total
        })
    }

    fn of(&self, count: &ToolCount) -> Option<CallCost> {
        let price = self.0.get(&count.tool)?;
        let meter = format!("{}_calls", count.tool);
        Some(per_call_cost(
            price,
            CallUnit::Call,
            &meter,
            i64::from(count.billed),
        ))
    }

    fn unit_rate(&self, tool: &str) -> Option<ExactUsd> {
        let price = self.0.get(tool)?;
        let one = per_call_cost(price, CallUnit::Call, "", 1);
        one.line.map(|line| line.unit_rate)
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Line {
    Tokens(CostLine),
    Calls(CallLine),
}

#[derive(Serialize)]
struct Meters<'a> {
    #[serde(flatten)]
    tokens: Option<BillingMeters>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tools: BTreeMap<&'a str, ToolMeter>,
}

#[derive(Serialize)]
struct ToolMeter {
    billed: u32,
    errors: u32,
    unit_rate: Option<ExactUsd>,
}

impl Open {
    pub(super) fn bill(&self, ending: &Ending) -> Bill {
        if let Some((unit, meter)) = self.demand.unit.by_piece() {
            return self.bill_of_pieces(ending, unit, meter);
        }
        let price = self.price.as_ref().filter(|_| !ending.turns.is_empty());
        let tokens = price.map(|price| cost_of_all(price, &ending.turns));
        if self.produced.tools.counts().is_empty() {
            return tokens.map_or_else(Bill::default, |cost| Bill {
                total: Some(cost.total),
                breakdown: Some(cost.breakdown_json()),
                meters: Some(cost.meters_json()),
            });
        }
        self.bill_with_tools(tokens)
    }

    fn bill_of_pieces(&self, ending: &Ending, unit: CallUnit, meter: &'static str) -> Bill {
        let (Some(price), Some(pieces)) = (&self.price, ending.pieces) else {
            return Bill::default();
        };
        let cost = per_call_cost(price, unit, meter, pieces);
        Bill {
            total: Some(cost.total),
            breakdown: cost
                .line
                .and_then(|line| serde_json::to_string(&[line]).ok()),
            meters: None,
        }
    }

    fn bill_with_tools(&self, tokens: Option<Cost>) -> Bill {
        let counts = self.produced.tools.counts();
        let costs: Vec<CallCost> = counts
            .iter()
            .filter_map(|count| self.tool_prices.of(count))
            .collect();
        let is_priced = tokens.is_some() || !costs.is_empty();
        let total = costs.iter().fold(
            tokens.as_ref().map_or(NanoUsd::ZERO, |cost| cost.total),
            |sum, cost| sum + cost.total,
        );
        let meters = Meters {
            tokens: tokens.as_ref().map(|cost| cost.meters),
            tools: counts
                .iter()
                .map(|count| {
                    let meter = ToolMeter {
                        billed: count.billed,
                        errors: count.errors,
                        unit_rate: self.tool_prices.unit_rate(&count.tool),
                    };
                    (count.tool.as_str(), meter)
                })
                .collect(),
        };
        let of_tokens = tokens.iter().flat_map(|cost| cost.lines.iter().copied());
        let of_tools = costs.into_iter().filter_map(|cost| cost.line);
        let lines: Vec<Line> = of_tokens
            .map(Line::Tokens)
            .chain(of_tools.map(Line::Calls))
            .collect();
        Bill {
            total: is_priced.then_some(total),
            breakdown: serde_json::to_string(&lines).ok().filter(|_| is_priced),
            meters: serde_json::to_string(&meters).ok(),
        }
    }
}
