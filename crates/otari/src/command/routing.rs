//! `otari routing explain`: what the configured policies would do.

use std::fmt::Write as _;
use std::process::ExitCode;

use otari_gateway::{Explanation, Simulated};

use super::print;
use crate::cli::RoutingExplain;
use crate::configuration::load;

pub(crate) fn explain(args: &RoutingExplain) -> anyhow::Result<ExitCode> {
    let config = load(&args.file, Vec::new())?;
    let simulated = Simulated {
        user: args.user.clone(),
        key: args.key_id.clone(),
        allowed_models: (!args.allowed_models.is_empty()).then(|| args.allowed_models.clone()),
        budget_used_pct: args.budget_used_pct,
        budget_remaining_usd: args.budget_remaining_usd,
    };
    let explained = otari_server::explain_policies(&config, args.policy.as_deref(), &simulated)?;
    for (name, explanation) in &explained {
        print(&told(name, explanation)?)?;
    }
    if explained.is_empty() {
        let missing = match &args.policy {
            Some(name) => format!("no routing policy '{name}' is configured"),
            None => "no routing policy is configured".to_owned(),
        };
        print(&missing)?;
    }
    let works = !explained.is_empty()
        && explained
            .iter()
            .all(|(_, explanation)| !explanation.candidates.is_empty());
    Ok(if works {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn told(name: &str, explanation: &Explanation) -> Result<String, std::fmt::Error> {
    let mut text = format!("{name}: {}", explanation.selection_reason);
    if explanation.candidates.is_empty() {
        text.push_str("\n  no model can be tried");
    }
    for (index, candidate) in explanation.candidates.iter().enumerate() {
        write!(
            text,
            "\n  {}. {}  ({})",
            index + 1,
            candidate.key,
            candidate.reason
        )?;
    }
    for dropped in &explanation.dropped {
        write!(
            text,
            "\n  -  {}: {}",
            dropped.selector,
            dropped.reason.detail()
        )?;
    }
    for (model, share) in explanation.router.iter().flat_map(|router| &router.weights) {
        write!(text, "\n  {model} takes {:.1} % of calls", share * 100.0)?;
    }
    for guardrail in &explanation.guardrails {
        write!(text, "\n  guardrail: {}", guardrail.profile)?;
    }
    Ok(text)
}
