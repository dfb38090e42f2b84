//! First step: who is calling, and may they call now.
//!
//! The order of the gates is observable and fixed: credential, billed user, rate; then in `plan` the model
//! permission; then in `reserve` room (the user exists, is not blocked, and every budget has room) and price.

use std::sync::Arc;

use otari_types::{AccountId, KeyId, Timestamp, UserId};

use crate::Gateway;
use crate::caller::Caller;
use crate::credentials::Credential;
use crate::error::GatewayError;
use crate::hybrid::{self, ControlPlane, UserToken};
use crate::inbound::{Behalf, Inbound};
use crate::rate_limit::Window;
use crate::target::Target;
use crate::tools::{ToolUse, permit};

/// A caller that may go on.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) billed: Billed,
    pub(crate) rate: Option<Window>,
    caller: Option<Arc<Caller>>,
}

/// Whom a call is billed to.
#[derive(Clone, Debug)]
pub(crate) struct Billed {
    pub(crate) user: UserId,
    pub(crate) key: Option<KeyId>,
    pub(crate) exempt: bool,
    pub(crate) blocked: bool,
    accounts: Vec<AccountId>,
    /// Of a caller that a platform knows.
    token: Option<UserToken>,
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

    /// Of a known caller.
    pub(crate) fn of(billed: &Billed, error: GatewayError, target: Option<&Arc<Target>>) -> Self {
        Self {
            error,
            billed: Some(billed.clone()),
            target: target.cloned(),
            unlogged: false,
        }
    }
}

impl Billed {
    fn of(caller: &Caller) -> Self {
        Self {
            user: caller.user_id.clone(),
            key: Some(caller.key_id.clone()),
            exempt: caller.exclude_from_budget,
            accounts: caller.accounts.clone(),
            blocked: caller.blocked,
            token: None,
        }
    }

    /// A caller of a platform's, which holds the budget too.
    pub(crate) fn by_platform(user: UserId, token: UserToken) -> Self {
        Self {
            user,
            key: None,
            exempt: true,
            blocked: false,
            accounts: Vec::new(),
            token: Some(token),
        }
    }

    /// What the platform knows the caller by.
    pub(crate) fn token(&self) -> Result<&UserToken, GatewayError> {
        self.token.as_ref().ok_or(GatewayError::MissingToken)
    }

    /// What the calls charge, in the order they are held.
    pub(crate) fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }
}

impl Admitted {
    /// Everything else about the caller is the platform's to say.
    pub(crate) fn by_platform(billed: Billed) -> Self {
        Self {
            billed,
            rate: None,
            caller: None,
        }
    }

    /// Whether the key's list of models has this one. An unresolvable selector is on no list.
    pub(crate) fn permits(&self, target: &Target) -> bool {
        let allowed = self
            .caller
            .as_ref()
            .and_then(|caller| caller.allowed.as_ref());
        allowed.is_none_or(|list| target.instance_name.is_some() && list.permits(&target.key))
    }

    /// That the caller may name this user, where the name comes after the call was admitted.
    pub(crate) fn check_named(&self, gateway: &Gateway, named: &str) -> Result<(), GatewayError> {
        match &self.caller {
            Some(caller) if refuses_name(gateway, caller, named) => Err(GatewayError::UserMismatch),
            _ => Ok(()),
        }
    }

    /// That its list of models has a selector that has the form of one.
    pub(crate) fn permits_key(&self, key: &str) -> bool {
        let caller = self.caller.as_ref();
        let allowed = caller.and_then(|caller| caller.allowed.as_ref());
        allowed.is_none_or(|list| list.permits(key))
    }
}

/// What the credential says of tools.
impl Admitted {
    /// That the key may use a tool, or a refusal that names it.
    pub(crate) fn check_tool(&self, used: ToolUse<'_>) -> Result<(), GatewayError> {
        let list = self
            .caller
            .as_ref()
            .and_then(|caller| caller.allowed_tools.as_ref());
        permit::check(list, used)
    }

    /// The workspace of the key; `None` is the deployment's only one.
    pub(crate) fn workspace(&self) -> Option<&str> {
        self.caller.as_ref()?.workspace.as_deref()
    }
}

