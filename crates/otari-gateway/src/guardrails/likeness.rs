//! The encoder behind `prompt-injection`, where its asset is installed: it knows attacks by what they mean, where the
//! rules know how they are put.

use std::sync::Arc;

use otari_config::Direction;
use otari_encoder::Encoder;
use serde_json::json;

use super::rules::Rules;
use super::screen::hundredths;
use super::verdict::{Unavailable, Verdict};
use crate::encoder::SharedEncoder;

/// Windows of one check; each takes tens of milliseconds. What was said last is read first: what came before it was
/// read when it came.
const WINDOWS_MAX: usize = 8;

/// The verdict of the rules, or that of the encoder where the rules found nothing.
pub(super) async fn second(
    encoder: &Arc<SharedEncoder>,
    verdict: Verdict,
    threshold: f64,
    texts: Vec<String>,
) -> Result<Verdict, Unavailable> {
    let score = encoder.run(move |encoder| score(encoder, &texts)).await;
    let score = score.map_err(|error| Unavailable(error.to_string()))?;
    Ok(joined(verdict, score, threshold))
}

/// The highest of all texts.
pub(super) fn score(encoder: &Encoder, texts: &[String]) -> f64 {
    let mut left = WINDOWS_MAX;
    let mut highest = 0.0_f64;
    for text in texts.iter().rev().filter(|text| !text.trim().is_empty()) {
        let windows = encoder.windows(text, left);
        left -= windows.len().min(left);
        for window in windows {
            highest = highest.max(encoder.injection(&window));
        }
        if left == 0 {
            break;
        }
    }
    highest
}

/// From which score on the encoder's word counts, where these rules let it have one.
pub(super) fn asked(rules: &Rules, direction: Direction) -> Option<f64> {
    match rules {
        Rules::Injection {
            threshold,
            encoder: true,
        } if direction == Direction::Input => Some(*threshold),
        _ => None,
    }
}

pub(super) fn joined(verdict: Verdict, score: f64, threshold: f64) -> Verdict {
    if score >= threshold {
        return Verdict {
            valid: Some(false),
            score: hundredths(score),
            explanation: json!({"found": {"likeness": 1}}),
            redacted: 0,
        };
    }
    if Some(score) > verdict.score.as_f64() {
        return Verdict {
            score: hundredths(score),
            ..verdict
        };
    }
    verdict
}
