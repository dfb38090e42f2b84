//! From a policy and the situation of a caller to an ordered list of models.

use std::borrow::Cow;

use otari_config::{CANDIDATES_MAX, Entry, PolicySpec, Router};
use otari_store::StoreError;
use otari_types::{KeyId, Timestamp};

use crate::Gateway;
use crate::admit::Admitted;
use crate::error::GatewayError;
use crate::health::Standing;
use crate::inbound::Inbound;
use crate::learned::Asked;
use crate::plan::conversation::conversation;
use crate::plan::explain::{DropReason, Dropped};
use crate::plan::order;
use crate::plan::policies::Policy;
use crate::plan::situation::{Situation, figures};
use crate::plan::{Attempt, Plan, Resilience, Route};
use crate::target::Targets;

const ROUTER_HEADER: &str = "otari-router";

/// A model and why it has its place.
pub(super) type Candidate<'a> = (&'a str, Cow<'static, str>);

/// Turns the policy into the attempts of this call.
pub(super) async fn compile(
    gateway: &Gateway,
    inbound: &Inbound,
    policy: &Policy,
    admitted: &Admitted,
) -> Result<Plan, GatewayError> {
    let Policy { name, spec } = policy;
    let billed = &admitted.billed;
    let mut situation = Situation {
        user: Some(billed.user.as_str()),
        key: billed.key.as_ref().map(KeyId::as_str),
        figures: figures(gateway, spec, billed).await?,
        routers_on: routers_on(inbound, spec)?,
        ranking: Some(&[]),
        conversation: spec
            .sticky
            .then(|| conversation(inbound, billed.user.as_str())),
    };
    let ranking = match chosen(spec, &situation) {
        Some(entry) if entry.router == Some(Router::Knn) => {
            let asked = Asked {
                gateway,
                inbound,
                admitted,
                policy: name,
            };
            // Rare, and large: plans without it do not carry its room.
            Box::pin(asked.rank(entry)).await.ok()
        }
        _ => None,
    };
    situation.ranking = ranking.as_deref();
    let resolving = Resolving {
        targets: &gateway.targets,
        now: inbound.origin.received_at,
        permits: &|key| admitted.permits_key(key),
    };
    let resolved = resolving.resolve(candidates(spec, &situation)).await?;
    let router = chosen(spec, &situation).and_then(|entry| entry.router);
    let attempts = by_health(resolved.attempts, router);
    let route = Route::new(name, attempts.len());
    let mut attempts = attempts.into_iter();
    let Some(first) = attempts.next() else {
        let denied = |dropped: &Dropped| dropped.reason == DropReason::NotAllowed;
        return Err(if resolved.dropped.iter().any(denied) {
            GatewayError::PolicyNotPermitted(name.clone())
        } else {
            GatewayError::PolicyUnresolvable(name.clone())
        });
    };
    Ok(Plan {
        first,
        rest: attempts.collect(),
        label: Some(name.clone()),
        route: Some(route),
        guardrails: spec.guardrails.clone(),
        resilience: Resilience::of(spec),
    })
}

/// The chosen head, the rest of a router's order, then `on_failure`.
pub(super) fn candidates<'a>(
    spec: &'a PolicySpec,
    situation: &Situation<'a>,
) -> Vec<Candidate<'a>> {
    let mut candidates =
        chosen(spec, situation).map_or_else(Vec::new, |entry| heads(entry, situation));
    let fallbacks = spec.on_failure.iter();
    candidates.extend(fallbacks.map(|selector| (selector.as_str(), Cow::Borrowed("on_failure"))));
    candidates
}

/// The first entry that applies.
pub(super) fn chosen<'a>(spec: &'a PolicySpec, situation: &Situation<'_>) -> Option<&'a Entry> {
    spec.select
        .iter()
        .find(|entry| match (&entry.when, entry.router) {
            (Some(when), _) => situation.meets(when),
            (None, Some(Router::Knn)) => situation.routers_on && situation.ranking.is_some(),
            (None, Some(_)) => situation.routers_on,
            (None, None) => entry.default.is_some(),
        })
}

fn heads<'a>(entry: &'a Entry, situation: &Situation<'a>) -> Vec<Candidate<'a>> {
    match (entry, entry.router) {
        (entry, Some(router)) => {
            let reason: Cow<'static, str> = Cow::Owned(format!("router:{}", router.name()));
            let ranked = situation.ranking.filter(|ranking| !ranking.is_empty());
            let ordered: Vec<&str> = match (router, ranked) {
                (Router::Weighted, _) => order::weighted(entry, situation.conversation),
                (Router::Knn, Some(ranking)) => ranking.iter().map(String::as_str).collect(),
                _ => entry.candidates.iter().map(String::as_str).collect(),
            };
            let ordered = ordered.into_iter();
            ordered.map(|selector| (selector, reason.clone())).collect()
        }
        (entry, None) => {
            let condition = entry.when.as_ref().zip(entry.target.as_deref());
            let conditional = condition.map(|(when, target)| {
                let reason = format!("condition:{}", when.keys().join(","));
                (target, Cow::Owned(reason))
            });
            let default = entry.default.as_deref();
            let default = default.map(|selector| (selector, Cow::Borrowed("default")));
            conditional.or(default).into_iter().collect()
        }
    }
}

