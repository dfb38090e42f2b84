//! Fifth step: the hold becomes a charge or is released, and the usage row is written. Exactly once.

mod bill;

use std::borrow::Cow;
use std::sync::Arc;

use otari_ledger::{Hold, Ledger};
use otari_metering::{Estimate, Price, cost_of_all};
use otari_tools::tool_loop::ToolTally;
use otari_types::{Amounts, CallStatus, NanoUsd, TokenUsage, UsageRecord, new_id};

use crate::Gateway;
use crate::admit::{Billed, Refused};
use crate::error::GatewayError;
use crate::hybrid::{Receipt, Tab};
use crate::inbound::Origin;
use crate::metrics::Metrics;
use crate::plan::{Attempt, Plan, Route};
use crate::reserve::{Demand, Reserved};
use crate::settings::MissingUsagePolicy;
use crate::unit::Unit;

pub(crate) use bill::ToolPrices;

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
    /// Where a platform keeps the books.
    tab: Option<Tab>,
}

/// What the upstream has delivered so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Produced {
    /// Of the turn that is read now; a call without tools of the gateway's has one.
    pub(crate) usage: Option<TokenUsage>,
    /// Bytes of generated text, for an estimate when no usage comes.
    pub(crate) generated_bytes: usize,
    /// Images or calls, where those are billed: what the upstream made, once it is known to have made any.
    pub(crate) pieces: Option<i64>,
    pub(crate) first_chunk_ms: Option<i64>,
    /// Calls of the gateway's own tools.
    pub(crate) tools: ToolTally,
    turns: Turns,
}

/// The turns of a conversation with tools.
#[derive(Clone, Debug, Default)]
struct Turns {
    /// What each that ended consumed.
    ended: Vec<TokenUsage>,
    /// Some of it was estimated.
    estimated: bool,
    /// Between two turns, nothing is being read.
    between: bool,
    /// Of the prompt that is answered now, where it is not the call's own.
    prompt_bytes: Option<usize>,
}

