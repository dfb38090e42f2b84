//! Second step: which provider and model will be tried, in which order.

mod conversation;
mod explain;
mod order;
mod policies;
mod policy;
mod situation;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use otari_config::{GuardrailSpec, PolicySpec, RetrySpec};
use otari_providers::Instance;
use otari_types::new_id;

use crate::Gateway;
use crate::admit::{Admitted, Refused};
use crate::error::GatewayError;
use crate::hybrid::{ControlPlane, Deadline, OnPlatform};
use crate::inbound::Inbound;
use crate::target::Target;

pub(crate) use conversation::conversation;
pub use explain::{
    DropReason, Dropped, Explained, ExplainedCandidate, Explanation, Simulated, explain_configured,
};
pub use policies::{Policies, Policy};

/// The attempts of one call, first to last; never empty.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) first: Attempt,
    /// Tried in order after a failure.
    pub(crate) rest: Vec<Attempt>,
    /// What answers are labelled with, where it is not the model's own name.
    pub(crate) label: Option<String>,
    /// Present when a policy chose.
    pub(crate) route: Option<Route>,
    /// What the policy demands.
    pub(crate) guardrails: Vec<GuardrailSpec>,
    pub(crate) resilience: Resilience,
}

/// What is done about slow and failing providers beyond going on to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resilience {
    pub(crate) retry: Option<RetrySpec>,
    /// How long a stream may take to begin, while there is another candidate.
    pub(crate) first_token: Option<Duration>,
    /// When the next candidate is asked beside one that is slow.
    pub(crate) hedge_after: Option<Duration>,
    /// A stream that breaks off is continued by the next candidate.
    pub(crate) rescue: bool,
}

impl Resilience {
    fn of(spec: &PolicySpec) -> Self {
        Self {
            retry: spec.retry,
            first_token: spec.first_token_timeout_ms.map(Duration::from_millis),
            hedge_after: spec.hedge_after_ms.map(Duration::from_millis),
            rescue: spec.rescue,
        }
    }
}

/// One try.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) target: Arc<Target>,
    /// Why it has its place: `default`, `condition:<keys>`, `router:<name>`, `on_failure`.
    pub(crate) reason: Cow<'static, str>,
    /// Where a platform chose it.
    pub(crate) platform: Option<Arc<OnPlatform>>,
}

/// What the usage rows of a routed call share.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// `None`: a model that was named, and asked more than once.
    pub(crate) policy: Option<String>,
    pub(crate) group: String,
    pub(crate) attempts: usize,
}

impl Attempt {
    /// Until when a stream of this attempt, which begins now, must have brought something; and who is at fault if not.
    pub(crate) fn first_chunk_by(
        &self,
        stream: bool,
        with_tools: bool,
    ) -> Option<(Deadline, &str)> {
        let platform = self.platform.as_ref().filter(|_| stream)?;
        let instance = self.target.instance_name.as_deref().unwrap_or_default();
        Some((platform.patience.begin(with_tools)?, instance))
    }

    pub(crate) fn instance(&self) -> Result<&Arc<Instance>, GatewayError> {
        self.target.instance.as_ref().ok_or_else(|| {
            if let Some(platform) = &self.platform {
                return platform.failure(self.target.instance_name.as_deref());
            }
            GatewayError::UnknownModel(format!(
                "Model '{}' cannot be resolved: use provider:model with a configured provider, or an alias. \
                 GET /v1/models lists what is available.",
                self.target.requested
            ))
        })
    }
}

/// What `requested` means to this caller. A name that nothing serves is still a plan: whether that matters is
/// decided after the budget was asked.
pub(crate) async fn plan(
    gateway: &Gateway,
    inbound: &Inbound,
    requested: &str,
    admitted: &Admitted,
) -> Result<Plan, Refused> {
    let refuse = |error: GatewayError, target: Option<&Arc<Target>>| {
        Refused::of(&admitted.billed, error, target)
    };
    if let ControlPlane::Platform(platform) = &gateway.control {
        let planned = async { platform.plan(requested, admitted.billed.token()?).await };
        // Boxed here and elsewhere: what only hybrid mode waits for does not make every call's future larger.
        return Box::pin(planned).await.map_err(|error| refuse(error, None));
    }
    if let Some(policy) = gateway.policies.find(requested, &admitted.billed.user) {
        return policy::compile(gateway, inbound, &policy, admitted)
            .await
            .map_err(|error| refuse(error, None));
    }
    let target = gateway
        .targets
        .resolve(
            requested,
            Some(&admitted.billed.user),
            inbound.origin.received_at,
        )
        .await
        .map_err(|error| refuse(error.into(), None))?;
    if !admitted.permits(&target) {
        let error = GatewayError::ModelNotPermitted(requested.to_owned());
        return Err(refuse(error, Some(&target)));
    }
    Ok(Plan {
        label: target.is_alias.then(|| target.requested.clone()),
        first: Attempt {
            target,
            reason: Cow::Borrowed("default"),
            platform: None,
        },
        rest: Vec::new(),
        route: None,
        guardrails: Vec::new(),
        resilience: Resilience::default(),
    })
}

impl Route {
    fn new(policy: &str, attempts: usize) -> Self {
        Self {
            policy: Some(policy.to_owned()),
            group: new_id(),
            attempts,
        }
    }

    /// What the rows of one model that is asked again share.
    pub(crate) fn unnamed() -> Self {
        Self {
            policy: None,
            group: new_id(),
            attempts: 1,
        }
    }
}
