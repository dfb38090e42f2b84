//! The books of one call: what is reported of its attempts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use otari_platform::{ReportStatus, UsageForm, UsageReport};
use otari_providers::UpstreamErrorKind;
use otari_types::TokenUsage;
use tokio::time::timeout;

use super::reporter::{Receipt, Reporter};
use crate::error::{GatewayError, UpstreamFailure};
use crate::plan::Attempt;

#[derive(Debug)]
pub(crate) struct Tab {
    reporter: Arc<Reporter>,
    /// How long a failed call waits for its reports.
    patience: Duration,
    attempt: Option<Arc<str>>,
    session: Option<String>,
    /// The caller has part of the answer.
    begun: bool,
    /// Of the attempts that failed.
    failed: Vec<Receipt>,
}

impl Tab {
    pub(super) fn new(reporter: Arc<Reporter>, patience: Duration) -> Self {
        Self {
            reporter,
            patience,
            attempt: None,
            session: None,
            begun: false,
            failed: Vec::new(),
        }
    }

    /// From here on it is this attempt that is reported.
    pub(crate) fn aim(&mut self, attempt: &Attempt) {
        let platform = attempt.platform.as_ref();
        self.attempt = platform.and_then(|platform| platform.id.clone());
    }

    /// The caller's word for what the call belongs to.
    pub(crate) fn set_session(&mut self, label: &str) {
        let label = label.trim();
        self.session = (!label.is_empty()).then(|| label.to_owned());
    }

    /// The answer begins.
    pub(crate) fn begin(&mut self) {
        self.begun = true;
    }

    /// The attempt failed and another follows.
    pub(crate) fn absorb(&mut self, error: &GatewayError) {
        let report = self.failure(error, None, false);
        self.failed.extend(report);
    }

    /// The call succeeded.
    pub(crate) fn succeed(self, usage: Option<TokenUsage>) -> Option<Receipt> {
        let report = self.report(ReportStatus::Success, usage, None, true)?;
        Some(self.reporter.submit(report))
    }

    /// The call failed. Waits a while for the reports, so that a caller that hears of the failure finds it told.
    pub(crate) async fn fail(mut self, error: &GatewayError, usage: Option<TokenUsage>) {
        let report = self.failure(error, usage, true);
        self.failed.extend(report);
        let taken = self.failed.into_iter().map(Receipt::taken);
        // What takes longer goes on by itself.
        let _ = timeout(self.patience, join_all(taken)).await;
    }

    /// The caller went away.
    pub(crate) fn abandon(self, usage: Option<TokenUsage>) {
        if let Some(report) = self.report(ReportStatus::Error, usage, None, true) {
            self.reporter.submit(report);
        }
    }

    fn failure(
        &self,
        error: &GatewayError,
        usage: Option<TokenUsage>,
        is_final: bool,
    ) -> Option<Receipt> {
        let class = error_class(error).filter(|_| !self.begun);
        let report = self.report(ReportStatus::Error, usage, class, is_final)?;
        Some(self.reporter.submit(report))
    }

    fn report(
        &self,
        status: ReportStatus,
        usage: Option<TokenUsage>,
        error_class: Option<String>,
        is_final_attempt: bool,
    ) -> Option<UsageReport> {
        Some(UsageReport {
            correlation_id: self.attempt.as_deref()?.to_owned(),
            status,
            is_final_attempt,
            usage: usage.map(UsageForm::from),
            error_class,
            session_label: self.session.clone(),
        })
    }
}

/// How a provider failed; what the gateway itself refused has no class.
fn error_class(error: &GatewayError) -> Option<String> {
    let GatewayError::Upstream(failure) = error else {
        return None;
    };
    let UpstreamFailure { error, .. } = failure.as_ref();
    Some(match (error.kind, error.status) {
        (UpstreamErrorKind::BillingExhausted, Some(status)) => format!("http_{status}_billing"),
        (_, Some(status)) if status >= 400 => format!("http_{status}"),
        (UpstreamErrorKind::Timeout, _) => "timeout".to_owned(),
        (UpstreamErrorKind::Unreachable, _) => "conn_err".to_owned(),
        _ => "unknown".to_owned(),
    })
}