/// The parts of a usage row known before its ending.
#[derive(Clone, Debug)]
struct Row {
    origin: Origin,
    /// Of the row that charges; `None`: a fresh one.
    id: Option<Arc<str>>,
    model: String,
    provider: Option<String>,
    user: Option<String>,
    key: Option<String>,
    /// Of a routed call, counted from 1.
    position: i64,
    reason: Option<Cow<'static, str>>,
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
        let Some(open) = &mut self.open else { return };
        let target = &attempt.target;
        open.row.model.clone_from(&target.model);
        open.row.provider.clone_from(&target.instance_name);
        open.price = open.demand.unit.price(target).cloned();
        open.produced = Produced::default();
        if let Some(tab) = &mut open.tab {
            tab.aim(attempt);
        }
        if open.route.is_some() {
            open.row.position += 1;
            open.row.reason = Some(attempt.reason.clone());
        }
    }

    /// The attempt failed and another follows: a row that charges nobody.
    pub(crate) fn absorb(&mut self, error: &GatewayError) {
        let Some(open) = &mut self.open else { return };
        let (message, status_code) = describe(error);
        open.metrics.count_abandoned(
            &open.row.model,
            open.row.provider.as_deref(),
            open.row.position,
            error,
        );
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

    /// A turn of a conversation with tools ended; another may follow.
    pub(crate) fn end_turn(&mut self) {
        let Some(open) = &mut self.open else { return };
        let (usage, estimated) = open.usage_of_turn();
        let produced = &mut open.produced;
        produced.turns.ended.extend(usage);
        produced.turns.estimated |= estimated;
        produced.turns.between = true;
        produced.usage = None;
        produced.generated_bytes = 0;
    }

    /// The next turn is asked for, with a prompt of this size.
    pub(crate) fn begin_turn(&mut self, prompt_bytes: usize) {
        let Some(open) = &mut self.open else { return };
        open.produced.turns.between = false;
        open.produced.turns.prompt_bytes = Some(prompt_bytes);
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

    pub(crate) fn elapsed_ms(&self) -> i64 {
        self.open.as_ref().map_or(0, |open| open.row.elapsed_ms())
    }

    /// The upstream answered completely. Where a platform keeps the books, it will say what that cost.
    pub(crate) async fn succeed(&mut self) -> Option<Receipt> {
        let mut open = self.open.take()?;
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

/// What a call's turns consumed.
struct Used {
    turns: Vec<TokenUsage>,
    /// Some of it was not reported.
    estimated: bool,
}

fn sum(turns: &[TokenUsage]) -> Option<TokenUsage> {
    turns.iter().copied().reduce(TokenUsage::plus)
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
    /// Whether the turn that is read now brought anything.
    fn has_delivered(&self) -> bool {
        self.produced.usage.is_some() || self.produced.generated_bytes > 0
    }

    /// What every turn consumed.
    fn usage_to_bill(&self) -> Used {
        let mut used = self.usage_of_ended();
        let (now, estimated) = self.usage_of_turn();
        used.turns.extend(now);
        used.estimated |= estimated;
        used
    }

    /// What the turns that ended consumed: owed whatever becomes of the call.
    fn usage_of_ended(&self) -> Used {
        let turns = &self.produced.turns;
        Used {
            turns: turns.ended.clone(),
            estimated: turns.estimated,
        }
    }

    /// Reported usage, or an estimate from the text lengths when none was reported and the policy bills it.
    fn usage_of_turn(&self) -> (Option<TokenUsage>, bool) {
        let Produced {
            usage,
            generated_bytes,
            turns,
            ..
        } = &self.produced;
        if usage.is_some() {
            return (*usage, false);
        }
        if self.demand.unit != Unit::Tokens || turns.between {
            return (None, false);
        }
        self.metrics.missing_usage.inc();
        if self.missing_usage == MissingUsagePolicy::AllowFree {
            return (None, false);
        }
        let usage = TokenUsage {
            input: tokens_of(turns.prompt_bytes.unwrap_or(self.demand.prompt_bytes)),
            output: tokens_of(*generated_bytes),
            ..TokenUsage::default()
        };
        (Some(usage), true)
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

/// The usual length of a token, for texts whose tokens nobody counted.
fn tokens_of(bytes: usize) -> i64 {
    Estimate {
        prompt_chars: bytes,
        ..Estimate::default()
    }
    .input_tokens()
}

/// The row of a call that was refused before it reached a provider. It charges nobody.
pub(crate) fn log_refusal(gateway: &Gateway, origin: &Origin, refused: &Refused, requested: &str) {
    if gateway.control.platform().is_some() {
        // Whoever refuses keeps its own log.
        return;
    }
    let Some(status) = refused
        .error
        .refusal_row_status()
        .filter(|_| !refused.unlogged)
    else {
        return;
    };
    let target = refused.target.as_deref();
    let row = Row {
        model: target.map_or_else(|| requested.to_owned(), |target| target.model.clone()),
        provider: target.and_then(|target| target.instance_name.clone()),
        ..Row::new(origin, refused.billed.as_ref())
    };
    let mut record = row.record(CallStatus::Error, None);
    record.error_message = Some(refused.error.to_string());
    record.status_code = Some(status);
    gateway.ledger.log(record);
}

impl Row {
    fn new(origin: &Origin, billed: Option<&Billed>) -> Self {
        Self {
            origin: origin.clone(),
            id: None,
            model: String::new(),
            provider: None,
            user: billed.map(|billed| billed.user.to_string()),
            key: billed
                .and_then(|billed| billed.key.as_ref())
                .map(ToString::to_string),
            position: 0,
            reason: None,
        }
    }

    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.origin.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn record(self, status: CallStatus, route: Option<&Route>) -> UsageRecord {
        UsageRecord {
            policy_name: route.map(|route| route.policy.clone()),
            request_group_id: route.map(|route| route.group.clone()),
            attempt_position: route.map(|_| self.position),
            attempt_count: route.and_then(|route| i64::try_from(route.attempts).ok()),
            endpoint: self.origin.endpoint.to_owned(),
            latency_ms: self.elapsed_ms(),
            selection_reason: self.reason.map(Cow::into_owned),
            model: self.model,
            provider: self.provider,
            user_id: self.user,
            api_key_id: self.key,
            request_id: Some(self.origin.request_id.to_string()),
            ..UsageRecord::new(new_id(), self.origin.received_at, status)
        }
    }
}

/// What the row says of a failure: the provider's words and status, which callers do not see.
fn describe(error: &GatewayError) -> (String, Option<u16>) {
    match error {
        GatewayError::Upstream(failure) => {
            let message = failure
                .error
                .message
                .clone()
                .unwrap_or_else(|| format!("{:?}", failure.error.kind));
            (message, Some(failure.error.row_status()))
        }
        GatewayError::UnknownModel(_)
        | GatewayError::InvalidRequest(_)
        | GatewayError::InvalidBody(_)
        | GatewayError::PreviousResponseNotFound(_)
        | GatewayError::Unsupported { .. } => (error.to_string(), Some(400)),
        GatewayError::BudgetRanOut(_)
        | GatewayError::ToolNotPermitted(_)
        | GatewayError::ToolSwitchedOff(_) => (error.to_string(), Some(403)),
        GatewayError::GuardrailBlocked(blocked) => {
            let profiles: Vec<&str> = blocked
                .guardrails
                .iter()
                .map(|violation| violation.profile.as_str())
                .collect();
            let message = format!("{} ({})", blocked.message(), profiles.join(", "));
            (message, Some(403))
        }
        GatewayError::ToolLimit(_) => (error.to_string(), Some(422)),
        GatewayError::ContainerNotFound(_) | GatewayError::McpServerNotFound(_) => {
            (error.to_string(), Some(404))
        }
        GatewayError::InvalidJson { .. } | GatewayError::ToolUnavailable { .. } => {
            (error.to_string(), Some(400))
        }
        GatewayError::Mcp(_) | GatewayError::Sandbox(_) | GatewayError::GuardrailUnavailable(_) => {
            (error.to_string(), Some(502))
        }
        GatewayError::Unpriced { .. } | GatewayError::ToolUnpriced(_) => {
            (error.to_string(), Some(402))
        }
        other => (other.to_string(), Some(500)),
    }
}
