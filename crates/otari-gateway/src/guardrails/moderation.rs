//! A provider's `/moderations`: OpenAI's shape, which the others that have one share.

use std::collections::HashMap;

use otari_providers::Operation;
use serde::Deserialize;
use serde_json::{Value, json};

use super::screen::Asker;
use super::verdict::{Unavailable, Verdict};
use crate::error::GatewayError;
use crate::inbound::ReplyBody;
use crate::pass::{At, Errand, Raw, Reading, Task, Undertaken, Whole, json as json_message};
use crate::reserve::Demand;
use crate::side_call::SideCall;
use crate::unit::Unit;

/// The route of its rows.
const ENDPOINT: &str = "guardrail/moderation";

/// What counts as a finding.
pub(super) struct Bounds<'a> {
    pub(super) threshold: Option<f64>,
    pub(super) categories: Option<&'a [String]>,
}

pub(super) async fn moderate(
    asker: Asker<'_>,
    model: &str,
    bounds: Bounds<'_>,
    text: &str,
) -> Result<Verdict, Unavailable> {
    let told = |error: GatewayError| Unavailable(error.to_string());
    let call = SideCall {
        asker,
        endpoint: ENDPOINT,
        model,
        reason: "guardrail",
    };
    let inbound = call.inbound(String::new());
    let errand = Errand {
        inbound: &inbound,
        operation: Operation::Moderations,
        model,
        user: None,
        demand: Demand {
            choices: 1,
            unit: Unit::Calls,
            ..Demand::default()
        },
    };
    let begun = call.begin(&inbound, errand.demand).await;
    let (plan, mut settlement) = begun.map_err(told)?;
    let decode = |_: &At<'_>, raw: Raw| Ok(Whole::of(ReplyBody::Json(raw.body)));
    let encode = |at: &At<'_>| {
        let body = json!({"model": at.model, "input": text});
        let message = json_message(body.to_string().into());
        Ok(Task::one(message, Reading::Whole(&decode)))
    };
    let undertaken = Undertaken {
        plan: &plan,
        billed: asker.billed,
        settlement: &mut settlement,
    };
    let answer = asker.gateway.pass_on(&errand, undertaken, &encode);
    match answer.await {
        Ok(ReplyBody::Json(body)) => read(&body, &bounds),
        Ok(_) => Err(malformed()),
        Err(error) => {
            settlement.fail(&error).await;
            Err(told(error))
        }
    }
}

fn malformed() -> Unavailable {
    Unavailable("the moderation's answer has no result".to_owned())
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Judged>,
}

#[derive(Deserialize)]
struct Judged {
    /// Mistral leaves it to the categories.
    flagged: Option<bool>,
    #[serde(default)]
    categories: HashMap<String, Option<bool>>,
    #[serde(default)]
    category_scores: HashMap<String, Option<f64>>,
}

fn read(body: &[u8], bounds: &Bounds<'_>) -> Result<Verdict, Unavailable> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| malformed())?;
    let judged = answer.results.first().ok_or_else(malformed)?;
    let counts = |name: &str| {
        bounds
            .categories
            .is_none_or(|wanted| wanted.iter().any(|category| category == name))
    };
    let score = |name: &String| judged.category_scores.get(name).copied().flatten();
    let over = |name: &String| match bounds.threshold {
        Some(threshold) => score(name).is_some_and(|score| score >= threshold),
        None => judged.categories.get(name).copied().flatten() == Some(true),
    };
    let names = judged
        .categories
        .keys()
        .chain(judged.category_scores.keys());
    let mut found: Vec<&String> = names.filter(|name| counts(name) && over(name)).collect();
    found.sort();
    found.dedup();
    let by_provider = bounds.threshold.is_none() && bounds.categories.is_none();
    let flagged = !found.is_empty() || by_provider && judged.flagged == Some(true);
    let scores = judged
        .category_scores
        .iter()
        .filter(|(name, _)| counts(name));
    let highest = scores
        .filter_map(|(_, score)| *score)
        .fold(None, |highest: Option<f64>, score| {
            Some(highest.map_or(score, |highest| highest.max(score)))
        });
    Ok(Verdict {
        valid: Some(!flagged),
        score: highest.map_or(Value::Null, |score| json!(score)),
        explanation: if found.is_empty() {
            Value::Null
        } else {
            json!(found)
        },
        redacted: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_judgement_or_the_operators_bounds() {
        let body = br#"{"results":[{"flagged":true,"categories":{"violence":true,"hate":false},"category_scores":{"violence":0.8,"hate":0.3}}]}"#;
        let judged = |threshold, categories: Option<&[String]>| {
            let verdict = read(
                body,
                &Bounds {
                    threshold,
                    categories,
                },
            )
            .unwrap();
            (verdict.valid, verdict.score)
        };
        let hate = ["hate".to_owned()];
        assert_eq!(judged(None, None), (Some(false), json!(0.8)));
        assert_eq!(judged(None, Some(&hate)), (Some(true), json!(0.3)));
        assert_eq!(judged(Some(0.25), Some(&hate)), (Some(false), json!(0.3)));
        assert_eq!(judged(Some(0.9), None), (Some(true), json!(0.8)));
        let none = Bounds {
            threshold: None,
            categories: None,
        };
        assert!(read(br#"{"results":[]}"#, &none).is_err());
    }
}
