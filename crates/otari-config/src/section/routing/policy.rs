//! A routing policy as it is written: what to try first, under which conditions, and what to try after a failure.

mod check;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::section::guardrails::GuardrailSpec;

/// Most models one call may be tried on.
pub const CANDIDATES_MAX: usize = 5;

/// What is wrong with a policy: the path inside it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProblem {
    /// Dotted, e.g. `select.0.target`; empty for the policy as a whole.
    pub path: String,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    #[serde(default = "version_one")]
    pub spec_version: u32,
    /// The first entry that applies says what is tried first; the last is the default.
    pub select: Vec<Entry>,
    /// Tried in order after a failure.
    #[serde(default)]
    pub on_failure: Vec<String>,
    /// Checks every call of the policy must pass.
    #[serde(default)]
    pub guardrails: Vec<GuardrailSpec>,
    /// The same model is asked again before the next one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySpec>,
    /// A stream whose first token takes longer is given up for the next model, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_timeout_ms: Option<u64>,
    /// The next model is asked as well when nothing came for so long; the first to answer is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge_after_ms: Option<u64>,
    /// A stream that breaks off is continued by the next model.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rescue: bool,
    /// Calls of one conversation keep to one model of a weighted router, for the sake of prompt caches.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sticky: bool,
}

/// How often and how patiently one model is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrySpec {
    /// Times it is asked again, after the first.
    pub attempts: u32,
    /// Waited before the first repetition, doubled before each further one.
    #[serde(default = "usual_backoff_ms")]
    pub backoff_ms: u64,
    /// A provider that asks for a longer wait (`Retry-After`) is not asked again.
    #[serde(default = "usual_max_wait_ms")]
    pub max_wait_ms: u64,
}

impl RetrySpec {
    /// So many repetitions, with the usual waits.
    pub fn times(attempts: u32) -> Self {
        Self {
            attempts,
            backoff_ms: usual_backoff_ms(),
            max_wait_ms: usual_max_wait_ms(),
        }
    }
}

/// Most times one model is asked again.
pub const RETRIES_MAX: u32 = 10;

fn usual_backoff_ms() -> u64 {
    250
}

fn usual_max_wait_ms() -> u64 {
    5_000
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

/// One line of `select`: `{when, target}`, `{router, candidates, …}` or `{default}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<Router>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<BTreeMap<String, f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// How an entry with several candidates orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Router {
    /// By chance, in proportion to the weights.
    Weighted,
    /// The one that lately began to answer soonest.
    LeastLatency,
    /// The one with the fewest calls under way on this node.
    LeastBusy,
    /// By what was learned from examples.
    Knn,
}

impl Router {
    /// As a policy names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::LeastLatency => "least_latency",
            Self::LeastBusy => "least_busy",
            Self::Knn => "knn",
        }
    }
}

/// All given parts must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Spent and held of the caller's budget, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_used_pct: Option<Comparison>,
    /// Left of the caller's budget, in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_remaining_usd: Option<Comparison>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<OneOrMany>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<OneOrMany>,
}

/// Exactly one operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lte: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gte: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn version_one() -> u32 {
    1
}

impl OneOrMany {
    pub fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }
}

impl Comparison {
    pub fn holds(&self, value: f64) -> bool {
        self.lt.is_none_or(|bound| value < bound)
            && self.lte.is_none_or(|bound| value <= bound)
            && self.gt.is_none_or(|bound| value > bound)
            && self.gte.is_none_or(|bound| value >= bound)
    }

    fn bounds(&self) -> [Option<f64>; 4] {
        [self.lt, self.lte, self.gt, self.gte]
    }
}

impl Condition {
    /// The names of the parts that are given, for the usage row.
    pub fn keys(&self) -> Vec<&'static str> {
        let given = [
            ("budget_used_pct", self.budget_used_pct.is_some()),
            ("budget_remaining_usd", self.budget_remaining_usd.is_some()),
            ("user_id", self.user_id.is_some()),
            ("key_id", self.key_id.is_some()),
        ];
        given
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(key, _)| key)
            .collect()
    }
}

impl PolicySpec {
    /// Whether what is tried first can differ from call to call.
    pub fn is_dynamic(&self) -> bool {
        self.select.len() > 1
    }

    /// Reads and checks a policy; every mistake at once, unless its shape is already wrong.
    pub fn read(value: &Value) -> Result<Self, Vec<PolicyProblem>> {
        let spec: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            vec![PolicyProblem {
                path: if path == "." { String::new() } else { path },
                message: error.inner().to_string(),
            }]
        })?;
        let mut problems = Vec::new();
        spec.check(&mut problems);
        if problems.is_empty() {
            Ok(spec)
        } else {
            Err(problems)
        }
    }

    /// Every selector that is named, with its path.
    pub fn targets(&self) -> Vec<(String, &str)> {
        let mut all = Vec::new();
        for (index, entry) in self.select.iter().enumerate() {
            let single = [("target", &entry.target), ("default", &entry.default)];
            for (name, selector) in single {
                if let Some(selector) = selector {
                    all.push((format!("select.{index}.{name}"), selector.as_str()));
                }
            }
            for (at, selector) in entry.candidates.iter().enumerate() {
                all.push((format!("select.{index}.candidates.{at}"), selector));
            }
        }
        for (at, selector) in self.on_failure.iter().enumerate() {
            all.push((format!("on_failure.{at}"), selector));
        }
        all
    }
}
