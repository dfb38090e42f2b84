//! Third step: is there room for the call, and has it a price.

use std::sync::Arc;

use otari_ledger::Hold;
use otari_metering::{Estimate, per_call_cost};
use otari_types::{Amounts, NanoUsd};

use crate::Gateway;
use crate::admit::{Billed, Refused};
use crate::error::GatewayError;
use crate::target::Target;
use crate::unit::Unit;

/// How large a call may get.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demand {
    /// Size of the prompt, in bytes of JSON text.
    pub(crate) prompt_bytes: usize,
    /// Tokens of one answer, where the caller limits them.
    pub(crate) max_output: Option<i64>,
    /// Answers asked for; images or calls, where those are billed.
    pub(crate) choices: i64,
    pub(crate) unit: Unit,
}

/// Room for one call.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) hold: Hold,
    /// What the hold assumed, also where nothing is held.
    pub(crate) estimate: Amounts,
}

/// Holds what the call may cost at `target`, or refuses it.
pub(crate) async fn reserve(
    gateway: &Gateway,
    billed: &Billed,
    demand: Demand,
    target: &Arc<Target>,
) -> Result<Reserved, Refused> {
    let room = find_room(gateway, billed, demand, target).await;
    room.map_err(|error| Refused::of(billed, counted(gateway, error), Some(target)))
}

/// The same for an attempt that its call can do without: who finds no room for it refuses nothing.
pub(crate) async fn find_room(
    gateway: &Gateway,
    billed: &Billed,
    demand: Demand,
    target: &Target,
) -> Result<Reserved, GatewayError> {
    let estimate = estimate_of(gateway, demand, target);
    let is_free = demand.unit.is_free(target);
    let hold = hold(gateway, billed, is_free, estimate).await?;
    // On a refusal the hold drops here: the room is free again.
    check_price(gateway, billed, demand.unit, target)?;
    Ok(Reserved { hold, estimate })
}

/// Holds more for another candidate of a call that holds already, where the candidate is dearer.
pub(crate) async fn top_up(
    gateway: &Gateway,
    billed: &Billed,
    demand: Demand,
    target: &Target,
    reserved: &mut Reserved,
) -> Result<(), GatewayError> {
    let found = find_more_room(gateway, billed, demand, target, reserved).await;
    found.map_err(|error| counted(gateway, error))
}

/// To [`top_up`] what [`find_room`] is to [`reserve`].
pub(crate) async fn find_more_room(
    gateway: &Gateway,
    billed: &Billed,
    demand: Demand,
    target: &Target,
    reserved: &mut Reserved,
) -> Result<(), GatewayError> {
    check_price(gateway, billed, demand.unit, target)?;
    let estimate = estimate_of(gateway, demand, target);
    let is_free = demand.unit.is_free(target);
    grow(gateway, billed, estimate, is_free, reserved).await
}

/// The hold grows to `total`, whatever makes it up. Safe to cancel.
pub(crate) async fn top_up_to(
    gateway: &Gateway,
    billed: &Billed,
    total: Amounts,
    is_free: bool,
    reserved: &mut Reserved,
) -> Result<(), GatewayError> {
    let grown = grow(gateway, billed, total, is_free, reserved).await;
    grown.map_err(|error| counted(gateway, error))
}

/// A call that ends for want of budget.
fn counted(gateway: &Gateway, error: GatewayError) -> GatewayError {
    if matches!(
        error,
        GatewayError::BudgetExceeded(_) | GatewayError::BudgetRanOut(_)
    ) {
        gateway.metrics.budget_exceeded.inc();
    }
    error
}

async fn grow(
    gateway: &Gateway,
    billed: &Billed,
    total: Amounts,
    is_free: bool,
    reserved: &mut Reserved,
) -> Result<(), GatewayError> {
    let more = (total - reserved.estimate).at_least_zero();
    if more.is_zero() || billed.exempt {
        return Ok(());
    }
    if gateway.settings.budgets_disabled {
        gateway.ledger.top_up_unchecked(&mut reserved.hold, more);
    } else {
        let topped = gateway
            .ledger
            .top_up(&mut reserved.hold, more, is_free)
            .await?;
        topped.map_err(|_| GatewayError::BudgetRanOut(billed.user.to_string()))?;
    }
    reserved.estimate += more;
    Ok(())
}

/// What a call may cost at `target`.
pub(crate) fn estimate_of(gateway: &Gateway, demand: Demand, target: &Target) -> Amounts {
    let price = demand.unit.price(target);
    if let Some((unit, meter)) = demand.unit.by_piece() {
        return Amounts {
            cost: price.map_or(NanoUsd::ZERO, |price| {
                per_call_cost(price, unit, meter, demand.choices).total
            }),
            tokens: 0,
            requests: 1,
        };
    }
    let estimate = Estimate {
        prompt_chars: demand.prompt_bytes,
        max_output: demand
            .max_output
            .map(|tokens| tokens.saturating_mul(demand.choices)),
        default_output: gateway
            .settings
            .default_output_tokens()
            .saturating_mul(demand.choices),
        cache_lifetime: None,
    };
    estimate.amounts(price.map(Arc::as_ref))
}

async fn hold(
    gateway: &Gateway,
    billed: &Billed,
    is_free: bool,
    estimate: Amounts,
) -> Result<Hold, GatewayError> {
    if billed.blocked {
        return Err(GatewayError::UserBlocked(billed.user.to_string()));
    }
    if !gateway.accepts_calls() {
        return Err(GatewayError::CannotRecord);
    }
    if billed.exempt {
        return Ok(Hold::default());
    }
    if gateway.settings.budgets_disabled {
        // Nothing is refused, but what is spent still counts.
        return Ok(gateway.ledger.hold_unchecked(billed.accounts(), estimate));
    }
    let held = gateway
        .ledger
        .hold(billed.accounts(), estimate, is_free)
        .await?;
    held.map_err(|_| GatewayError::BudgetExceeded(billed.user.to_string()))
}

fn check_price(
    gateway: &Gateway,
    billed: &Billed,
    unit: Unit,
    target: &Target,
) -> Result<(), GatewayError> {
    let is_needed = unit != Unit::Calls && gateway.settings.require_pricing();
    if unit.price(target).is_some() || billed.exempt || !is_needed {
        return Ok(());
    }
    let hint = match (&target.instance_name, &target.instance) {
        (None, _) => Some(format!(
            "('{}' is not of the form provider:model, and no alias has this name.)",
            target.requested
        )),
        (Some(_), None) if !target.is_alias => {
            Some("(No provider of this name is configured either.)".to_owned())
        }
        _ => None,
    };
    Err(GatewayError::Unpriced {
        model: target.requested.clone(),
        hint,
    })
}

/// Holds for a call that a provider has already: nothing is asked, and room that is not there is taken nevertheless.
pub(crate) async fn reserve_made(
    gateway: &Gateway,
    billed: &Billed,
    demand: Demand,
    target: &Target,
) -> Result<Reserved, GatewayError> {
    let estimate = estimate_of(gateway, demand, target);
    let (ledger, accounts) = (&gateway.ledger, billed.accounts());
    let hold = if billed.exempt {
        Hold::default()
    } else if gateway.settings.budgets_disabled {
        ledger.hold_unchecked(accounts, estimate)
    } else {
        let is_free = demand.unit.is_free(target);
        let held = ledger.hold(accounts, estimate, is_free).await?;
        held.unwrap_or_else(|_| ledger.hold_unchecked(accounts, estimate))
    };
    Ok(Reserved { hold, estimate })
}
