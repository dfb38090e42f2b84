//! The way of usage rows from the journal into the database.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Metrics;
use super::buckets::{batch, flush};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FlushLabels {
    writer: &'static str,
    /// `ok` or `error`.
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriterLabels {
    writer: &'static str,
}

/// Rows reach the database in batches; the label is kept for dashboards that know two writers.
const WRITER: &str = "batch";

#[derive(Debug)]
pub struct DrainMetrics {
    pub queue_depth: Gauge,
    batch_size: Family<WriterLabels, Histogram, fn() -> Histogram>,
    flush_duration: Family<FlushLabels, Histogram, fn() -> Histogram>,
    rows: Family<FlushLabels, Counter>,
}

impl Default for DrainMetrics {
    fn default() -> Self {
        Self {
            queue_depth: Gauge::default(),
            batch_size: Family::new_with_constructor(batch as fn() -> Histogram),
            flush_duration: Family::new_with_constructor(flush as fn() -> Histogram),
            rows: Family::default(),
        }
    }
}

impl DrainMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "usage_log_queue_depth",
            "Usage rows in the journal that are not yet in the database",
            self.queue_depth.clone(),
        );
        registry.register(
            "usage_log_batch_size",
            "Usage rows in one transaction",
            self.batch_size.clone(),
        );
        registry.register(
            "usage_log_flush_duration_seconds",
            "Time of one transaction of usage rows",
            self.flush_duration.clone(),
        );
        registry.register(
            "usage_log_rows",
            "Usage rows written, or refused by the database and kept aside",
            self.rows.clone(),
        );
    }

    fn count_rows(&self, result: &'static str, rows: u64) {
        let labels = FlushLabels {
            writer: WRITER,
            result,
        };
        self.rows.get_or_create(&labels).inc_by(rows);
    }
}

impl otari_ledger::DrainObserver for Metrics {
    fn batch(&self, rows: usize, took: Duration, committed: bool) {
        let labels = FlushLabels {
            writer: WRITER,
            result: if committed { "ok" } else { "error" },
        };
        let Self { drain, .. } = self;
        drain
            .flush_duration
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
        if committed {
            drain.count_rows("written", rows as u64);
            #[expect(clippy::cast_precision_loss, reason = "a batch has a few hundred rows")]
            drain
                .batch_size
                .get_or_create(&WriterLabels { writer: WRITER })
                .observe(rows as f64);
        }
    }

    fn row_refused(&self) {
        self.drain.count_rows("dropped", 1);
    }
}
