//! A report, until something came of it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use otari_platform::UsageReport;

use super::super::spool::{Spool, Ticket};
use crate::metrics::{Metrics, ReportOutcome};

/// Dropped before something came of it, it is written to the log, unless it is in the spool.
#[derive(Debug)]
pub(super) struct Letter {
    report: UsageReport,
    body: Bytes,
    metrics: Arc<Metrics>,
    filed: Option<(Arc<Spool>, Ticket)>,
    open: bool,
}

impl Letter {
    pub(super) fn new(report: UsageReport, metrics: Arc<Metrics>) -> Self {
        let body = serde_json::to_vec(&report).unwrap_or_default();
        Self {
            body: body.into(),
            report,
            metrics,
            filed: None,
            open: true,
        }
    }

    /// Puts it into the spool, where that takes it.
    pub(super) fn file_in(&mut self, spool: &Arc<Spool>) {
        let ticket = spool.put(&self.report);
        self.filed = ticket.map(|ticket| (Arc::clone(spool), ticket));
    }

    /// It came from the spool.
    pub(super) fn filed_as(mut self, spool: Arc<Spool>, ticket: Ticket) -> Self {
        self.filed = Some((spool, ticket));
        self
    }

    pub(super) fn report(&self) -> &UsageReport {
        &self.report
    }

    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
    }

    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    pub(super) fn done(&mut self, outcome: ReportOutcome) {
        self.open = false;
        self.metrics.hybrid.count_report(outcome);
        if let Some((spool, ticket)) = self.filed.take() {
            spool.strike(ticket);
        }
    }

    /// Too many are in memory.
    pub(super) fn no_room(mut self) {
        match self.filed.take() {
            Some((spool, ticket)) => {
                self.open = false;
                spool.defer(ticket);
            }
            None => self.lost("too many reports wait"),
        }
    }

    /// It is not sent any more, by this process.
    pub(super) fn lost(&mut self, reason: &str) {
        if self.filed.is_some() {
            self.open = false;
            return;
        }
        self.done(ReportOutcome::Lost);
        // All of it: whoever reads the log can report it by hand. There is nothing secret in it.
        tracing::error!(reason, report = %self.text(), "a usage report was not delivered");
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        if self.open {
            self.lost("the process ended");
        }
    }
}
