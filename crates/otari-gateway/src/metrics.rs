//! The Prometheus metrics: one struct whose fields are the metrics and whose help texts stand beside them.

mod buckets;
mod drain;
mod hybrid;
mod labels;
mod plain;
mod process;

use otari_config::Direction;
use otari_providers::UpstreamErrorKind;
use otari_types::{NanoUsd, TokenUsage};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::error::GatewayError;
use buckets::{cost, latency};
use drain::DrainMetrics;
use hybrid::HybridMetrics;
pub(crate) use hybrid::{InlineCostOutcome, ReportOutcome};
use labels::{
    AbandonedLabels, GuardrailLabels, LineLabels, ModelLabels, ProviderLabels, ReasonLabels,
    TokenLabels,
};
pub use labels::{EndpointLabels, RequestLabels};

/// What came of an attempt at a line of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LineOutcome {
    Completed,
    Failed,
    Retried,
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
    pub drain: DrainMetrics,
    pub hybrid: HybridMetrics,
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
            drain: DrainMetrics::default(),
            hybrid: HybridMetrics::default(),
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
        registry.register(
            "batch_lines",
            "Lines of batches that were answered, failed, or are tried again",
            self.batch_lines.clone(),
        );
        self.drain.register(registry);
        self.hybrid.register(registry);
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
