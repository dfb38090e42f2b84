//! A second attempt beside the first: a settlement of its own, of which one of the two becomes the call's.

use std::sync::Arc;

use otari_types::{CallStatus, TokenUsage};

use super::{Ending, Open, Produced, Settlement, Used, describe};
use crate::error::GatewayError;
use crate::plan::Attempt;
use crate::reserve::Reserved;

/// What makes the settlement of a second attempt, once there is room for it.
pub(crate) struct Twin(Box<dyn FnOnce(Reserved) -> Open + Send>);

impl Twin {
    pub(crate) fn open(self, reserved: Reserved, attempt: &Attempt) -> Settlement {
        let mut open = (self.0)(reserved);
        open.aim(attempt);
        Settlement { open: Some(open) }
    }
}

impl Settlement {
    /// `None` once it is settled, and where a platform keeps the books.
    pub(crate) fn twin(&self) -> Option<Twin> {
        // What a platform resolved it wants tried in order.
        let open = self.open.as_ref().filter(|open| open.tab.is_none())?;
        let ledger = Arc::clone(&open.ledger);
        let metrics = Arc::clone(&open.metrics);
        let row = open.row.clone();
        let route = open.route.clone();
        let tool_prices = open.tool_prices.clone();
        let (exempt, demand, missing_usage) = (open.exempt, open.demand, open.missing_usage);
        Some(Twin(Box::new(move |reserved| Open {
            ledger,
            metrics,
            reserved,
            row,
            route,
            price: None,
            exempt,
            demand,
            produced: Produced::default(),
            missing_usage,
            tool_prices,
            busy: None,
            tab: None,
        })))
    }

    /// Another attempt serves the call, or the rest of it. This one leaves a row of its own and is charged what it is
    /// known to have consumed, which is returned. `error`: what it failed of.
    pub(crate) fn outrun(mut self, error: Option<&GatewayError>) -> Option<TokenUsage> {
        let open = self.open.take()?;
        let Used { turns, estimated } = if open.has_delivered() {
            open.usage_to_bill()
        } else {
            open.usage_of_ended()
        };
        let (message, status_code) = match error {
            Some(error) => {
                open.tell_failure(error);
                open.count_abandoned(error);
                describe(error)
            }
            None => ("another model answered first".to_owned(), None),
        };
        let ledger = Arc::clone(&open.ledger);
        let (hold, spent, record) = open.close(Ending {
            status: CallStatus::Absorbed,
            turns,
            pieces: None,
            estimated,
            message: Some(message),
            status_code,
        });
        let usage = record.usage;
        ledger.settle_detached(hold, spent, record);
        usage
    }
}
