//! The checks of one call, and running them over its input.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use otari_config::Direction;
use otari_config::section::guardrails::Scope;
use otari_wire::members::Members;
use serde_json::{Value, json};

use super::document::{Document, Place, Speaker, last_user_text};
use super::judge::{Question, ask};
use super::likeness::{asked, second};
use super::moderation::{Bounds, moderate};
use super::output::OutputChecks;
use super::profile::{Check, Means};
use super::remote::validate;
use super::results::ResultChecks;
use super::rules::{Finding, Rules, redacted};
use super::verdict::{Told, Unavailable, Verdict, judged};
use crate::Gateway;
use crate::admit::Billed;
use crate::error::GatewayError;
use crate::inbound::Origin;
use crate::request::Request;

/// Texts larger than this are read by a thread that has time.
const INLINE_BYTES_MAX: usize = 32 * 1024;

/// The checks of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Screen {
    input: Vec<Check>,
    output: Vec<Check>,
}

/// An input that passed.
#[derive(Debug, Default)]
pub(crate) struct Screened {
    pub(crate) told: Vec<Told>,
    /// The request with what was found replaced.
    pub(crate) body: Option<Bytes>,
}

/// Who asks, for checks that are calls of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) gateway: &'a Arc<Gateway>,
    pub(crate) origin: &'a Origin,
    pub(crate) billed: &'a Billed,
}

/// The checks that outlive the beginning of a call.
#[derive(Debug, Default)]
pub(crate) struct AnswerChecks {
    pub(crate) output: Option<Arc<OutputChecks>>,
    pub(crate) results: Option<ResultChecks>,
}

impl Screen {
    pub(super) fn new(checks: &[Check]) -> Self {
        let of = |direction: Direction| {
            let checks = checks
                .iter()
                .filter(|check| check.entry.on.contains(&direction));
            checks.cloned().collect()
        };
        Self {
            input: of(Direction::Input),
            output: of(Direction::Output),
        }
    }

    /// What the answer, and what tools return on the way to it, are checked by.
    pub(crate) fn answer(
        &self,
        gateway: &Arc<Gateway>,
        origin: &Origin,
        billed: &Billed,
    ) -> AnswerChecks {
        let output = || OutputChecks::new(self.output.clone(), gateway, origin, billed);
        AnswerChecks {
            output: (!self.output.is_empty()).then(|| Arc::new(output())),
            results: ResultChecks::new(&self.input, gateway, origin, billed),
        }
    }

    /// Runs every check over the prompt.
    pub(crate) async fn input(
        &self,
        asker: Asker<'_>,
        request: &Request<'_>,
    ) -> Result<Screened, GatewayError> {
        if self.input.is_empty() {
            return Ok(Screened::default());
        }
        let mut prompt = Document::prompt(request.surface, &request.members);
        let (told, changed) = run(&self.input, Direction::Input, asker, &mut prompt).await?;
        Ok(Screened {
            told,
            body: changed.then(|| prompt.put_into(&request.members).into()),
        })
    }
}

/// Checks a whole answer. The answer, changed where something was replaced.
pub(super) async fn answer(
    checks: &[Check],
    asker: Asker<'_>,
    surface: otari_translate::Surface,
    body: &[u8],
) -> Result<(Vec<Told>, Option<Bytes>), GatewayError> {
    let Ok(members) = Members::parse(body) else {
        return Ok((Vec::new(), None));
    };
    let mut document = Document::answer(surface, &members);
    let (told, changed) = run(checks, Direction::Output, asker, &mut document).await?;
    if changed {
        document.drop_probabilities();
    }
    Ok((told, changed.then(|| document.put_into(&members).into())))
}

/// Replacing comes first, so that nobody else is shown what is replaced. All checks run before it is decided.
pub(super) async fn run(
    checks: &[Check],
    direction: Direction,
    asker: Asker<'_>,
    document: &mut Document,
) -> Result<(Vec<Told>, bool), GatewayError> {
    let mut results: Vec<Option<Result<Verdict, Unavailable>>> = vec![None; checks.len()];
    let mut changed = false;
    for (check, result) in checks.iter().zip(&mut results) {
        if let Means::Rules { rules, .. } = &check.means
            && rules.redacts()
        {
            let verdict = redact(rules, document);
            changed |= verdict.redacted > 0;
            *result = Some(Ok(verdict));
        }
    }
    let texts = Arc::new(document.texts());
    let pending = checks
        .iter()
        .zip(&results)
        .map(async |(check, done)| match done {
            Some(_) => Ok(None),
            None => check_texts(check, direction, asker, &texts).await.map(Some),
        });
    let others = join_all(pending).await;
    for (result, other) in results.iter_mut().zip(others) {
        if let Some(other) = other? {
            *result = Some(other);
        }
    }
    let results = checks.iter().zip(results).map(|(check, result)| {
        let result = result.unwrap_or_else(|| Err(Unavailable("it was not asked".to_owned())));
        let name = result.as_ref().map_or("unavailable", Verdict::name);
        asker
            .gateway
            .metrics
            .count_guardrail(check.means.name(), direction, name);
        (&check.entry, result)
    });
    Ok((judged(direction, results.collect())?, changed))
}

