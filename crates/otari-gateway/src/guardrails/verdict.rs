//! What a check said, and how it is told.

use std::fmt::Write as _;

use otari_config::{Direction, GuardrailMode, OnUnavailable};
use serde_json::{Value, json};

use super::entry::Entry;
use crate::error::GatewayError;

/// The result of one check.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// `None`: the check could not decide.
    pub(crate) valid: Option<bool>,
    pub(crate) score: Value,
    /// For the caller that was refused; not in the header, which holds no long text.
    pub(crate) explanation: Value,
    /// Places that were replaced.
    pub(crate) redacted: usize,
}

/// A check that could not be made. The cause is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable(pub(crate) String);

/// What a guardrail refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocked {
    pub direction: Direction,
    pub guardrails: Vec<Violation>,
}

/// One guardrail that refused it.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    pub profile: String,
    pub explanation: Value,
    pub score: Value,
}

impl Blocked {
    pub fn message(&self) -> &'static str {
        match self.direction {
            Direction::Input => "Request blocked by guardrail policy.",
            Direction::Output => "Response blocked by guardrail policy.",
        }
    }
}

impl Verdict {
    pub(super) fn inconclusive() -> Self {
        Self {
            valid: None,
            score: Value::Null,
            explanation: Value::Null,
            redacted: 0,
        }
    }

    /// For metrics.
    pub(super) fn name(&self) -> &'static str {
        match self.valid {
            _ if self.redacted > 0 => "redacted",
            Some(true) => "valid",
            Some(false) => "flagged",
            None => "inconclusive",
        }
    }

    fn is_flagged(&self) -> bool {
        self.valid == Some(false) && self.redacted == 0
    }
}

/// The checks of one direction with what they said: whether the call goes on, once all of them ran.
pub(super) fn judged(
    direction: Direction,
    results: Vec<(&Entry, Result<Verdict, Unavailable>)>,
) -> Result<Vec<Told>, GatewayError> {
    let mut told = Vec::with_capacity(results.len());
    let mut flagged = Vec::new();
    let mut unavailable = None;
    for (entry, result) in results {
        let verdict = result.unwrap_or_else(|Unavailable(cause)| {
            tracing::warn!(
                profile = entry.profile,
                cause,
                "a guardrail could not be asked"
            );
            if entry.mode == GuardrailMode::Block && entry.on_unavailable == OnUnavailable::Block {
                unavailable.get_or_insert_with(|| entry.profile.clone());
            }
            Verdict::inconclusive()
        });
        if entry.mode == GuardrailMode::Block && verdict.is_flagged() {
            flagged.push(Violation {
                profile: entry.profile.clone(),
                explanation: verdict.explanation.clone(),
                score: verdict.score.clone(),
            });
        }
        told.push(Told {
            profile: entry.profile.clone(),
            mode: entry.mode,
            direction,
            verdict,
        });
    }
    if !flagged.is_empty() {
        return Err(GatewayError::GuardrailBlocked(Box::new(Blocked {
            direction,
            guardrails: flagged,
        })));
    }
    match unavailable {
        Some(profile) => Err(GatewayError::GuardrailUnavailable(profile)),
        None => Ok(told),
    }
}

/// A check as the header tells it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    profile: String,
    mode: GuardrailMode,
    direction: Direction,
    verdict: Verdict,
}

/// The value of `X-Otari-Guardrails`: compact JSON in ASCII. `None` when nothing was checked.
pub(crate) fn header(told: &[Told]) -> Option<String> {
    if told.is_empty() {
        return None;
    }
    let list: Vec<Value> = told.iter().map(Told::json).collect();
    let text = Value::Array(list).to_string();
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            ascii.push(c);
            continue;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            // Into a string: it cannot fail.
            let _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    Some(ascii)
}

impl Told {
    fn json(&self) -> Value {
        // A service may answer anything; a header holds a number or nothing.
        let score = match &self.verdict.score {
            score @ (Value::Number(_) | Value::Bool(_)) => score.clone(),
            _ => Value::Null,
        };
        let mut told = json!({
            "profile": self.profile, "mode": self.mode, "valid": self.verdict.valid, "score": score,
        });
        if let Value::Object(told) = &mut told {
            if self.verdict.redacted > 0 {
                told.insert("redacted".to_owned(), json!(self.verdict.redacted));
            }
            if self.direction == Direction::Output {
                told.insert("on".to_owned(), json!("output"));
            }
        }
        told
    }
}
