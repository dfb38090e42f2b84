//! When to stop: the first signal drains, the second, or the end of the grace, stops.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The signals that end a server.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on the signals no longer kill the process.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Cancels `drain` at the first signal, and `stop` at the second or once `grace` has passed.
    pub(crate) async fn run(
        mut self,
        drain: CancellationToken,
        stop: CancellationToken,
        grace: Duration,
    ) {
        self.next().await;
        tracing::info!(
            grace_seconds = grace.as_secs(),
            "stopping: open answers may finish"
        );
        drain.cancel();
        tokio::select! {
            () = self.next() => tracing::warn!("stopping at once: second signal"),
            () = tokio::time::sleep(grace) => tracing::warn!("stopping at once: the grace is over"),
        }
        stop.cancel();
    }
}
