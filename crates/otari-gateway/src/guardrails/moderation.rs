//! A provider's `/moderations`: OpenAI's shape, which the others that have one share.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use otari_providers::{Operation, Outbound};
use otari_types::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::verdict::{Unavailable, Verdict};
use crate::Gateway;
use crate::plan::Attempt;

const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What counts as a finding.
pub(super) struct Bounds<'a> {
    pub(super) threshold: Option<f64>,
    pub(super) categories: Option<&'a [String]>,
}

pub(super) async fn moderate(
    gateway: &Gateway,
    model: &str,
    bounds: Bounds<'_>,
    text: &str,
    now: Timestamp,
) -> Result<Verdict, Unavailable> {
    let target = gateway.targets.resolve(model, None, now).await;
    let target = target.map_err(|error| Unavailable(error.to_string()))?;
    let attempt = Attempt {
        target,
        reason: "guardrail".into(),
    };
    let instance = attempt
        .instance()
        .map_err(|error| Unavailable(error.to_string()))?;
    let uri = instance
        .address(Operation::Moderations, &attempt.target.model, false)
        .map_err(|error| Unavailable(error.to_string()))?;
    let body = json!({"model": attempt.target.model, "input": text});
    let outbound = Outbound {
        method: Method::POST,
        uri,
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
    };
    let told = |error: otari_providers::UpstreamError| {
        Unavailable(format!("{}: {:?}", instance.name, error.kind))
    };
    let answered = gateway
        .transport
        .send(instance, outbound)
        .await
        .map_err(told)?;
    let body = answered
        .body
        .collect(ANSWER_BYTES_MAX)
        .await
        .map_err(told)?;
    read(&body, &bounds)
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
    let malformed = || Unavailable("the moderation's answer has no result".to_owned());
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
