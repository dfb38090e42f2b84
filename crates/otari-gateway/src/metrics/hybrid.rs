//! What is counted in hybrid mode only.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InlineCostLabels {
    /// `attached`, `unattached` or `timeout`.
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReportLabels {
    /// `delivered`, `refused` or `lost`.
    outcome: &'static str,
}

/// Whether an answer tells what it cost.
#[derive(Clone, Copy, Debug)]
pub(crate) enum InlineCostOutcome {
    Attached,
    /// The platform named no cost.
    Unattached,
    /// It did not do so in time.
    Timeout,
}

/// What became of a usage report.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReportOutcome {
    Delivered,
    Refused,
    /// It is in the log.
    Lost,
}

#[derive(Debug, Default)]
pub struct HybridMetrics {
    inline_costs: Family<InlineCostLabels, Counter>,
    usage_reports: Family<ReportLabels, Counter>,
    pub usage_reports_waiting: Gauge,
}

impl HybridMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "inline_cost_settlements",
            "Hybrid mode: answers by whether they tell their cost",
            self.inline_costs.clone(),
        );
        registry.register(
            "usage_reports",
            "Hybrid mode: usage reports by what became of them",
            self.usage_reports.clone(),
        );
        registry.register(
            "usage_reports_waiting",
            "Hybrid mode: usage reports that the platform has not taken yet",
            self.usage_reports_waiting.clone(),
        );
    }

    pub(crate) fn count_inline_cost(&self, outcome: InlineCostOutcome) {
        let outcome = match outcome {
            InlineCostOutcome::Attached => "attached",
            InlineCostOutcome::Unattached => "unattached",
            InlineCostOutcome::Timeout => "timeout",
        };
        let labels = InlineCostLabels { outcome };
        self.inline_costs.get_or_create(&labels).inc();
    }

    pub(crate) fn count_report(&self, outcome: ReportOutcome) {
        let outcome = match outcome {
            ReportOutcome::Delivered => "delivered",
            ReportOutcome::Refused => "refused",
            ReportOutcome::Lost => "lost",
        };
        let labels = ReportLabels { outcome };
        self.usage_reports.get_or_create(&labels).inc();
    }
}
