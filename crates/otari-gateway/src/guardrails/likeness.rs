//! The encoder behind `prompt-injection`, where its asset is installed: it knows attacks by what they mean, where the
//! rules know how they are put.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use otari_config::Direction;
use otari_encoder::Encoder;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::rules::Rules;
use super::screen::hundredths;
use super::verdict::{Unavailable, Verdict};

/// Windows of one check; each takes tens of milliseconds. What was said last is read first: what came before it was
/// read when it came.
const WINDOWS_MAX: usize = 8;
/// A check that gets no processor for so long was not made.
const WAIT_MAX: Duration = Duration::from_secs(5);

const NOT_INSTALLED: &str =
    "the encoder is not installed: run `otari guardrails install` and start again";

/// The encoder, read when it is first needed.
#[derive(Debug)]
pub(crate) struct Likeness {
    /// `None`: it is not installed.
    folder: Option<PathBuf>,
    encoder: OnceLock<Result<Encoder, String>>,
    /// Half of the processors: the others keep streams going.
    room: Arc<Semaphore>,
}

impl Likeness {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            folder,
            encoder: OnceLock::new(),
            room: Arc::new(Semaphore::new(processors.div_ceil(2))),
        }
    }

    /// The verdict of the rules, or that of the encoder where the rules found nothing.
    pub(super) async fn second(
        self: &Arc<Self>,
        verdict: Verdict,
        threshold: f64,
        texts: Vec<String>,
    ) -> Result<Verdict, Unavailable> {
        let room = timeout(WAIT_MAX, Arc::clone(&self.room).acquire_owned()).await;
        let Ok(Ok(room)) = room else {
            return Err(Unavailable("the encoder is busy".to_owned()));
        };
        let this = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let score = this.score(&texts);
            drop(room);
            score
        });
        let score = reading
            .await
            .map_err(|error| Unavailable(error.to_string()))??;
        Ok(joined(verdict, score, threshold))
    }

    /// The highest of all texts.
    pub(super) fn score(&self, texts: &[String]) -> Result<f64, Unavailable> {
        let encoder = self.encoder.get_or_init(|| match &self.folder {
            Some(folder) => Encoder::open(folder).map_err(|error| error.to_string()),
            None => Err(NOT_INSTALLED.to_owned()),
        });
        let encoder = encoder
            .as_ref()
            .map_err(|problem| Unavailable(problem.clone()))?;
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
        Ok(highest)
    }
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
