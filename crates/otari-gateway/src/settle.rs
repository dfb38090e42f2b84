//! Fifth step: the hold becomes a charge or is released, and the usage row is written. Exactly once.

mod bill;
mod row;
mod turns;
mod twin;

use std::sync::Arc;

use otari_ledger::{Hold, Ledger};
use otari_metering::{Price, cost_of_all};
use otari_types::{Amounts, CallStatus, NanoUsd, TokenUsage, UsageRecord};

use crate::Gateway;
use crate::admit::Billed;
use crate::error::GatewayError;
use crate::health::{Busy, Circuit, Vitals};
use crate::hybrid::{Receipt, Tab};
use crate::inbound::Origin;
use crate::metrics::Metrics;
use crate::plan::{Attempt, Plan, Route};
use crate::reserve::{Demand, Reserved};
use crate::settings::MissingUsagePolicy;
use crate::unit::Unit;

pub(crate) use bill::ToolPrices;
pub(crate) use row::log_refusal;
use row::{Row, describe};
pub(crate) use turns::Produced;
use turns::{Used, sum};
pub(crate) use twin::Twin;

/// 499: the client closed the request (nginx's number; no standard one exists).
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A call in flight on its way to exactly one ending. Dropping it settles it as abandoned by the client, charging
/// what the upstream had produced by then.
#[derive(Debug)]
pub(crate) struct Settlement {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    ledger: Arc<Ledger>,
    metrics: Arc<Metrics>,
    reserved: Reserved,
    row: Row,
    route: Option<Route>,
    price: Option<Arc<Price>>,
    exempt: bool,
    demand: Demand,
    produced: Produced,
    missing_usage: MissingUsagePolicy,
    tool_prices: ToolPrices,
    /// Counted among the calls under way at the model.
    busy: Option<Busy>,
    /// Where a platform keeps the books.
    tab: Option<Tab>,
}

impl Settlement {
    pub(crate) fn open(
        gateway: &Gateway,
        origin: &Origin,
        billed: &Billed,
        plan: &Plan,
        reserved: Reserved,
        demand: Demand,
    ) -> Self {
        let mut settlement = Self {
            open: Some(Open {
                ledger: Arc::clone(&gateway.ledger),
                metrics: Arc::clone(&gateway.metrics),
                reserved,
                row: Row::new(origin, Some(billed)),
                route: plan.route.clone(),
                price: None,
                exempt: billed.exempt,
                demand,
                produced: Produced::default(),
                missing_usage: gateway.settings.missing_usage(),
                tool_prices: ToolPrices::default(),
                busy: None,
                tab: gateway.control.platform().map(|platform| platform.tab()),
            }),
        };
        settlement.aim(&plan.first);
        settlement
    }

    /// What is charged is charged under this id: a second row of the same id changes nothing. Rows that charge nobody
    /// keep ids of their own, so that a failure never stands in the way of the success that follows it.
    pub(crate) fn charge_once_as(&mut self, id: &Arc<str>) {
        if let Some(open) = &mut self.open {
            open.row.id = Some(Arc::clone(id));
        }
    }

    /// From here on it is this attempt that is billed.
    pub(crate) fn aim(&mut self, attempt: &Attempt) {
        if let Some(open) = &mut self.open {
            open.aim(attempt);
        }
    }

    /// The attempt is made again.
    pub(crate) fn aim_again(&mut self) {
        if let Some(open) = &mut self.open {
            open.busy = open.busy.take().map(|busy| busy.again());
        }
    }

    /// Only now has the model all that it is asked: its time begins.
    pub(crate) fn asked_now(&mut self) {
        self.aim_again();
    }

    /// The attempt failed and another follows: a row that charges nobody.
    pub(crate) fn absorb(&mut self, error: &GatewayError) {
        let Some(open) = &mut self.open else { return };
        let (message, status_code) = describe(error);
        if open.route.is_none() {
            open.route = Some(Route::unnamed());
            open.row.position = 1;
        }
        open.tell_failure(error);
        open.count_abandoned(error);
        // Nothing of it is charged, also when the caller leaves before the next attempt.
        open.produced = Produced::default();
        if let Some(tab) = &mut open.tab {
            tab.absorb(error);
            return;
        }
        let mut record = open
            .row
            .clone()
            .record(CallStatus::Absorbed, open.route.as_ref());
        record.error_message = Some(message);
        record.status_code = status_code;
        record.counts_toward_budget = !open.exempt;
        open.ledger.log(record);
    }

    /// Whether it has had its ending, or was handed over.
    pub(crate) fn is_settled(&self) -> bool {
        self.open.is_none()
    }

