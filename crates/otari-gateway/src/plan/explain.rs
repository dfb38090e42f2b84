//! What a policy would do, without doing it.

use otari_config::{GuardrailSpec, PolicySpec, Router};
use otari_store::StoreError;
use otari_types::{ModelSelector, Timestamp};

use crate::allow_list::AllowList;
use crate::health::Standing;
use crate::plan::order::shares;
use crate::plan::policy::{Resolving, Sieve, candidates, chosen};
use crate::plan::situation::{Figures, Situation};
use crate::target::Targets;

/// Who asks, as far as it matters to the policy.
#[derive(Clone, Debug, Default)]
pub struct Simulated {
    pub user: Option<String>,
    pub key: Option<String>,
    /// `None`: any model.
    pub allowed_models: Option<Vec<String>>,
    /// `None`: no budget.
    pub budget_used_pct: Option<f64>,
    pub budget_remaining_usd: Option<f64>,
}

/// What would be tried, in order, and why.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Of the first.
    pub selection_reason: String,
    pub candidates: Vec<ExplainedCandidate>,
    pub dropped: Vec<Dropped>,
    pub guardrails: Vec<GuardrailSpec>,
    pub router: Option<Explained>,
}

/// The router that decides.
#[derive(Clone, Debug)]
pub struct Explained {
    pub backend: Router,
    pub candidates: Vec<String>,
    /// Shares of traffic, where it has such.
    pub weights: Vec<(String, f64)>,
}

#[derive(Clone, Debug)]
pub struct ExplainedCandidate {
    pub instance: String,
    pub model: String,
    /// `instance:model`.
    pub key: String,
    pub reason: String,
    /// It stands back just now: it would be tried after all others.
    pub stands_back: Option<&'static str>,
}

/// A model of the policy that is not tried.
#[derive(Clone, Debug)]
pub struct Dropped {
    pub selector: String,
    pub reason: DropReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    Duplicate,
    NotAllowed,
    Unresolvable,
    TooMany,
}

impl DropReason {
    pub fn code(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::NotAllowed => "not_allowed",
            Self::Unresolvable => "unresolvable",
            Self::TooMany => "too_many",
        }
    }

    pub fn detail(self) -> &'static str {
        match self {
            Self::Duplicate => "it is already among the candidates",
            Self::NotAllowed => "the caller may not use this model",
            Self::Unresolvable => "no configured provider serves it",
            Self::TooMany => "a call is tried on five models at most",
        }
    }
}

impl Targets {
    /// What `spec` would do for `simulated` at `now`. Of a weighted router, the order is one of many.
    pub async fn explain_policy(
        &self,
        spec: &PolicySpec,
        simulated: &Simulated,
        now: Timestamp,
    ) -> Result<Explanation, StoreError> {
        let situation = simulated.situation();
        let permits = simulated.permits();
        let resolving = Resolving {
            targets: self,
            now,
            permits: &permits,
        };
        let resolved = resolving.resolve(candidates(spec, &situation)).await?;
        let attempts = resolved.attempts.iter().map(|attempt| {
            let target = &attempt.target;
            let vitals = target.vitals.as_ref();
            ExplainedCandidate {
                instance: target.instance_name.clone().unwrap_or_default(),
                model: target.model.clone(),
                key: target.key.clone(),
                reason: attempt.reason.to_string(),
                stands_back: vitals.and_then(|vitals| match vitals.standing() {
                    Standing::Fit => None,
                    Standing::Resting => Some("it asked to be left alone for a while"),
                    Standing::Broken => Some("its provider keeps failing"),
                }),
            }
        });
        let attempts = attempts.collect();
        Ok(explanation(spec, &situation, attempts, resolved.dropped))
    }
}

/// The same without a running gateway. `is_served`: whether an instance of this name is configured.
pub fn explain_configured(
    spec: &PolicySpec,
    simulated: &Simulated,
    is_served: &dyn Fn(&str) -> bool,
) -> Explanation {
    let situation = simulated.situation();
    let permits = simulated.permits();
    let mut sieve = Sieve::default();
    let mut kept = Vec::new();
    for (text, reason) in candidates(spec, &situation) {
        // A policy that was read has nothing else.
        let Ok(selector) = ModelSelector::parse(text) else {
            continue;
        };
        let key = selector.to_string();
        if sieve.takes(text, &key, is_served(&selector.instance), &permits) {
            kept.push(ExplainedCandidate {
                instance: selector.instance,
                model: selector.model,
                key,
                reason: reason.into_owned(),
                stands_back: None,
            });
        }
    }
    explanation(spec, &situation, kept, sieve.dropped)
}

impl Simulated {
    fn situation(&self) -> Situation<'_> {
        Situation {
            user: self.user.as_deref(),
            key: self.key.as_deref(),
            figures: Some(Figures {
                used_pct: self.budget_used_pct,
                remaining_usd: self.budget_remaining_usd,
            }),
            routers_on: true,
            // What it would say of a request that nobody made is not known.
            ranking: Some(&[]),
            conversation: None,
        }
    }

    fn permits(&self) -> impl Fn(&str) -> bool + use<> {
        let allowed = self.allowed_models.clone().map(AllowList::new);
        move |key| allowed.as_ref().is_none_or(|list| list.permits(key))
    }
}

fn explanation(
    spec: &PolicySpec,
    situation: &Situation<'_>,
    candidates: Vec<ExplainedCandidate>,
    dropped: Vec<Dropped>,
) -> Explanation {
    let entry = chosen(spec, situation);
    let router = entry.and_then(|entry| {
        let weights = shares(entry).into_iter();
        Some(Explained {
            backend: entry.router?,
            candidates: entry.candidates.clone(),
            weights: weights
                .map(|(name, share)| (name.to_owned(), share))
                .collect(),
        })
    });
    let first = candidates.first();
    Explanation {
        selection_reason: first.map_or_else(|| "none".to_owned(), |first| first.reason.clone()),
        candidates,
        dropped,
        guardrails: spec.guardrails.clone(),
        router,
    }
}
