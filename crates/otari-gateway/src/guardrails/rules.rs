//! Checks made in this process: pure, linear in the length of the text, compiled once.

#[cfg(test)]
mod calibration;
mod digits;
mod fold;
mod injection;
mod patterns;
mod pii;
mod secrets;
#[cfg(test)]
mod tests;

use std::ops::Range;

use otari_config::section::guardrails::Action;

pub(crate) use injection::THRESHOLD;
pub(crate) use patterns::Patterns;

/// Something in a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) kind: &'static str,
    /// Where in the text, in bytes; empty where it is the text as a whole.
    pub(crate) span: Range<usize>,
    /// How sure, from 0 to 1.
    pub(crate) score: f64,
}

/// A check and its options.
#[derive(Clone, Debug)]
pub(crate) enum Rules {
    Injection {
        threshold: f64,
        /// Ask the encoder too.
        encoder: bool,
    },
    Pii {
        kinds: Kinds,
        action: Action,
    },
    Secrets {
        kinds: Kinds,
        action: Action,
    },
    Patterns {
        patterns: Patterns,
        action: Action,
    },
}

/// Which kinds of finding count; all when `None`.
pub(crate) type Kinds = Option<Vec<String>>;

impl Rules {
    /// The kind that is asked for and does not exist.
    pub(crate) fn unknown_kind(&self) -> Option<&str> {
        let (kinds, known) = match self {
            Self::Pii { kinds, .. } => (kinds, pii::kinds()),
            Self::Secrets { kinds, .. } => (kinds, secrets::kinds()),
            Self::Injection { .. } | Self::Patterns { .. } => return None,
        };
        let unknown = |kind: &&String| !known.contains(&kind.as_str());
        kinds.iter().flatten().find(unknown).map(String::as_str)
    }

    pub(crate) fn redacts(&self) -> bool {
        match self {
            Self::Injection { .. } => false,
            Self::Pii { action, .. }
            | Self::Secrets { action, .. }
            | Self::Patterns { action, .. } => *action == Action::Redact,
        }
    }

    /// Whether it reads what the operator or the model said too: instructions are no injection.
    pub(crate) fn reads_own_texts(&self) -> bool {
        !matches!(self, Self::Injection { .. })
    }

    /// What is in `text`, in order and without overlap.
    pub(crate) fn findings(&self, text: &str) -> Vec<Finding> {
        self.judge(text).0
    }

    /// The findings, and how strongly the text speaks for one, from 0 to 1, also where that is not enough.
    pub(crate) fn judge(&self, text: &str) -> (Vec<Finding>, f64) {
        let mut found = match self {
            Self::Injection { threshold, .. } => {
                let score = injection::score(text);
                let finding = Finding {
                    kind: "prompt_injection",
                    span: 0..0,
                    score,
                };
                let found = (score >= *threshold).then_some(finding);
                return (found.into_iter().collect(), score);
            }
            Self::Pii { kinds, .. } => pii::find(text, kinds),
            Self::Secrets { kinds, .. } => secrets::find(text, kinds),
            Self::Patterns { patterns, .. } => patterns.find(text),
        };
        settle_overlaps(&mut found);
        let score = found
            .iter()
            .map(|finding| finding.score)
            .fold(0.0, f64::max);
        (found, score)
    }
}

/// Of findings that overlap the surest stays, then the longest.
fn settle_overlaps(found: &mut Vec<Finding>) {
    found.sort_by(|a, b| {
        let sure = b.score.total_cmp(&a.score);
        sure.then(b.span.len().cmp(&a.span.len()))
    });
    let mut kept: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found.drain(..) {
        let overlaps = |other: &Finding| {
            finding.span.start < other.span.end && other.span.start < finding.span.end
        };
        if !kept.iter().any(overlaps) {
            kept.push(finding);
        }
    }
    kept.sort_by_key(|finding| finding.span.start);
    *found = kept;
}

/// `text` with each finding replaced by the name of its kind, or `None` when there is none.
pub(crate) fn redacted(text: &str, found: &[Finding]) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for finding in found {
        out.push_str(text.get(from..finding.span.start)?);
        out.push_str("[REDACTED:");
        out.push_str(finding.kind);
        out.push(']');
        from = finding.span.end;
    }
    out.push_str(text.get(from..)?);
    (!found.is_empty()).then_some(out)
}
