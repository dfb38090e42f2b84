//! The bounds of the histograms.

use prometheus_client::metrics::histogram::Histogram;

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

pub(super) fn latency() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}

pub(super) fn flush() -> Histogram {
    Histogram::new(FLUSH_BUCKETS)
}

pub(super) fn batch() -> Histogram {
    Histogram::new(BATCH_BUCKETS)
}

pub(super) fn cost() -> Histogram {
    Histogram::new(COST_BUCKETS)
}
