//! Calls at a fixed rate, whatever the answers do.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::sync::mpsc::UnboundedSender;

/// Hands intended send times to the connections in turn, from a thread of its own: the runtime's timer only knows
/// milliseconds and would send in bursts.
pub(super) fn start(
    rate: f64,
    duration: Duration,
    started: Instant,
    queues: Vec<UnboundedSender<Instant>>,
) -> Result<()> {
    let pacer = thread::Builder::new().name("pacer".to_owned());
    pacer
        .spawn(move || pace(rate, duration, started, &queues))
        .context("cannot start the pacer")?;
    Ok(())
}

/// Calls are due at the end of the slot that they fall into. Waking for every single call would take more of the
/// machine than the gateway that is measured.
const SLOT: Duration = Duration::from_micros(200);

fn pace(rate: f64, duration: Duration, started: Instant, queues: &[UnboundedSender<Instant>]) {
    let gap = Duration::from_secs_f64(1.0 / rate);
    let (mut offset, mut slot_end) = (Duration::ZERO, Duration::ZERO);
    for queue in queues.iter().cycle() {
        if offset >= duration {
            return;
        }
        while slot_end < offset {
            slot_end += SLOT;
        }
        let due = started + slot_end;
        sleep_until(due);
        if queue.send(due).is_err() {
            return;
        }
        offset += gap;
    }
}

#[expect(clippy::disallowed_methods, reason = "this thread runs no task")]
fn sleep_until(instant: Instant) {
    let left = instant.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        thread::sleep(left);
    }
}