/// Routers that look at how models have been decide here; then whoever stands back goes behind all others: its
/// turn comes when they failed too.
fn by_health(mut attempts: Vec<Attempt>, router: Option<Router>) -> Vec<Attempt> {
    if attempts.len() < 2 {
        return attempts;
    }
    let routed = attempts
        .iter()
        .take_while(|attempt| attempt.reason.starts_with("router:"))
        .count();
    if let Some(routed) = attempts.get_mut(..routed) {
        match router {
            Some(Router::LeastLatency) => {
                // Whoever is not known yet is tried.
                routed.sort_by_cached_key(|attempt| {
                    attempt
                        .target
                        .vitals
                        .as_ref()
                        .and_then(|vitals| vitals.take_latency())
                });
            }
            Some(Router::LeastBusy) => routed.sort_by_cached_key(|attempt| {
                attempt.target.vitals.as_ref().map(|vitals| vitals.busy())
            }),
            Some(Router::Weighted | Router::Knn) | None => {}
        }
    }
    // Only the one that is tried first finds out whether its provider is back.
    let mut has_first = false;
    let (fit, unfit): (Vec<_>, Vec<_>) = attempts.into_iter().partition(|attempt| {
        let Some(vitals) = &attempt.target.vitals else {
            return true;
        };
        let standing = if has_first {
            vitals.standing()
        } else {
            vitals.take_standing()
        };
        has_first |= standing == Standing::Fit;
        standing == Standing::Fit
    });
    fit.into_iter().chain(unfit).collect()
}

/// Whose models they are to be.
pub(super) struct Resolving<'a> {
    pub(super) targets: &'a Targets,
    pub(super) now: Timestamp,
    pub(super) permits: &'a (dyn Fn(&str) -> bool + Sync),
}

pub(super) struct Resolved {
    pub(super) attempts: Vec<Attempt>,
    pub(super) dropped: Vec<Dropped>,
}

impl Resolving<'_> {
    pub(super) async fn resolve(
        &self,
        candidates: Vec<Candidate<'_>>,
    ) -> Result<Resolved, StoreError> {
        let mut sieve = Sieve::default();
        let mut attempts: Vec<Attempt> = Vec::new();
        for (selector, reason) in candidates {
            let target = self.targets.resolve(selector, None, self.now).await?;
            let served = target.instance.is_some();
            if sieve.takes(selector, &target.key, served, self.permits) {
                attempts.push(Attempt {
                    target,
                    reason,
                    platform: None,
                });
            }
        }
        Ok(Resolved {
            attempts,
            dropped: sieve.dropped,
        })
    }
}

/// Keeps what can be tried: without duplicates, without what the caller may not use or nothing serves, and not too
/// many.
#[derive(Default)]
pub(super) struct Sieve {
    kept: Vec<String>,
    pub(super) dropped: Vec<Dropped>,
}

impl Sieve {
    /// `key`: the canonical form of `selector`; `served`: by a configured provider.
    pub(super) fn takes(
        &mut self,
        selector: &str,
        key: &str,
        served: bool,
        permits: &dyn Fn(&str) -> bool,
    ) -> bool {
        let why = if self.kept.iter().any(|kept| kept == key) {
            DropReason::Duplicate
        } else if !permits(key) {
            DropReason::NotAllowed
        } else if !served {
            DropReason::Unresolvable
        } else if self.kept.len() >= CANDIDATES_MAX {
            DropReason::TooMany
        } else {
            self.kept.push(key.to_owned());
            return true;
        };
        self.dropped.push(Dropped {
            selector: selector.to_owned(),
            reason: why,
        });
        false
    }
}

/// Whether the caller leaves the choice to routers. Only asked where the policy has one.
fn routers_on(inbound: &Inbound, spec: &PolicySpec) -> Result<bool, GatewayError> {
    let has_router = spec.select.iter().any(|entry| entry.router.is_some());
    let Some(word) = inbound.headers.get(ROUTER_HEADER).filter(|_| has_router) else {
        return Ok(true);
    };
    match word
        .to_str()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
        .as_str()
    {
        "on" | "true" | "1" | "yes" => Ok(true),
        "off" | "false" | "0" | "no" => Ok(false),
        _ => Err(GatewayError::InvalidRequest(
            "Otari-Router must be 'on' or 'off'".to_owned(),
        )),
    }
}
