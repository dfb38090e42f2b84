//! Routing policies: from a name, the caller and the state of its budget to an ordered list of models.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use otari_config::section::routing::{CANDIDATES_MAX, Condition, Entry, PolicySpec, Router};
use otari_store::accounts;
use otari_types::Amounts;

use crate::Gateway;
use crate::admit::{Admitted, Billed};
use crate::error::GatewayError;
use crate::inbound::Inbound;
use crate::plan::{Attempt, Plan, Route};

const ROUTER_HEADER: &str = "otari-router";

/// The policies in force, by name.
#[derive(Debug, Default)]
pub(crate) struct Policies(ArcSwap<HashMap<String, Arc<Policy>>>);

#[derive(Debug)]
pub(crate) struct Policy {
    name: String,
    spec: PolicySpec,
}

impl Policies {
    pub(crate) fn new(specs: BTreeMap<String, PolicySpec>) -> Self {
        let named = |(name, spec): (String, PolicySpec)| {
            let policy = Policy {
                name: name.clone(),
                spec,
            };
            (name, Arc::new(policy))
        };
        Self(ArcSwap::from_pointee(
            specs.into_iter().map(named).collect(),
        ))
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Policy>> {
        self.0.load().get(name).cloned()
    }
}

/// A model and why it has its place.
type Candidate<'a> = (&'a str, Cow<'static, str>);

/// Turns the policy into the attempts of this call: the chosen head, the rest of a router's order, then
/// `on_failure`; without duplicates, without what the caller may not use or nothing serves.
pub(super) async fn compile(
    gateway: &Gateway,
    inbound: &Inbound,
    policy: &Policy,
    admitted: &Admitted,
) -> Result<Plan, GatewayError> {
    let figures = figures(gateway, policy, &admitted.billed).await?;
    let routers_on = routers_on(inbound, policy)?;
    let mut candidates = select(policy, &admitted.billed, figures, routers_on);
    let fallbacks = policy.spec.on_failure.iter();
    candidates.extend(fallbacks.map(|selector| (selector.as_str(), Cow::Borrowed("on_failure"))));

    let mut attempts: Vec<Attempt> = Vec::new();
    let mut denied = false;
    for (selector, reason) in candidates {
        let target = gateway
            .targets
            .resolve(selector, None, inbound.origin.received_at)
            .await?;
        if attempts.iter().any(|other| other.target.key == target.key) {
            continue;
        }
        if !admitted.permits(&target) {
            denied = true;
        } else if target.instance.is_some() && attempts.len() < CANDIDATES_MAX {
            attempts.push(Attempt {
                target,
                reason,
                platform: None,
            });
        }
    }
    let route = Route::new(&policy.name, attempts.len());
    let mut attempts = attempts.into_iter();
    let Some(first) = attempts.next() else {
        return Err(if denied {
            GatewayError::PolicyNotPermitted(policy.name.clone())
        } else {
            GatewayError::PolicyUnresolvable(policy.name.clone())
        });
    };
    Ok(Plan {
        first,
        rest: attempts.collect(),
        label: Some(policy.name.clone()),
        route: Some(route),
        guardrails: policy.spec.guardrails.clone(),
    })
}

/// The first entry that applies.
fn select<'a>(
    policy: &'a Policy,
    billed: &Billed,
    figures: Option<Figures>,
    routers_on: bool,
) -> Vec<Candidate<'a>> {
    for entry in &policy.spec.select {
        match (entry, &entry.when, &entry.target, entry.router) {
            (_, Some(when), Some(target), _) if holds(when, billed, figures) => {
                let reason = format!("condition:{}", when.keys().join(","));
                return vec![(target, Cow::Owned(reason))];
            }
            (entry, _, _, Some(Router::Weighted)) if routers_on => {
                let reason = Cow::Borrowed("router:weighted");
                let ordered = draw(entry).into_iter();
                return ordered.map(|selector| (selector, reason.clone())).collect();
            }
            // The learned router declines while it has no examples.
            _ => {}
        }
        if let Some(default) = &entry.default {
            return vec![(default, Cow::Borrowed("default"))];
        }
    }
    Vec::new()
}

/// What budget conditions compare.
#[derive(Clone, Copy, Debug)]
struct Figures {
    used_pct: f64,
    remaining_usd: f64,
}

/// Read only when a condition asks; `None` without a limit.
async fn figures(
    gateway: &Gateway,
    policy: &Policy,
    billed: &Billed,
) -> Result<Option<Figures>, GatewayError> {
    let asked =
        |when: &Condition| when.budget_used_pct.is_some() || when.budget_remaining_usd.is_some();
    if !policy
        .spec
        .select
        .iter()
        .any(|entry| entry.when.as_ref().is_some_and(asked))
    {
        return Ok(None);
    }
    let rows = accounts::load(&gateway.store, billed.accounts()).await?;
    let figures = rows.iter().filter_map(|row| {
        let limit = row.limits.cost?;
        let held: Amounts = gateway.ledger.held(&row.id);
        let used = row.settled.cost + held.cost;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share in percent needs no exactness"
        )]
        let (limit, used) = (limit.0 as f64, used.0 as f64);
        Some(Figures {
            used_pct: if limit > 0.0 {
                used / limit * 100.0
            } else {
                100.0
            },
            remaining_usd: (limit - used) / 1e9,
        })
    });
    // The tightest decides.
    Ok(figures.max_by(|a, b| a.used_pct.total_cmp(&b.used_pct)))
}

fn holds(when: &Condition, billed: &Billed, figures: Option<Figures>) -> bool {
    let budget = |asked: bool, test: &dyn Fn(Figures) -> bool| !asked || figures.is_some_and(test);
    let used = when.budget_used_pct;
    let remaining = when.budget_remaining_usd;
    budget(used.is_some(), &|figures| {
        used.is_none_or(|used| used.holds(figures.used_pct))
    }) && budget(remaining.is_some(), &|figures| {
        remaining.is_none_or(|left| left.holds(figures.remaining_usd))
    }) && when
        .user_id
        .as_ref()
        .is_none_or(|users| users.contains(billed.user.as_str()))
        && when.key_id.as_ref().is_none_or(|keys| {
            billed
                .key
                .as_ref()
                .is_some_and(|key| keys.contains(key.as_str()))
        })
}

/// The candidates in an order drawn without replacement in proportion to their weights. Those without weight
/// follow as declared: no traffic, but still a way out.
fn draw(entry: &Entry) -> Vec<&str> {
    let weight = |name: &str| {
        let weights = entry.weights.as_ref();
        weights
            .and_then(|weights| weights.get(name))
            .copied()
            .unwrap_or(0.0)
    };
    let (mut open, idle): (Vec<&str>, Vec<&str>) = entry
        .candidates
        .iter()
        .map(String::as_str)
        .partition(|name| weight(name) > 0.0);
    let mut order = Vec::with_capacity(entry.candidates.len());
    while !open.is_empty() {
        let total: f64 = open.iter().map(|name| weight(name)).sum();
        let mut left = random_fraction() * total;
        let chosen = open.iter().position(|name| {
            left -= weight(name);
            left < 0.0
        });
        order.push(open.remove(chosen.unwrap_or(open.len() - 1)));
    }
    order.extend(idle);
    order
}

/// Uniform in [0, 1). Without randomness the first candidate is taken.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(0.0, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

/// Whether the caller leaves the choice to routers. Only asked where the policy has one.
fn routers_on(inbound: &Inbound, policy: &Policy) -> Result<bool, GatewayError> {
    let has_router = policy
        .spec
        .select
        .iter()
        .any(|entry| entry.router.is_some());
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
