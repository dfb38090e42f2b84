//! What the gateway's own tools return, checked before the model reads it: a page or a file is where attacks on a model
//! come from.
//!
//! By the input checks that read the whole conversation. A result that one refuses is withheld, and the model told so:
//! the caller asked for the tool, not for what somebody put there.

use std::fmt;
use std::sync::Arc;

use otari_config::Direction;
use otari_config::section::guardrails::Scope;

use super::document::Document;
use super::profile::Check;
use super::screen::{Asker, run};
use crate::Gateway;
use crate::admit::Billed;
use crate::inbound::Origin;

/// What stands where a result was.
pub(crate) const WITHHELD: &str = "the result was withheld by a guardrail";

/// The checks of one call's tool results.
#[derive(Clone)]
pub(crate) struct ResultChecks {
    checks: Arc<[Check]>,
    gateway: Arc<Gateway>,
    origin: Origin,
    billed: Billed,
}

impl ResultChecks {
    /// `None` where nothing reads them.
    pub(super) fn new(
        input: &[Check],
        gateway: &Arc<Gateway>,
        origin: &Origin,
        billed: &Billed,
    ) -> Option<Self> {
        let reading = input.iter();
        let reading = reading.filter(|check| check.means.scope() == Scope::Conversation);
        let checks: Arc<[Check]> = reading.cloned().collect();
        (!checks.is_empty()).then(|| Self {
            checks,
            gateway: Arc::clone(gateway),
            origin: origin.clone(),
            billed: billed.clone(),
        })
    }

    /// The text as the model may read it; `None` where it may not.
    pub(crate) async fn read(&self, text: &str) -> Option<String> {
        let mut document = Document::result(text);
        let asker = Asker {
            gateway: &self.gateway,
            origin: &self.origin,
            billed: &self.billed,
        };
        match run(&self.checks, Direction::Input, asker, &mut document).await {
            Ok(_) => Some(document.into_result()),
            Err(error) => {
                tracing::info!(%error, request_id = %self.origin.request_id, "a tool's result was withheld");
                None
            }
        }
    }
}

impl fmt::Debug for ResultChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultChecks")
            .field("checks", &self.checks.len())
            .finish_non_exhaustive()
    }
}
