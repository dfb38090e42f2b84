//! The checks of one call's answer. They outlive the call's beginning: a stream is checked as it passes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use otari_config::{Direction, GuardrailMode};
use otari_translate::Surface;

use super::document::{Place, Speaker};
use super::profile::{Check, Means};
use super::screen::{Asker, answer, check_texts, of_text};
use super::verdict::{Told, Unavailable, Verdict, judged};
use super::window::Window;
use crate::Gateway;
use crate::admit::Billed;
use crate::error::GatewayError;
use crate::inbound::Origin;

pub(crate) struct OutputChecks {
    checks: Vec<Check>,
    gateway: Arc<Gateway>,
    origin: Origin,
    billed: Billed,
}

impl OutputChecks {
    pub(super) fn new(
        checks: Vec<Check>,
        gateway: &Arc<Gateway>,
        origin: &Origin,
        billed: &Billed,
    ) -> Self {
        Self {
            checks,
            gateway: Arc::clone(gateway),
            origin: origin.clone(),
            billed: billed.clone(),
        }
    }

    fn asker(&self) -> Asker<'_> {
        Asker {
            gateway: &self.gateway,
            origin: &self.origin,
            billed: &self.billed,
        }
    }

    /// Checks a whole answer; what is to be replaced is.
    pub(crate) async fn whole(
        &self,
        surface: Surface,
        body: Bytes,
    ) -> Result<(Bytes, Vec<Told>), GatewayError> {
        let (told, changed) = answer(&self.checks, self.asker(), surface, &body).await?;
        Ok((changed.unwrap_or(body), told))
    }

    /// What holds a stream back until it was checked.
    pub(crate) fn window(self: &Arc<Self>, surface: Surface) -> Window {
        Window::new(Arc::clone(self), surface)
    }

    /// Whether a check reads the answer as it comes and can stop it. What would be replaced is stopped too: what
    /// left cannot be called back.
    fn stops(check: &Check) -> bool {
        let is_rule = matches!(check.means, Means::Rules { .. });
        is_rule && (check.entry.mode == GuardrailMode::Block || check.means.redacts())
    }

    /// Whether some check reads the answer as it comes.
    pub(super) fn stops_streams(&self) -> bool {
        self.checks.iter().any(Self::stops)
    }

    /// Whether nothing may leave before the whole answer was judged.
    pub(super) fn waits_for_whole(&self) -> bool {
        let waits = |check: &Check| check.entry.mode == GuardrailMode::Block && !Self::stops(check);
        self.checks.iter().any(waits)
    }

    /// Checks a piece of a stream by rules. `cut` and `open`: text goes on before and after the piece.
    pub(super) fn piece(&self, text: &str, cut: bool, open: bool) -> Result<(), GatewayError> {
        let stopping = self.checks.iter().filter(|check| Self::stops(check));
        let mut results = Vec::new();
        let mut entries = Vec::new();
        for check in stopping {
            let Means::Rules { rules, .. } = &check.means else {
                continue;
            };
            let clear = |at: &std::ops::Range<usize>| {
                let whole = at.is_empty();
                whole || !(cut && at.start < BORDER || open && at.end == text.len())
            };
            let found: Vec<_> = rules
                .findings(text)
                .into_iter()
                .filter(|finding| clear(&finding.span))
                .collect();
            if found.is_empty() {
                continue;
            }
            let mut entry = check.entry.clone();
            entry.mode = GuardrailMode::Block;
            self.count(check, "flagged");
            entries.push(entry);
            results.push(Ok::<_, Unavailable>(of_text(rules, text)));
        }
        judged(Direction::Output, entries.iter().zip(results).collect()).map(drop)
    }

    /// The verdicts that need the whole answer: those that can still stop it.
    pub(super) async fn last_word(&self, texts: Vec<String>) -> Result<(), GatewayError> {
        self.ask(texts, |check| {
            check.entry.mode == GuardrailMode::Block && !Self::stops(check)
        })
        .await
    }

    /// Those that only watch: counted and logged, as the headers have long been sent.
    pub(super) async fn watch(&self, texts: Vec<String>) {
        let watches =
            |check: &Check| check.entry.mode == GuardrailMode::Monitor && !Self::stops(check);
        // Nothing that only watches can fail.
        let _ = self.ask(texts, watches).await;
    }

    pub(super) fn watches(&self) -> bool {
        let watches =
            |check: &Check| check.entry.mode == GuardrailMode::Monitor && !Self::stops(check);
        self.checks.iter().any(watches)
    }

    async fn ask(
        &self,
        texts: Vec<String>,
        which: impl Fn(&Check) -> bool,
    ) -> Result<(), GatewayError> {
        let place = |turn| Place {
            speaker: Speaker::Assistant,
            turn,
        };
        let texts = texts
            .into_iter()
            .enumerate()
            .map(|(turn, text)| (place(turn), text));
        let texts = Arc::new(texts.collect::<Vec<_>>());
        let mut results = Vec::new();
        for check in self.checks.iter().filter(|check| which(check)) {
            let result = check_texts(check, Direction::Output, self.asker(), &texts).await?;
            let verdict = result.as_ref().map_or("unavailable", Verdict::name);
            self.count(check, verdict);
            if verdict == "flagged" {
                tracing::info!(
                    profile = check.entry.profile,
                    request_id = %self.origin.request_id,
                    "a guardrail flagged a streamed answer"
                );
            }
            results.push((&check.entry, result));
        }
        judged(Direction::Output, results).map(drop)
    }

    fn count(&self, check: &Check, verdict: &'static str) {
        self.gateway
            .metrics
            .count_guardrail(check.means.name(), Direction::Output, verdict);
    }
}

/// What begins this close to where a piece was cut was seen whole before, or is the end of something longer.
const BORDER: usize = 4;

impl fmt::Debug for OutputChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputChecks")
            .field("checks", &self.checks)
            .finish_non_exhaustive()
    }
}
