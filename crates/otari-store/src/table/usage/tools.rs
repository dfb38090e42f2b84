//! What the tools that the gateway runs came to.
//!
//! A row's meters have `"tools": {name: {"billed", "errors", "unit_rate"}}`, the rate in dollars per call.

use otari_types::{NanoUsd, Rate};

use super::TABLE;
use crate::sql::Query;
use crate::tx::Tx;
use crate::usage::{ToolUse, UsageFilter};
use crate::{Engine, StoreError};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolTotals {
    pub tool: &'static str,
    /// Billed ones.
    pub calls: i64,
    /// Calls that failed and were not billed.
    pub errors: i64,
    /// Rows in which the tool ran at least once.
    pub requests: i64,
    pub cost: NanoUsd,
}

/// Dearest first; tools that never ran are left out.
pub(super) async fn tools(
    tx: &mut Tx,
    filter: &UsageFilter,
) -> Result<Vec<ToolTotals>, StoreError> {
    let mut tools = Vec::new();
    for (tool, name) in [
        (ToolUse::WebSearch, "web_search"),
        (ToolUse::CodeExecution, "code_execution"),
    ] {
        let total = total(tx, filter, tool, name).await?;
        tools.extend(Some(total).filter(|total| total.requests > 0));
    }
    tools.sort_by_key(|total| std::cmp::Reverse((total.cost, total.calls)));
    Ok(tools)
}

async fn total(
    tx: &mut Tx,
    filter: &UsageFilter,
    tool: ToolUse,
    name: &'static str,
) -> Result<ToolTotals, StoreError> {
    let member = |member: &str| match tx.engine() {
        // JSON text of the value, so that a rate is not read as a float.
        Engine::Sqlite => format!("(l.billing_meters -> '$.tools.{name}.{member}')"),
        Engine::Postgres => format!("(l.billing_meters::jsonb #>> '{{tools,{name},{member}}}')"),
    };
    let count =
        |member: String| format!("CAST(COALESCE(SUM(CAST({member} AS BIGINT)), 0) AS BIGINT)");
    let rate = member("unit_rate");
    let text = format!(
        "SELECT {rate} AS rate, {} AS calls, {} AS errors, COUNT(*) AS requests FROM usage_logs l WHERE 1 = 1",
        count(member("billed")),
        count(member("errors"))
    );
    let mut query = Query::new(TABLE, text);
    filter.apply(&mut query);
    query.push(tool.condition());
    query.push(&format!(" GROUP BY {rate}"));
    let mut total = ToolTotals {
        tool: name,
        ..ToolTotals::default()
    };
    for row in tx.rows(query).await? {
        let calls = row.get("calls")?;
        let rate: Option<String> = row.opt("rate")?;
        total.calls += calls;
        total.errors += row.get::<i64>("errors")?;
        total.requests += row.get::<i64>("requests")?;
        total.cost += rate.map_or(NanoUsd::ZERO, |rate| price(&rate, calls));
    }
    Ok(total)
}

/// A rate that is no number costs nothing, as its row did.
fn price(rate: &str, calls: i64) -> NanoUsd {
    // Dollars a call read as dollars per million: a million times too few.
    let rate = Rate::parse(rate).unwrap_or_default();
    Rate::round(rate.times(calls).saturating_mul(1_000_000))
}
