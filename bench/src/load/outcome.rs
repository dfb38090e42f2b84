//! What a run showed.

use std::time::Duration;

use serde_json::{Value, json};

use super::StreamTimes;
use crate::stats::{Samples, count};

/// Counts and durations of one run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub elapsed: Duration,
    /// Answers that were whole and right.
    pub calls: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    /// Whole calls, from the intended send time.
    pub latency: Samples,
    pub first_token: Samples,
    /// Per chunk, from leaving the upstream to arriving here.
    pub delay: Samples,
    /// Between two chunks of a stream, on arrival.
    pub gap: Samples,
    pub merged: u64,
}

impl Outcome {
    pub(super) fn answered(&mut self, nanos: u64) {
        self.calls += 1;
        self.latency.push(nanos);
    }

    pub(super) fn streamed(&mut self, mut times: StreamTimes, nanos: u64) {
        self.answered(nanos);
        self.first_token.push(times.first_token);
        self.delay.append(&mut times.delays);
        self.gap.append(&mut times.gaps);
        self.merged += times.merged;
    }

    pub(super) fn failed(&mut self, error: &str) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_owned());
    }

    pub(super) fn merge(&mut self, mut other: Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.latency.append(&mut other.latency);
        self.first_token.append(&mut other.first_token);
        self.delay.append(&mut other.delay);
        self.gap.append(&mut other.gap);
        self.merged += other.merged;
    }

    pub fn calls_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            count(self.calls) / seconds
        } else {
            0.0
        }
    }

    /// Durations in microseconds.
    pub fn json(self) -> Value {
        let rate = self.calls_per_second();
        let mut shown = json!({
            "calls": self.calls,
            "errors": self.errors,
            "first_error": self.first_error,
            "seconds": self.elapsed.as_secs_f64(),
            "calls_per_second": rate,
            "latency_us": self.latency.sorted().json(),
        });
        if let (false, Some(members)) = (self.first_token.is_empty(), shown.as_object_mut()) {
            members.insert("chunks".to_owned(), json!(self.delay.len()));
            members.insert("merged_chunks".to_owned(), json!(self.merged));
            members.insert(
                "first_token_us".to_owned(),
                self.first_token.sorted().json(),
            );
            members.insert("chunk_delay_us".to_owned(), self.delay.sorted().json());
            members.insert("chunk_gap_us".to_owned(), self.gap.sorted().json());
        }
        shown
    }
}
