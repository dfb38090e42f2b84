//! What is wrong with a policy; every mistake at once, with its place.

use std::collections::BTreeSet;

use otari_types::ModelSelector;

use super::{CANDIDATES_MAX, Condition, Entry, PolicyProblem, PolicySpec, RETRIES_MAX, Router};

impl PolicySpec {
    pub(super) fn check(&self, problems: &mut Vec<PolicyProblem>) {
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
