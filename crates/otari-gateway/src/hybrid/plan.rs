//! What a model means to a caller: what the platform resolves it to.

use std::sync::Arc;

use otari_platform::{ResolveRequest, ResolvedAttempt, path, read_resolved};
use otari_providers::{UpstreamError, UpstreamErrorKind};

use super::client::Question;
use super::{Patience, Platform, UserToken};
use crate::error::GatewayError;
use crate::plan::{Attempt, Plan, Resilience};
use crate::target::Target;

const RESOLVE: Question = Question {
    path: path::RESOLVE,
    fallback: "The platform refused this model to this token",
};

/// What an attempt is to the platform.
#[derive(Clone, Debug)]
pub(crate) struct OnPlatform {
    /// What its usage is reported under.
    pub(crate) id: Option<Arc<str>>,
    /// The platform's id of the resolve it came from.
    pub(crate) request_id: Option<Arc<str>>,
    pub(crate) patience: Patience,
    /// Why the provider cannot be called at all.
    problem: Option<Arc<str>>,
}

impl OnPlatform {
    /// The failure of an attempt whose provider cannot be called: its own, not the caller's.
    pub(crate) fn failure(&self, provider: Option<&str>) -> GatewayError {
        let problem = self.problem.as_deref().unwrap_or("it cannot be called");
        let error = UpstreamError::new(UpstreamErrorKind::Provider, problem);
        GatewayError::upstream(provider.unwrap_or_default(), error)
    }
}

impl Platform {
    pub(crate) async fn plan(
        &self,
        requested: &str,
        token: &UserToken,
    ) -> Result<Plan, GatewayError> {
        let question = ResolveRequest::of(requested);
        let asked = self.client.ask(RESOLVE, token, &question, read_resolved);
        let resolved = asked.await?;
        let request_id: Option<Arc<str>> = resolved.request_id.map(Arc::from);
        let count = resolved.attempts.len();
        let attempts = resolved.attempts.into_iter().enumerate();
        let mut attempts = attempts.map(|(at, attempt)| {
            self.attempt(requested, attempt, request_id.clone(), at + 1 == count)
        });
        let Some(first) = attempts.next() else {
            tracing::error!(
                model = requested,
                "the platform resolved a model to nothing"
            );
            return Err(super::PlatformError::Unavailable.into());
        };
        Ok(Plan {
            first,
            rest: attempts.collect(),
            label: None,
            route: None,
            guardrails: Vec::new(),
            resilience: Resilience::default(),
        })
    }

    fn attempt(
        &self,
        requested: &str,
        resolved: ResolvedAttempt,
        request_id: Option<Arc<str>>,
        is_last: bool,
    ) -> Attempt {
        let (instance, problem) = match self.instances.of(&resolved) {
            Ok(instance) => (Some(instance), None),
            Err(problem) => {
                tracing::error!(
                    provider = resolved.provider,
                    problem,
                    "an attempt cannot be made"
                );
                (None, Some(Arc::from(problem)))
            }
        };
        let target = Target::elsewhere(requested, resolved.provider, resolved.model, instance);
        Attempt {
            target: Arc::new(target),
            reason: "default".into(),
            platform: Some(Arc::new(OnPlatform {
                id: resolved.id.map(Arc::from),
                request_id,
                patience: Patience::new(&self.options, is_last),
                problem,
            })),
        }
    }
}
