//! What stands behind the names of guardrail profiles.

use otari_types::ModelSelector;

use super::{absolute_http, served};
use crate::config::Config;
use crate::problem::{Problem, ProblemKind, Report};
use crate::section::guardrails::ProfileSpec;

/// The names of the gateway's own profiles begin so; a configured one must not look like one of them.
const OWN_PROFILES: &str = "otari:";

pub(super) fn check(config: &Config, known: &dyn Fn(&str) -> bool, report: &mut Report) {
    for (name, profile) in &config.guardrails.guardrail_profiles.0 {
        let path = format!("guardrail_profiles.{name}");
        if name.trim().is_empty() || name.starts_with(OWN_PROFILES) {
            let message = format!("a name must not be empty or begin with `{OWN_PROFILES}`");
            report.problem(Problem::new(&path, ProblemKind::InvalidName, message));
        }
        match profile {
            ProfileSpec::Regex { patterns, deny, .. } => expressions(patterns, deny, &path, report),
            ProfileSpec::Moderation { model, .. } | ProfileSpec::LlmJudge { model, .. } => {
                let path = format!("{path}.model");
                if let Ok(selector) = ModelSelector::parse(model) {
                    served(config, &selector, known, &path, report);
                } else {
                    let message = "expected `instance:model`";
                    report.problem(Problem::new(&path, ProblemKind::WrongType, message));
                }
            }
            ProfileSpec::Remote { url: Some(url), .. } => {
                absolute_http(url, &format!("{path}.url"), report);
            }
            ProfileSpec::Remote { url: None, .. } => {
                if config.guardrails.guardrails_url.is_none() {
                    let message = "needs `url`, or `guardrails_url` beside the profiles";
                    report.problem(Problem::new(&path, ProblemKind::Missing, message));
                }
            }
            ProfileSpec::PromptInjection { .. }
            | ProfileSpec::Pii { .. }
            | ProfileSpec::Secrets { .. } => {}
        }
    }
}

fn expressions(patterns: &[String], deny: &[String], path: &str, report: &mut Report) {
    if patterns.is_empty() && deny.is_empty() {
        let message = "needs `patterns`, `deny` or both";
        report.problem(Problem::new(path, ProblemKind::Missing, message));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        if regex::Regex::new(pattern).is_err() {
            let path = format!("{path}.patterns[{index}]");
            let problem =
                Problem::new(&path, ProblemKind::WrongType, "is not a regular expression");
            report.problem(problem.hint("look-around and back references are not supported"));
        }
    }
}