    /// Moves it to whatever goes on with the call; what is left here does nothing.
    pub(crate) fn hand_over(&mut self) -> Self {
        if let Some(tab) = self.tab() {
            tab.begin();
        }
        Self {
            open: self.open.take(),
        }
    }

    /// The books of a platform, where it keeps them.
    pub(crate) fn tab(&mut self) -> Option<&mut Tab> {
        self.open.as_mut()?.tab.as_mut()
    }

    /// The hold, for growing it.
    pub(crate) fn reserved(&mut self) -> Option<&mut Reserved> {
        self.open.as_mut().map(|open| &mut open.reserved)
    }

    /// The first of a stream is there.
    pub(crate) fn first_chunk(&mut self) {
        let Some(open) = &mut self.open else { return };
        if open.produced.first_chunk_ms.is_some() {
            return;
        }
        open.produced.first_chunk_ms = Some(open.row.elapsed_ms());
        if let Some(busy) = &open.busy {
            busy.first_chunk();
        }
    }

    /// What the upstream has delivered so far; kept up to date while relaying.
    pub(crate) fn produced(&mut self) -> Option<&mut Produced> {
        self.open.as_mut().map(|open| &mut open.produced)
    }

    /// What calls of the gateway's own tools will be billed by.
    pub(crate) fn set_tool_prices(&mut self, prices: ToolPrices) {
        if let Some(open) = &mut self.open {
            open.tool_prices = prices;
        }
    }

    /// What the turns that ended and their tools cost.
    pub(crate) fn spent(&self) -> Amounts {
        self.open.as_ref().map_or(Amounts::ZERO, Open::spent)
    }

    /// What all turns consumed together, where every one of them was reported.
    pub(crate) fn reported_usage(&self) -> Option<TokenUsage> {
        let turns = &self.open.as_ref()?.produced.turns;
        sum(&turns.ended).filter(|_| !turns.estimated)
    }

    /// The upstream answered completely. Where a platform keeps the books, it will say what that cost.
    pub(crate) async fn succeed(&mut self) -> Option<Receipt> {
        let mut open = self.open.take()?;
        open.tell_answer();
        let Used { turns, estimated } = open.usage_to_bill();
        let fail = estimated && open.missing_usage == MissingUsagePolicy::Fail;
        let message = fail.then(|| "stream completed without usage data".to_owned());
        let status = if fail {
            CallStatus::Error
        } else {
            CallStatus::Success
        };
        let ending = Ending {
            status,
            turns,
            pieces: open.produced.pieces.or(Some(open.demand.choices)),
            estimated,
            message,
            status_code: None,
        };
        if let Some(tab) = open.tab.take() {
            return tab.succeed(open.reported(ending));
        }
        open.finish(ending).await;
        None
    }

    /// The call failed on the upstream's side: nothing is charged. An answer that a guardrail kept back was made, and
    /// is charged.
    pub(crate) async fn fail(&mut self, error: &GatewayError) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        open.tell_failure(error);
        let (message, status_code) = describe(error);
        let kept_back = matches!(
            error,
            GatewayError::GuardrailBlocked(_) | GatewayError::GuardrailUnavailable(_)
        );
        let Used { turns, estimated } = if kept_back && open.has_delivered() {
            open.usage_to_bill()
        } else {
            open.usage_of_ended()
        };
        let ending = Ending {
            status: CallStatus::Error,
            turns,
            pieces: None,
            estimated,
            message: Some(message),
            status_code,
        };
        if let Some(tab) = open.tab.take() {
            Box::pin(tab.fail(error, open.reported(ending))).await;
            return;
        }
        open.finish(ending).await;
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        let Used { turns, estimated } = if open.has_delivered() {
            open.usage_to_bill()
        } else {
            open.usage_of_ended()
        };
        let message = "client disconnected before the answer was complete".to_owned();
        let ending = Ending {
            status: CallStatus::Error,
            turns,
            pieces: open.produced.pieces,
            estimated,
            message: Some(message),
            status_code: Some(CLIENT_CLOSED_REQUEST),
        };
        if let Some(tab) = open.tab.take() {
            tab.abandon(open.reported(ending));
            return;
        }
        let ledger = Arc::clone(&open.ledger);
        let (hold, spent, record) = open.close(ending);
        ledger.settle_detached(hold, spent, record);
    }
}

/// How a call ended, before it becomes a row.
struct Ending {
    status: CallStatus,
    /// What each turn consumed; empty when nothing is to be charged for.
    turns: Vec<TokenUsage>,
    /// To be billed, where calls are billed by the piece.
    pieces: Option<i64>,
    estimated: bool,
    message: Option<String>,
    status_code: Option<u16>,
}

