//! The walk of a search: a flat price, or what the service says it charged.

mod asked;

use std::sync::Arc;

use bytes::Bytes;
use otari_metering::Price;
use otari_providers::{UpstreamError, UpstreamErrorKind};
use otari_tools::HttpError;
use otari_tools::definitions::GatewayTool;
use otari_tools::search::{SearchError, SearchHit};
use otari_types::{NanoUsd, Rate};
use serde_json::{Value, json};

use super::search_tools::SearchTool;
use super::{ToolUse, WebAllowance};
use crate::Gateway;
use crate::admit::{Admitted, Refused, admit};
use crate::error::GatewayError;
use crate::in_flight::Underway;
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::plan::{Attempt, Plan, plan};
use crate::request::parse_members;
use crate::reserve::{Demand, reserve};
use crate::settle::{Settlement, log_refusal};
use crate::unit::Unit;

use asked::Asked;

/// A search that passed the gates.
struct Begun {
    admitted: Admitted,
    plan: Plan,
    settlement: Settlement,
    tool: SearchTool,
    allowance: WebAllowance,
}

impl Gateway {
    /// Answers one search with the tool the address names, else the one the body names, else the only one.
    pub async fn search(
        &self,
        inbound: &Inbound,
        named: Option<&str>,
    ) -> Result<Reply, GatewayError> {
        let members = parse_members(&inbound.body)?;
        let asked = Asked::read(&members)?;
        let mut begun = self.begin_search(inbound, &asked, named).await?;
        let answered = match begun.tool.ready() {
            Ok(search) => {
                let query = begun.allowance.narrow(asked.query());
                let answer = search.search(&query).await;
                answer.map_err(|error| failure(&begun.tool, error))
            }
            Err(error) => Err(error),
        };
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) => {
                begun.settlement.fail(&error).await;
                return Err(error);
            }
        };
        if let Some(cost) = answer.cost {
            begun.settlement.aim(&at_cost(&begun.plan.first, cost));
        }
        begun.settlement.succeed().await;
        let results = answer.hits.iter().map(|hit| shown(hit, asked.page_chars()));
        let body = json!({
            "object": "search", "search_tool": begun.tool.name, "results": results.collect::<Vec<_>>(),
        });
        Ok(Reply {
            body: ReplyBody::Json(Bytes::from(body.to_string())),
            guardrails: None,
            container: None,
            rate: begun.admitted.rate,
        })
    }

    /// The gates, in the order of every call; which tool is meant stands where the model of others does.
    async fn begin_search(
        &self,
        inbound: &Inbound,
        asked: &Asked<'_>,
        named: Option<&str>,
    ) -> Result<Begun, GatewayError> {
        let requested = named.or(asked.tool.as_deref());
        let refuse = |refused: Refused| {
            log_refusal(
                self,
                &inbound.origin,
                &refused,
                requested.unwrap_or("search"),
            );
            refused.error
        };
        let admitted = admit(self, inbound, asked.user.as_deref())
            .await
            .map_err(refuse)?;
        let set = self.tools.in_force();
        let found = match set.search_tool(requested) {
            Ok(tool) => self
                .may_search(&admitted, tool)
                .await
                .map(|allowed| (tool.clone(), allowed)),
            Err(error) => Err(error),
        };
        let (tool, allowance) =
            found.map_err(|error| refuse(Refused::of(&admitted.billed, error, None)))?;
        let demand = Demand {
            choices: 1,
            unit: Unit::Calls,
            ..Demand::default()
        };
        let model = format!("{}:{}", tool.provider.as_str(), tool.name);
        let plan = plan(self, inbound, &model, &admitted)
            .await
            .map_err(refuse)?;
        let reserved = reserve(self, &admitted.billed, demand, &plan.first.target)
            .await
            .map_err(refuse)?;
        let settlement = Settlement::open(
            self,
            &inbound.origin,
            &admitted.billed,
            &plan,
            reserved,
            demand,
        );
        Underway::begin(&self.in_flight, inbound, &admitted.billed, &plan);
        Ok(Begun {
            admitted,
            plan,
            settlement,
            tool,
            allowance,
        })
    }

    async fn may_search(
        &self,
        admitted: &Admitted,
        tool: &SearchTool,
    ) -> Result<WebAllowance, GatewayError> {
        admitted.check_tool(ToolUse::Search(&tool.name))?;
        let allowance = self.tools.web_allowance(admitted.workspace()).await?;
        allowance.check("search")?;
        Ok(allowance)
    }
}

/// The same attempt at the price the service named for this one search.
fn at_cost(attempt: &Attempt, cost: NanoUsd) -> Attempt {
    // A rate is dollars per million calls in units of 1e-8, a cost dollars in units of 1e-9.
    const RATE_OF_NANO: i64 = 100_000;
    let price = Price {
        input: Rate(cost.0.saturating_mul(RATE_OF_NANO)),
        ..Price::default()
    };
    Attempt {
        target: Arc::new(attempt.target.at_price(price)),
        ..attempt.clone()
    }
}

fn shown(hit: &SearchHit, chars: usize) -> Value {
    let text = hit.content.as_deref().unwrap_or(&hit.snippet);
    let text: String = text.chars().take(chars).collect();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "title": some(&hit.title), "url": hit.url, "snippet": some(&text), "date": hit.published,
    })
}

fn failure(tool: &SearchTool, error: SearchError) -> GatewayError {
    of_service(tool.provider.as_str(), error)
}

/// The failure of the service behind web search.
pub(super) fn service_failure(error: SearchError) -> GatewayError {
    of_service(GatewayTool::WebSearch.name(), error)
}

fn of_service(name: &str, error: SearchError) -> GatewayError {
    use UpstreamErrorKind as Kind;
    let text = error.to_string();
    let error = match error {
        SearchError::EmptyQuery => {
            return GatewayError::field(&["query"], "missing", "Field required");
        }
        SearchError::Backend(_) | SearchError::NoFolder => return GatewayError::SearchTool(text),
        SearchError::Http(HttpError::Timeout { .. }) => UpstreamError::new(Kind::Timeout, text),
        SearchError::Http(_) => UpstreamError::new(Kind::Unreachable, text),
        SearchError::Malformed => UpstreamError::new(Kind::Malformed, text),
        SearchError::Status { status, detail } => UpstreamError {
            status: Some(status),
            ..UpstreamError::new(
                match status {
                    401 | 403 => Kind::Credentials,
                    402 => Kind::BillingExhausted,
                    429 => Kind::RateLimited,
                    // What a caller sends is checked here: a refusal of it is between the gateway and the service.
                    _ => Kind::Provider,
                },
                detail,
            )
        },
    };
    GatewayError::upstream(name, error)
}