fn redact(rules: &Rules, document: &mut Document) -> Verdict {
    let mut all: Vec<Finding> = Vec::new();
    document.visit(&mut |_, text| {
        let found = rules.findings(text);
        if let Some(changed) = redacted(text, &found) {
            *text = changed;
            all.extend(found);
        }
    });
    Verdict {
        redacted: all.len(),
        ..of_findings(&all)
    }
}

/// The outer error is the caller's.
pub(super) async fn check_texts(
    check: &Check,
    direction: Direction,
    asker: Asker<'_>,
    texts: &Arc<Vec<(Place, String)>>,
) -> Result<Result<Verdict, Unavailable>, GatewayError> {
    let whole = direction == Direction::Output || check.means.scope() == Scope::Conversation;
    let text = || {
        if whole {
            joined(texts)
        } else {
            last_user_text(texts)
        }
    };
    Ok(match &check.means {
        Means::Rules { rules, .. } => {
            let verdict = apply(rules, direction, whole, texts).await;
            match (verdict, asked(rules, direction)) {
                (Ok(verdict), Some(threshold)) if verdict.valid == Some(true) => {
                    let texts = if whole {
                        foreign(texts)
                    } else {
                        vec![last_user_text(texts)]
                    };
                    let encoder = &asker.gateway.guardrails.encoder;
                    second(encoder, verdict, threshold, texts).await
                }
                (verdict, _) => verdict,
            }
        }
        Means::Remote { url, trusted, .. } => {
            let client = asker.gateway.guardrails.client(*trusted);
            return validate(client, url, &check.entry, &text()).await;
        }
        Means::Moderation {
            model,
            threshold,
            categories,
            ..
        } => {
            let bounds = Bounds {
                threshold: *threshold,
                categories: categories.as_deref(),
            };
            moderate(asker, model, bounds, &text()).await
        }
        Means::Judge {
            model,
            policy,
            threshold,
            ..
        } => {
            let question = Question {
                model,
                policy,
                threshold: *threshold,
                text: &text(),
            };
            ask(asker, &question).await
        }
        Means::Nobody => Err(Unavailable("nothing stands behind the profile".to_owned())),
    })
}

/// What users and tools said, in order.
fn foreign(texts: &[(Place, String)]) -> Vec<String> {
    let foreign = texts.iter().filter(|(place, _)| is_foreign(place));
    foreign.map(|(_, text)| text.clone()).collect()
}

fn is_foreign(place: &Place) -> bool {
    matches!(place.speaker, Speaker::User | Speaker::Tool)
}

fn joined(texts: &[(Place, String)]) -> String {
    let texts: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
    texts.join("\n")
}

async fn apply(
    rules: &Rules,
    direction: Direction,
    whole: bool,
    texts: &Arc<Vec<(Place, String)>>,
) -> Result<Verdict, Unavailable> {
    let size: usize = texts.iter().map(|(_, text)| text.len()).sum();
    if size <= INLINE_BYTES_MAX {
        return Ok(apply_now(rules, direction, whole, texts));
    }
    let (rules, texts) = (rules.clone(), Arc::clone(texts));
    let task = tokio::task::spawn_blocking(move || apply_now(&rules, direction, whole, &texts));
    task.await.map_err(|error| Unavailable(error.to_string()))
}

fn apply_now(
    rules: &Rules,
    direction: Direction,
    whole: bool,
    texts: &[(Place, String)],
) -> Verdict {
    if !whole {
        return of_text(rules, &last_user_text(texts));
    }
    let read = texts.iter().filter(|(place, _)| {
        direction == Direction::Output || rules.reads_own_texts() || is_foreign(place)
    });
    let verdicts = read.map(|(_, text)| of_text(rules, text));
    // The worst of all texts, and all kinds that were found.
    let worst = verdicts.reduce(|worst, verdict| {
        let graver = verdict.score.as_f64() > worst.score.as_f64();
        let (mut worst, other) = if graver {
            (verdict, worst)
        } else {
            (worst, verdict)
        };
        worst.valid = Some(worst.valid == Some(true) && other.valid == Some(true));
        if worst.explanation.is_null() {
            worst.explanation = other.explanation;
        }
        worst
    });
    worst.unwrap_or_else(|| of_findings(&[]))
}

pub(super) fn of_text(rules: &Rules, text: &str) -> Verdict {
    let (found, score) = rules.judge(text);
    Verdict {
        score: hundredths(score),
        ..of_findings(&found)
    }
}

/// Kinds and how many of each; never what was found.
fn of_findings(found: &[Finding]) -> Verdict {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for finding in found {
        match kinds.iter_mut().find(|(kind, _)| *kind == finding.kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((finding.kind, 1)),
        }
    }
    let told: serde_json::Map<String, Value> = kinds
        .into_iter()
        .map(|(kind, count)| (kind.to_owned(), json!(count)))
        .collect();
    Verdict {
        valid: Some(found.is_empty()),
        score: hundredths(
            found
                .iter()
                .map(|finding| finding.score)
                .fold(0.0, f64::max),
        ),
        explanation: if told.is_empty() {
            Value::Null
        } else {
            json!({"found": told})
        },
        redacted: 0,
    }
}

pub(super) fn hundredths(score: f64) -> Value {
    json!((score * 100.0).round() / 100.0)
}
