//! A routing policy as it is written: what to try first, under which conditions, and what to try after a failure.

use std::collections::{BTreeMap, BTreeSet};

use otari_types::ModelSelector;
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

    fn check(&self, problems: &mut Vec<PolicyProblem>) {
        let mut wrong =
            |path: String, message: String| problems.push(PolicyProblem { path, message });
        if self.spec_version != 1 {
            wrong(
                "spec_version".to_owned(),
                "only version 1 exists".to_owned(),
            );
        }
        let defaults = self
            .select
            .iter()
            .filter(|entry| entry.default.is_some())
            .count();
        let last_is_default = self
            .select
            .last()
            .is_some_and(|entry| entry.default.is_some());
        if defaults != 1 || !last_is_default {
            wrong(
                "select".to_owned(),
                "must end with its only `default`".to_owned(),
            );
        }
        let default = self
            .select
            .last()
            .and_then(|entry| entry.default.as_deref());
        if default.is_some_and(|default| self.on_failure.iter().any(|other| other == default)) {
            let message = "must not repeat the default";
            wrong("on_failure".to_owned(), message.to_owned());
        }
        self.check_patience(&mut wrong);
        for (path, selector) in self.targets() {
            if ModelSelector::parse(selector).is_err() {
                wrong(
                    path,
                    format!("`{selector}` is not of the form instance:model"),
                );
            }
        }
        for (index, guardrail) in self.guardrails.iter().enumerate() {
            if let Some((member, message)) = guardrail.problem() {
                wrong(format!("guardrails.{index}.{member}"), message.to_owned());
            }
        }
        for (index, entry) in self.select.iter().enumerate() {
            entry.check(
                &format!("select.{index}"),
                self.on_failure.len(),
                default,
                &mut wrong,
            );
        }
    }
}

impl PolicySpec {
    fn check_patience(&self, wrong: &mut dyn FnMut(String, String)) {
        if let Some(retry) = self.retry {
            if !(1..=RETRIES_MAX).contains(&retry.attempts) {
                let message = format!("must be between 1 and {RETRIES_MAX}");
                wrong("retry.attempts".to_owned(), message);
            }
            if retry.backoff_ms > retry.max_wait_ms {
                let message = "must not exceed `max_wait_ms`";
                wrong("retry.backoff_ms".to_owned(), message.to_owned());
            }
        }
        for (name, value) in [
            ("first_token_timeout_ms", self.first_token_timeout_ms),
            ("hedge_after_ms", self.hedge_after_ms),
        ] {
            if value == Some(0) {
                wrong(name.to_owned(), "must be above zero".to_owned());
            }
        }
        let has_weights = self.select.iter().any(|entry| entry.weights.is_some());
        if self.sticky && !has_weights {
            let message = "needs a `weighted` router to choose by";
            wrong("sticky".to_owned(), message.to_owned());
        }
    }
}

impl Entry {
    fn check(
        &self,
        path: &str,
        fallbacks: usize,
        default: Option<&str>,
        wrong: &mut dyn FnMut(String, String),
    ) {
        let kinds = [
            self.target.is_some(),
            self.router.is_some(),
            self.default.is_some(),
        ];
        if kinds.into_iter().filter(|is| *is).count() != 1 {
            let message = "must be exactly one of `target` (with `when`), `router` and `default`";
            wrong(path.to_owned(), message.to_owned());
            return;
        }
        if self.when.is_some() != self.target.is_some() {
            wrong(
                path.to_owned(),
                "`when` and `target` belong together".to_owned(),
            );
        }
        if let Some(when) = &self.when {
            when.check(&format!("{path}.when"), wrong);
        }
        if let Some(router) = self.router {
            self.check_router(router, path, fallbacks, default, wrong);
            return;
        }
        if !self.candidates.is_empty() || self.weights.is_some() {
            let message = "`candidates` and `weights` belong to a `router`";
            wrong(path.to_owned(), message.to_owned());
        }
        if fallbacks + 1 > CANDIDATES_MAX {
            too_many(path, wrong);
        }
    }

    fn check_router(
        &self,
        router: Router,
        path: &str,
        fallbacks: usize,
        default: Option<&str>,
        wrong: &mut dyn FnMut(String, String),
    ) {
        let unique: BTreeSet<&str> = self.candidates.iter().map(String::as_str).collect();
        if unique.len() < 2 || unique.len() != self.candidates.len() {
            let message = "needs at least two different candidates, each once";
            wrong(format!("{path}.candidates"), message.to_owned());
        }
        if unique.len() + fallbacks > CANDIDATES_MAX {
            too_many(path, wrong);
        }
        let path = format!("{path}.weights");
        match (router, &self.weights) {
            (Router::Weighted, None) => wrong(path, "is required for `weighted`".to_owned()),
            (_, Some(_)) if router != Router::Weighted => {
                wrong(path, "belongs to `weighted` only".to_owned());
            }
            (_, Some(weights)) => {
                for (name, weight) in weights {
                    if !unique.contains(name.as_str()) && default != Some(name) {
                        wrong(format!("{path}.{name}"), "is not a candidate".to_owned());
                    }
                    if !weight.is_finite() || *weight < 0.0 {
                        wrong(format!("{path}.{name}"), "must be zero or more".to_owned());
                    }
                }
                if !weights.values().any(|weight| *weight > 0.0) {
                    wrong(path, "at least one must be above zero".to_owned());
                }
            }
            (_, None) => {}
        }
    }
}

