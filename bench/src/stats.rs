//! Percentiles and medians.

use serde_json::{Value, json};

/// Durations of one run, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<u64>);

impl Samples {
    pub fn push(&mut self, nanos: u64) {
        self.0.push(nanos);
    }

    pub fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sorts once; percentiles are read from the result.
    pub fn sorted(mut self) -> Sorted {
        self.0.sort_unstable();
        Sorted(self.0)
    }
}

/// Durations in ascending order.
#[derive(Clone, Debug, Default)]
pub struct Sorted(Vec<u64>);

impl Sorted {
    /// The smallest duration that at least `percent` of all do not exceed, in microseconds; 0 without samples.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank within the length; nanoseconds of a run are far below 2^52"
    )]
    pub fn percentile_us(&self, percent: f64) -> f64 {
        let rank = (self.0.len() as f64 * percent / 100.0).ceil() as usize;
        let nanos = self
            .0
            .get(rank.saturating_sub(1))
            .or(self.0.last())
            .copied()
            .unwrap_or(0);
        nanos as f64 / 1000.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `p50`, `p90`, `p99`, `p99.9` and `max`, in microseconds.
    pub fn json(&self) -> Value {
        json!({
            "p50": self.percentile_us(50.0),
            "p90": self.percentile_us(90.0),
            "p99": self.percentile_us(99.0),
            "p99.9": self.percentile_us(99.9),
            "max": self.percentile_us(100.0),
        })
    }
}

/// The middle figure, or the mean of the two middle ones.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// A count as a number to divide.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a run are far below 2^52"
)]
pub fn count(count: u64) -> f64 {
    count as f64
}