pub(crate) async fn admit(
    gateway: &Gateway,
    inbound: &Inbound,
    named_user: Option<&str>,
) -> Result<Admitted, Refused> {
    if let ControlPlane::Platform(_) = gateway.control {
        return hybrid::admit(&inbound.headers).map_err(|error| {
            gateway.metrics.count_auth_failure(&error);
            Refused::early(error)
        });
    }
    let (billed, caller) = identify(gateway, inbound, named_user).await?;
    let rate = match &gateway.rate_limiter {
        // A batch has limits of its own; its lines shall not take the place of its user's other calls.
        _ if inbound.behalf.is_some() => None,
        None => None,
        Some(limiter) => {
            let checked = limiter.check(&billed.user, inbound.origin.received_at);
            Some(checked.map_err(|window| {
                gateway.metrics.rate_limit_hits.inc();
                Refused::early(GatewayError::RateLimited(window))
            })?)
        }
    };
    Ok(Admitted {
        billed,
        rate,
        caller,
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
    if let Some(behalf) = &inbound.behalf {
        return identify_behalf(gateway, behalf, inbound.origin.received_at)
            .await
            .map_err(Refused::early);
    }
    let credential = Credential::from_headers(&inbound.headers).map_err(count)?;
    if gateway.operator.matches(&credential).await.map_err(count)? {
        let user = named_user.filter(|user| !user.is_empty());
        let user = UserId::from(user.ok_or_else(|| Refused::early(GatewayError::UserRequired))?);
        let billed = of_operator(gateway, user).await.map_err(Refused::early)?;
        return Ok((billed, None));
    }
    let caller = gateway
        .callers
        .identify(&credential, inbound.origin.received_at)
        .await
        .map_err(count)?;
    let billed = Billed::of(&caller);
    if named_user.is_some_and(|named| refuses_name(gateway, &caller, named)) {
        // The row is charged to the caller's rate, so that a misconfigured client cannot flood the log.
        let limiter = gateway.rate_limiter.as_ref();
        let throttled = limiter.is_some_and(|limiter| {
            limiter
                .check(&billed.user, inbound.origin.received_at)
                .is_err()
        });
        return Err(Refused {
            error: GatewayError::UserMismatch,
            billed: Some(billed),
            target: None,
            unlogged: throttled,
        });
    }
    Ok((billed, Some(caller)))
}

/// Whether a caller that names this user is turned away for it.
fn refuses_name(gateway: &Gateway, caller: &Caller, named: &str) -> bool {
    let strict = caller.reject_user_mismatch;
    let strict = strict.unwrap_or_else(|| gateway.settings.reject_user_mismatch());
    strict && named != caller.user_id.as_str()
}

/// Whether the call is billed to whom its body names: nothing can begin before that is read.
pub(crate) async fn is_billed_by_name(gateway: &Gateway, inbound: &Inbound) -> bool {
    if gateway.control.platform().is_some() || inbound.behalf.is_some() {
        return false;
    }
    match Credential::from_headers(&inbound.headers) {
        // What is wrong with it, the gates will say.
        Ok(credential) => gateway.operator.matches(&credential).await.unwrap_or(false),
        Err(_) => false,
    }
}

/// Whom a call of the operator's is billed to.
pub(crate) async fn of_operator(gateway: &Gateway, user: UserId) -> Result<Billed, GatewayError> {
    let row = otari_store::users::get(&gateway.store, &user).await?;
    let row = row.ok_or_else(|| GatewayError::UnknownUser(user.to_string()))?;
    Ok(Billed {
        key: None,
        exempt: false,
        accounts: vec![AccountId::of_user(&user)],
        blocked: row.blocked,
        token: None,
        user,
    })
}

/// The key that asked may be gone, inactive or somebody else's by now.
async fn identify_behalf(
    gateway: &Gateway,
    behalf: &Behalf,
    now: Timestamp,
) -> Result<(Billed, Option<Arc<Caller>>), GatewayError> {
    let Some(key) = &behalf.key else {
        let billed = of_operator(gateway, behalf.user.clone()).await?;
        return Ok((billed, None));
    };
    let caller = gateway.callers.by_id(key, now).await?;
    if caller.user_id != behalf.user {
        return Err(GatewayError::InvalidKey);
    }
    Ok((Billed::of(&caller), Some(caller)))
}