impl Open {
    fn aim(&mut self, attempt: &Attempt) {
        let target = &attempt.target;
        self.row.model.clone_from(&target.model);
        self.row.provider.clone_from(&target.instance_name);
        self.price = self.demand.unit.price(target).cloned();
        self.produced = Produced::default();
        self.busy = target.vitals.as_ref().map(Vitals::begin);
        if let Some(tab) = &mut self.tab {
            tab.aim(attempt);
        }
        if self.route.is_some() {
            self.row.position += 1;
            self.row.reason = Some(attempt.reason.clone());
        }
    }

    /// The model's health hears of the answer.
    fn tell_answer(&self) {
        let Produced {
            first_chunk_ms,
            turns,
            ..
        } = &self.produced;
        // What several turns and their tools took is no figure of the model's.
        let untimed = first_chunk_ms.is_some() || turns.ended.len() > 1;
        if let Some(busy) = &self.busy {
            self.mark_circuit(busy.answered(untimed));
        }
    }

    /// The same of a failure. One of the gateway's own says nothing of the model.
    fn tell_failure(&self, error: &GatewayError) {
        if let (Some(busy), GatewayError::Upstream(failure)) = (&self.busy, error) {
            self.mark_circuit(busy.failed(&failure.error));
        }
    }

    fn mark_circuit(&self, circuit: Circuit) {
        let provider = self.row.provider.as_deref().unwrap_or_default();
        match circuit {
            Circuit::AsItWas => {}
            Circuit::Closed => self.metrics.mark_circuit(provider, false),
            Circuit::Opened => {
                tracing::warn!(provider, "a provider keeps failing and stands back");
                self.metrics.mark_circuit(provider, true);
            }
        }
    }

    fn count_abandoned(&self, error: &GatewayError) {
        let Row {
            model,
            provider,
            position,
            ..
        } = &self.row;
        self.metrics
            .count_abandoned(model, provider.as_deref(), *position, error);
    }

    /// What is reported of an ending: what was counted, never what was guessed.
    fn reported(self, ending: Ending) -> Option<TokenUsage> {
        let (_, _, record) = self.close(ending);
        record.usage.filter(|_| !record.usage_estimated)
    }

    async fn finish(self, ending: Ending) {
        let ledger = Arc::clone(&self.ledger);
        let (hold, spent, record) = self.close(ending);
        ledger.settle(hold, spent, record).await;
    }

    fn close(self, ending: Ending) -> (Hold, Amounts, UsageRecord) {
        let usage = sum(&ending.turns);
        let bill = self.bill(&ending);
        let total = bill.total;
        let worked = self
            .produced
            .tools
            .counts()
            .iter()
            .any(|tool| tool.billed > 0);
        let delivered = usage.is_some() || worked || self.is_by_piece() && ending.pieces.is_some();
        // A failed call used the upstream but is charged nothing; it is no request of the budget either.
        let charged = delivered || ending.status == CallStatus::Success;
        let spent = if charged {
            Amounts {
                cost: total.unwrap_or(NanoUsd::ZERO),
                tokens: usage.as_ref().map_or(0, TokenUsage::total),
                requests: self.reserved.estimate.requests,
            }
        } else {
            Amounts::ZERO
        };
        self.metrics.count_call(
            &self.row.model,
            self.row.provider.as_deref(),
            usage.as_ref(),
            total,
        );
        let id = self.row.id.clone().filter(|_| charged);
        let mut record = self.row.record(ending.status, self.route.as_ref());
        if let Some(id) = id {
            record.id = id.to_string();
        }
        record.usage = usage;
        record.usage_estimated = ending.estimated;
        record.cost = total;
        record.pricing_breakdown = bill.breakdown;
        record.billing_meters = bill.meters;
        record.error_message = ending.message;
        record.status_code = ending.status_code;
        record.first_chunk_ms = self.produced.first_chunk_ms;
        record.counts_toward_budget = !self.exempt;
        (self.reserved.hold, spent, record)
    }

    fn spent(&self) -> Amounts {
        let Used { turns, .. } = self.usage_of_ended();
        let cost = self
            .price
            .as_ref()
            .map(|price| cost_of_all(price, &turns).total);
        Amounts {
            cost: cost.unwrap_or(NanoUsd::ZERO) + self.tool_prices.cost(&self.produced.tools),
            tokens: sum(&turns).as_ref().map_or(0, TokenUsage::total),
            requests: self.reserved.estimate.requests,
        }
    }

    fn is_by_piece(&self) -> bool {
        self.demand.unit != Unit::Tokens
    }
}
