//! How long a provider may take. An instance can have its own figures in `client_args`.

use std::time::Duration;

use crate::section::section;
use crate::setting::Limit::AtLeast;

section! {
    /// Time limits of upstream calls.
    Upstream("Upstream time limits") {
        /// Milliseconds to connect, TLS included.
        upstream_connect_timeout_ms: u32 = 5_000 => AtLeast(1.0);
        /// Milliseconds until the answer begins.
        upstream_first_byte_timeout_ms: u32 = 600_000 => AtLeast(1.0);
        /// Milliseconds between two pieces of an answer.
        upstream_idle_timeout_ms: u32 = 300_000 => AtLeast(1.0);
        /// Milliseconds for the whole call.
        upstream_total_timeout_ms: u32 = 3_600_000 => AtLeast(1.0);
    }
}

/// How long each phase of an upstream call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    pub total: Duration,
}

impl Upstream {
    /// The limits of an instance that sets none of its own.
    pub fn timeouts(&self) -> Timeouts {
        let millis = |ms: u32| Duration::from_millis(u64::from(ms));
        Timeouts {
            connect: millis(self.upstream_connect_timeout_ms),
            first_byte: millis(self.upstream_first_byte_timeout_ms),
            idle: millis(self.upstream_idle_timeout_ms),
            total: millis(self.upstream_total_timeout_ms),
        }
    }
}
