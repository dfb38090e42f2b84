//! The Prometheus metrics: one struct whose fields are the metrics and whose help texts stand beside them.

mod plain;
mod process;

use std::time::Duration;

use otari_config::Direction;
use otari_providers::UpstreamErrorKind;
use otari_types::{NanoUsd, TokenUsage};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::error::GatewayError;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub method: &'static str,
    /// The route template, or `unmatched`: a raw path would let callers grow the label set.
    pub endpoint: &'static str,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    pub method: &'static str,
    pub endpoint: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ModelLabels {
    pub provider: String,
    pub model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TokenLabels {
    pub provider: String,
    pub model: String,
    pub r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    pub reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct AbandonedLabels {
    pub(crate) provider: String,
    pub(crate) model: String,
    /// `timeout`, `build_error` or `upstream_error`.
    pub(crate) reason: &'static str,
    /// Of the attempt, from 1.
    pub(crate) position: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderLabels {
    /// The instance's name.
    provider: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct GuardrailLabels {
    /// The kind of check: a profile's name can be a caller's.
    pub(crate) provider: &'static str,
    /// `input` or `output`.
    pub(crate) on: &'static str,
    /// `valid`, `flagged`, `redacted`, `inconclusive` or `unavailable`.
    pub(crate) verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LineLabels {
    /// `completed`, `failed` or `retried`.
    outcome: &'static str,
}

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

/// What came of an attempt at a line of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LineOutcome {
    Completed,
    Failed,
    Retried,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct FlushLabels {
    pub(crate) writer: &'static str,
    /// `ok` or `error`.
    pub(crate) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct WriterLabels {
    pub(crate) writer: &'static str,
}

/// Rows reach the database in batches; the label is kept for dashboards that know two writers.
const WRITER: &str = "batch";

/// Seconds; language models answer in tenths of seconds to minutes.
const LATENCY_BUCKETS: [f64; 14] = [
    0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 600.0,
];
/// Seconds of a database transaction.
const FLUSH_BUCKETS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Rows of one.
const BATCH_BUCKETS: [f64; 7] = [1.0, 4.0, 16.0, 64.0, 128.0, 256.0, 512.0];
/// Dollars per call.
const COST_BUCKETS: [f64; 10] = [
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0,
];

fn latency() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}

fn flush() -> Histogram {
    Histogram::new(FLUSH_BUCKETS)
}

fn batch() -> Histogram {
    Histogram::new(BATCH_BUCKETS)
}

fn cost() -> Histogram {
    Histogram::new(COST_BUCKETS)
}

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub requests: Family<RequestLabels, Counter>,
    pub request_duration: Family<EndpointLabels, Histogram, fn() -> Histogram>,
    pub active_requests: Gauge,
    pub tokens: Family<TokenLabels, Counter>,
    pub request_cost: Family<ModelLabels, Histogram, fn() -> Histogram>,
    pub rate_limit_hits: Counter,
    pub budget_exceeded: Counter,
    pub auth_failures: Family<ReasonLabels, Counter>,
    pub missing_usage: Counter,
    abandoned_attempts: Family<AbandonedLabels, Counter>,
    circuit_open: Family<ProviderLabels, Gauge>,
    guardrail_verdicts: Family<GuardrailLabels, Counter>,
    batch_lines: Family<LineLabels, Counter>,
    inline_costs: Family<InlineCostLabels, Counter>,
    usage_reports: Family<ReportLabels, Counter>,
    pub usage_reports_waiting: Gauge,
    pub usage_log_queue_depth: Gauge,
    usage_log_batch_size: Family<WriterLabels, Histogram, fn() -> Histogram>,
    usage_log_flush_duration: Family<FlushLabels, Histogram, fn() -> Histogram>,
    usage_log_rows: Family<FlushLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("gateway"),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(latency as fn() -> Histogram),
            active_requests: Gauge::default(),
            tokens: Family::default(),
            request_cost: Family::new_with_constructor(cost as fn() -> Histogram),
            rate_limit_hits: Counter::default(),
            budget_exceeded: Counter::default(),
            auth_failures: Family::default(),
            missing_usage: Counter::default(),
            abandoned_attempts: Family::default(),
            circuit_open: Family::default(),
            guardrail_verdicts: Family::default(),
            batch_lines: Family::default(),
            inline_costs: Family::default(),
            usage_reports: Family::default(),
            usage_reports_waiting: Gauge::default(),
            usage_log_queue_depth: Gauge::default(),
            usage_log_batch_size: Family::new_with_constructor(batch as fn() -> Histogram),
            usage_log_flush_duration: Family::new_with_constructor(flush as fn() -> Histogram),
            usage_log_rows: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "HTTP requests by route and status",
            self.requests.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "Time from the request to the end of its answer",
            self.request_duration.clone(),
        );
        registry.register(
            "active_requests",
            "Requests whose answer is not complete, streams included",
            self.active_requests.clone(),
        );
        registry.register(
            "tokens",
            "Tokens by provider, model and direction",
            self.tokens.clone(),
        );
        registry.register(
            "request_cost_dollars",
            "Cost of a call in US dollars",
            self.request_cost.clone(),
        );
        registry.register(
            "rate_limit_hits",
            "Requests refused by the rate limit",
            self.rate_limit_hits.clone(),
        );
        registry.register(
            "budget_exceeded",
            "Calls refused for want of budget",
            self.budget_exceeded.clone(),
        );
        registry.register(
            "auth_failures",
            "Refused credentials by reason",
            self.auth_failures.clone(),
        );
        registry.register(
            "missing_usage",
            "Answers without token usage, billed by the missing-usage policy",
            self.missing_usage.clone(),
        );
        registry.register(
            "abandoned_attempts",
            "Attempts that failed before their first chunk and were followed by another",
            self.abandoned_attempts.clone(),
        );
        registry.register(
            "circuit_open",
            "1 while a provider stands back because it kept failing",
            self.circuit_open.clone(),
        );
        registry.register(
            "guardrail_verdicts",
            "Results of guardrail checks by kind, direction and result",
            self.guardrail_verdicts.clone(),
        );
        self.register_background();
        self.register_hybrid();
    }

    /// What there is in hybrid mode only.
    fn register_hybrid(&mut self) {
        let registry = &mut self.registry;
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

    /// What happens beside the calls.
    fn register_background(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "batch_lines",
            "Lines of batches that were answered, failed, or are tried again",
            self.batch_lines.clone(),
        );
        registry.register(
            "usage_log_queue_depth",
            "Usage rows in the journal that are not yet in the database",
            self.usage_log_queue_depth.clone(),
        );
        registry.register(
            "usage_log_batch_size",
            "Usage rows in one transaction",
            self.usage_log_batch_size.clone(),
        );
        registry.register(
            "usage_log_flush_duration_seconds",
            "Time of one transaction of usage rows",
            self.usage_log_flush_duration.clone(),
        );
        registry.register(
            "usage_log_rows",
            "Usage rows written, or refused by the database and kept aside",
            self.usage_log_rows.clone(),
        );
    }

    pub(crate) fn count_line(&self, outcome: LineOutcome) {
        let outcome = match outcome {
            LineOutcome::Completed => "completed",
            LineOutcome::Failed => "failed",
            LineOutcome::Retried => "retried",
        };
        let labels = LineLabels { outcome };
        self.batch_lines.get_or_create(&labels).inc();
    }

    /// The exposition in Prometheus's text format 0.0.4.
    pub fn render_plain(&self) -> String {
        plain::plain(&self.render_openmetrics())
    }

    /// The exposition in the `OpenMetrics` format.
    pub fn render_openmetrics(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        // Writing to a String cannot fail.
        let _ = text::encode_registry(&mut out, &self.registry);
        process::encode(&mut out);
        out.push_str("# EOF\n");
        out
    }

    pub(crate) fn count_call(
        &self,
        model: &str,
        provider: Option<&str>,
        usage: Option<&TokenUsage>,
        total: Option<NanoUsd>,
    ) {
        let Some(usage) = usage else { return };
        let (provider, model) = (provider.unwrap_or_default().to_owned(), model.to_owned());
        let input = TokenLabels {
            provider: provider.clone(),
            model: model.clone(),
            r#type: "input",
        };
        let output = TokenLabels {
            provider: provider.clone(),
            model: model.clone(),
            r#type: "output",
        };
        self.tokens
            .get_or_create(&input)
            .inc_by(usage.total_input().unsigned_abs());
        self.tokens
            .get_or_create(&output)
            .inc_by(usage.output.unsigned_abs());
        if let Some(total) = total {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a histogram of dollars needs no exactness"
            )]
            let dollars = total.0 as f64 / 1e9;
            self.request_cost
                .get_or_create(&ModelLabels { provider, model })
                .observe(dollars);
        }
    }

    pub(crate) fn count_abandoned(
        &self,
        model: &str,
        provider: Option<&str>,
        position: i64,
        error: &GatewayError,
    ) {
        let reason = match error {
            GatewayError::Upstream(failure) if failure.error.kind == UpstreamErrorKind::Timeout => {
                "timeout"
            }
            GatewayError::Upstream(_) => "upstream_error",
            _ => "build_error",
        };
        let labels = AbandonedLabels {
            provider: provider.unwrap_or_default().to_owned(),
            model: model.to_owned(),
            reason,
            position,
        };
        self.abandoned_attempts.get_or_create(&labels).inc();
    }

    /// A provider stands back, or is back.
    pub(crate) fn mark_circuit(&self, provider: &str, open: bool) {
        let labels = ProviderLabels {
            provider: provider.to_owned(),
        };
        self.circuit_open
            .get_or_create(&labels)
            .set(i64::from(open));
    }

    pub(crate) fn count_guardrail(
        &self,
        provider: &'static str,
        direction: Direction,
        verdict: &'static str,
    ) {
        let on = match direction {
            Direction::Input => "input",
            Direction::Output => "output",
        };
        let labels = GuardrailLabels {
            provider,
            on,
            verdict,
        };
        self.guardrail_verdicts.get_or_create(&labels).inc();
    }

    pub fn count_auth_failure(&self, error: &GatewayError) {
        let reason = match error {
            GatewayError::MissingCredentials | GatewayError::MissingToken => "missing_credentials",
            GatewayError::InvalidCredentialFormat => "invalid_format",
            GatewayError::InvalidKey | GatewayError::InvalidMasterKey => "invalid_key",
            GatewayError::InactiveKey => "inactive_key",
            GatewayError::ExpiredKey => "expired_key",
            GatewayError::AuthUnavailable => "db_error",
            _ => return,
        };
        self.auth_failures
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }
}

impl otari_ledger::DrainObserver for Metrics {
    fn batch(&self, rows: usize, took: Duration, committed: bool) {
        let result = if committed { "ok" } else { "error" };
        let labels = FlushLabels {
            writer: WRITER,
            result,
        };
        self.usage_log_flush_duration
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
        if committed {
            let labels = FlushLabels {
                writer: WRITER,
                result: "written",
            };
            self.usage_log_rows
                .get_or_create(&labels)
                .inc_by(rows as u64);
            #[expect(clippy::cast_precision_loss, reason = "a batch has a few hundred rows")]
            self.usage_log_batch_size
                .get_or_create(&WriterLabels { writer: WRITER })
                .observe(rows as f64);
        }
    }

    fn row_refused(&self) {
        let labels = FlushLabels {
            writer: WRITER,
            result: "dropped",
        };
        self.usage_log_rows.get_or_create(&labels).inc();
    }
}