impl Condition {
    fn check(&self, path: &str, wrong: &mut dyn FnMut(String, String)) {
        if self.keys().is_empty() {
            wrong(
                path.to_owned(),
                "must name at least one condition".to_owned(),
            );
        }
        let comparisons = [
            ("budget_used_pct", self.budget_used_pct),
            ("budget_remaining_usd", self.budget_remaining_usd),
        ];
        for (name, comparison) in comparisons {
            let Some(comparison) = comparison else {
                continue;
            };
            let given: Vec<f64> = comparison.bounds().into_iter().flatten().collect();
            if given.len() != 1 || !given.iter().all(|bound| bound.is_finite()) {
                let message = "needs exactly one of `lt`, `lte`, `gt`, `gte`, with a number";
                wrong(format!("{path}.{name}"), message.to_owned());
            }
        }
        // Whoever has used all of a budget is refused before any policy is asked.
        let unreachable = self.budget_used_pct.is_some_and(|used| {
            used.gte.is_some_and(|bound| bound >= 100.0)
                || used.gt.is_some_and(|bound| bound >= 100.0)
        });
        if unreachable {
            let message = "can never hold at 100 or more: such a caller is refused";
            wrong(format!("{path}.budget_used_pct"), message.to_owned());
        }
    }
}

fn too_many(path: &str, wrong: &mut dyn FnMut(String, String)) {
    let message = format!("makes more than {CANDIDATES_MAX} candidates together with `on_failure`");
    wrong(path.to_owned(), message);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(value: &Value) -> Vec<String> {
        match PolicySpec::read(value) {
            Ok(spec) => panic!("accepted: {spec:?}"),
            Err(problems) => problems.into_iter().map(|problem| problem.path).collect(),
        }
    }

    #[test]
    fn a_whole_policy_is_read_and_written_back() {
        let value = json!({
            "spec_version": 1,
            "select": [
                {"when": {"budget_used_pct": {"gte": 80.0}, "user_id": ["a", "b"]}, "target": "p:m"},
                {"router": "weighted", "candidates": ["p:m", "q:n"], "weights": {"p:m": 70.0, "q:n": 30.0}},
                {"default": "p:m"},
            ],
            "on_failure": ["q:n"],
            "guardrails": [{"profile": "pii", "mode": "block", "on_unavailable": "monitor", "on": ["input", "output"]}],
            "retry": {"attempts": 2, "backoff_ms": 100, "max_wait_ms": 1000},
            "first_token_timeout_ms": 3000,
            "hedge_after_ms": 800,
            "rescue": true,
            "sticky": true,
        });
        let spec = PolicySpec::read(&value).unwrap();
        assert_eq!(serde_json::to_value(&spec).unwrap(), value);
        let when = spec.select[0].when.as_ref().unwrap();
        assert_eq!(when.keys(), ["budget_used_pct", "user_id"]);
        assert!(when.budget_used_pct.unwrap().holds(80.0));
        assert!(!when.budget_used_pct.unwrap().holds(79.9));
    }

    #[test]
    fn every_mistake_is_named_where_it_is() {
        for (value, expected) in [
            (json!({}), vec![""]),
            (
                json!({"select": [{"default": "p:m"}], "on_failures": []}),
                vec!["on_failures"],
            ),
            (
                json!({"select": [{"default": "plain"}]}),
                vec!["select.0.default"],
            ),
            (
                json!({"select": [{"target": "p:m", "when": {"user_id": "a"}}]}),
                vec!["select"],
            ),
            (
                json!({"select": [{"default": "p:m"}], "on_failure": ["p:m"]}),
                vec!["on_failure"],
            ),
            (
                json!({"select": [{"target": "p:m"}, {"default": "p:n"}]}),
                vec!["select.0"],
            ),
            (
                json!({"select": [{"target": "p:m", "when": {}}, {"default": "p:n"}]}),
                vec!["select.0.when"],
            ),
            (
                json!({"select": [{"target": "p:m", "when": {"budget_used_pct": {"gt": 1, "lt": 2}}}, {"default": "p:n"}]}),
                vec!["select.0.when.budget_used_pct"],
            ),
            (
                json!({"select": [{"target": "p:m", "when": {"budget_used_pct": {"gte": 100}}}, {"default": "p:n"}]}),
                vec!["select.0.when.budget_used_pct"],
            ),
            (
                json!({"select": [{"router": "weighted", "candidates": ["p:m"]}, {"default": "p:n"}]}),
                vec!["select.0.candidates", "select.0.weights"],
            ),
            (
                json!({"select": [{"router": "weighted", "candidates": ["p:m", "p:o"], "weights": {"p:x": 1}}, {"default": "p:n"}]}),
                vec!["select.0.weights.p:x"],
            ),
            (
                json!({"select": [{"default": "p:n"}], "on_failure": ["a:a", "b:b", "c:c", "d:d", "e:e"]}),
                vec!["select.0"],
            ),
            (
                json!({"select": [{"router": "least_busy", "candidates": ["p:m", "p:o"], "weights": {"p:m": 1}}, {"default": "p:n"}]}),
                vec!["select.0.weights"],
            ),
            (
                json!({"select": [{"default": "p:n"}], "sticky": true, "hedge_after_ms": 0}),
                vec!["hedge_after_ms", "sticky"],
            ),
            (
                json!({"select": [{"default": "p:n"}], "retry": {"attempts": 0, "backoff_ms": 9000}}),
                vec!["retry.attempts", "retry.backoff_ms"],
            ),
            (
                json!({"select": [{"default": "p:n"}], "guardrails": [{"profile": "x"}]}),
                vec!["guardrails[0]"],
            ),
            (
                json!({"select": [{"default": "p:n"}], "guardrails": [{"profile": "", "mode": "block"}]}),
                vec!["guardrails.0.profile"],
            ),
        ] {
            assert_eq!(problems(&value), expected, "{value}");
        }
    }
}
