//! First step: who is calling, may they, is there room.
//!
//! The order of the gates is observable and fixed: credential, billed user, rate, model permission, room (the
//! user exists, is not blocked, and every budget has room), price.

use std::sync::Arc;

use otari_ledger::Hold;
use otari_metering::Estimate;
use otari_types::{AccountId, Amounts, KeyId, UserId};

use crate::Gateway;
use crate::caller::Caller;
use crate::chat_request::ChatRequest;
use crate::credentials::Credential;
use crate::error::GatewayError;
use crate::inbound::Inbound;
use crate::rate_limit::Window;
use crate::target::Target;

/// A call that may go on, and the room it holds.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) hold: Hold,
    /// What the hold assumed, also where nothing is held.
    pub(crate) estimate: Amounts,
    pub(crate) target: Arc<Target>,
    pub(crate) billed: Billed,
    pub(crate) rate: Option<Window>,
}

/// Whom a call is billed to.
#[derive(Clone, Debug)]
pub(crate) struct Billed {
    pub(crate) user: UserId,
    pub(crate) key: Option<KeyId>,
    pub(crate) exempt: bool,
    accounts: Vec<AccountId>,
    blocked: bool,
}

/// A refusal, with as much as was known when it happened.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: GatewayError,
    pub(crate) billed: Option<Billed>,
    pub(crate) target: Option<Arc<Target>>,
    /// A refusal before the rate limiter whose row would cost a throttled caller nothing.
    pub(crate) unlogged: bool,
}

impl Refused {
    fn early(error: GatewayError) -> Self {
        Self {
            error,
            billed: None,
            target: None,
            unlogged: true,
        }
    }
}

pub(crate) async fn admit(
    gateway: &Gateway,
    inbound: &Inbound,
    request: &ChatRequest<'_>,
) -> Result<Admitted, Refused> {
    let now = inbound.received_at;
    let (billed, caller) = identify(gateway, inbound, request.user.as_deref()).await?;
    let rate = match &gateway.rate_limiter {
        None => None,
        Some(limiter) => Some(limiter.check(&billed.user, now).map_err(|window| {
            gateway.metrics.rate_limit_hits.inc();
            Refused::early(GatewayError::RateLimited(window))
        })?),
    };
    let refuse = |error: GatewayError, target: Option<&Arc<Target>>| Refused {
        error,
        billed: Some(billed.clone()),
        target: target.cloned(),
        unlogged: false,
    };
    let target = gateway
        .targets
        .resolve(&request.model, Some(&billed.user), now)
        .await
        .map_err(|error| refuse(error.into(), None))?;
    let allowed = caller.as_ref().and_then(|caller| caller.allowed.as_ref());
    if allowed.is_some_and(|list| target.instance_name.is_none() || !list.permits(&target.key)) {
        return Err(refuse(
            GatewayError::ModelNotPermitted(request.model.to_string()),
            Some(&target),
        ));
    }
    let estimate = estimate_of(gateway, request, &target);
    let hold = hold(gateway, &billed, &target, estimate)
        .await
        .map_err(|error| refuse(error, Some(&target)))?;
    if target.price.is_none() && !billed.exempt && gateway.settings.require_pricing() {
        // `hold` drops here: the room is free again.
        return Err(refuse(unpriced(&target), Some(&target)));
    }
    Ok(Admitted {
        hold,
        estimate,
        target,
        billed,
        rate,
    })
}

/// The billed user: the key's owner, or whom the operator names.
async fn identify(
    gateway: &Gateway,
    inbound: &Inbound,
    named_user: Option<&str>,
) -> Result<(Billed, Option<Arc<Caller>>), Refused> {
    let count = |error: GatewayError| {
        gateway.metrics.count_auth_failure(&error);
        Refused::early(error)
    };
    let credential = Credential::from_headers(&inbound.headers).map_err(count)?;
    if gateway.operator.matches(&credential).await.map_err(count)? {
        let user = named_user.filter(|user| !user.is_empty());
        let user = UserId::from(user.ok_or_else(|| Refused::early(GatewayError::UserRequired))?);
        let row = otari_store::users::get(&gateway.store, &user)
            .await
            .map_err(|error| Refused::early(error.into()))?;
        let row = row.ok_or_else(|| Refused::early(GatewayError::UnknownUser(user.to_string())))?;
        let accounts = vec![AccountId::of_user(&user)];
        return Ok((
            Billed {
                user,
                key: None,
                exempt: false,
                accounts,
                blocked: row.blocked,
            },
            None,
        ));
    }
    let caller = gateway
        .callers
        .identify(&credential, inbound.received_at)
        .await
        .map_err(count)?;
    let billed = Billed {
        user: caller.user_id.clone(),
        key: Some(caller.key_id.clone()),
        exempt: caller.exclude_from_budget,
        accounts: caller.accounts.clone(),
        blocked: caller.blocked,
    };
    let strict = caller
        .reject_user_mismatch
        .unwrap_or_else(|| gateway.settings.reject_user_mismatch());
    if strict && named_user.is_some_and(|named| named != caller.user_id.as_str()) {
        // The row is charged to the caller's rate, so that a misconfigured client cannot flood the log.
        let limiter = gateway.rate_limiter.as_ref();
        let throttled = limiter
            .is_some_and(|limiter| limiter.check(&billed.user, inbound.received_at).is_err());
        return Err(Refused {
            error: GatewayError::UserMismatch,
            billed: Some(billed),
            target: None,
            unlogged: throttled,
        });
    }
    Ok((billed, Some(caller)))
}

fn estimate_of(gateway: &Gateway, request: &ChatRequest<'_>, target: &Target) -> Amounts {
    let estimate = Estimate {
        prompt_chars: request.prompt_bytes,
        max_output: request
            .max_output_tokens
            .map(|tokens| tokens.saturating_mul(request.choices)),
        default_output: gateway
            .settings
            .default_output_tokens()
            .saturating_mul(request.choices),
        cache_lifetime: None,
    };
    estimate.amounts(target.price.as_ref().map(|point| point.price.as_ref()))
}

async fn hold(
    gateway: &Gateway,
    billed: &Billed,
    target: &Target,
    estimate: Amounts,
) -> Result<Hold, GatewayError> {
    if billed.blocked {
        return Err(GatewayError::UserBlocked(billed.user.to_string()));
    }
    if !gateway.ledger.accepts_calls() {
        return Err(GatewayError::CannotRecord);
    }
    if billed.exempt {
        return Ok(Hold::default());
    }
    if gateway.settings.budgets_disabled {
        // Nothing is refused, but what is spent still counts.
        return Ok(gateway.ledger.hold_unchecked(&billed.accounts, estimate));
    }
    let free = target
        .price
        .as_ref()
        .is_some_and(|point| point.price.is_free());
    let held = gateway
        .ledger
        .hold(&billed.accounts, estimate, free)
        .await?;
    held.map_err(|_| {
        gateway.metrics.budget_exceeded.inc();
        GatewayError::BudgetExceeded(billed.user.to_string())
    })
}

fn unpriced(target: &Target) -> GatewayError {
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
    GatewayError::Unpriced {
        model: target.requested.clone(),
        hint,
    }
}
