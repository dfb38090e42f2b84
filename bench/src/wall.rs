//! The clock that the upstream and the driver share: they are two processes on one machine.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "compares stamps of two processes; nothing here is tested against time"
)]
pub fn now_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
