//! Starting, and memory, each on a fresh process.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::setup::Setup;
use crate::figures::{Figure, Figures};
use crate::load::{self, Plan};
use crate::process::Process;
use crate::shape::Shape;
use crate::stats::count;

/// Few chunks far apart: a thousand streams that are open and idle.
pub(super) const SHAPE: Shape = Shape {
    chunks: 3,
    gap: Duration::from_millis(1500),
};

const STARTS: usize = 5;
const STREAMS: usize = 1000;
/// Streams start spread over one gap; a little longer, and each worker runs exactly one.
const OPENING: Duration = Duration::from_millis(1600);
const SETTLE: Duration = Duration::from_secs(1);
const SAMPLE: Duration = Duration::from_millis(50);

pub(super) async fn measure(
    setup: &Setup,
    column: &'static str,
    figures: &mut Figures,
) -> Result<()> {
    for _ in 0..STARTS {
        let (_process, healthy, answered) = start(setup).await?;
        figures.note(column, Figure::ColdHealth, healthy.as_secs_f64() * 1e3);
        figures.note(column, Figure::ColdAnswer, answered.as_secs_f64() * 1e3);
    }
    let (process, ..) = start(setup).await?;
    tokio::time::sleep(SETTLE).await;
    let idle = process.memory().resident;
    figures.note(column, Figure::MemoryIdle, mib(idle));
    let open = with_streams(setup, &process).await?;
    let streams = u64::try_from(STREAMS).unwrap_or(u64::MAX);
    figures.note(
        column,
        Figure::MemoryStream,
        count(open.saturating_sub(idle)) / count(streams),
    );
    Ok(())
}

/// The time from spawning to `/health`, and to the first answer to a chat call.
async fn start(setup: &Setup) -> Result<(Process, Duration, Duration)> {
    let spawned = Instant::now();
    let process = setup.start().await?;
    let healthy = spawned.elapsed();
    load::once(setup.address, &setup.access.call("mock", false)).await?;
    Ok((process, healthy, spawned.elapsed()))
}

/// The most resident memory seen while the streams are open, in KiB.
async fn with_streams(setup: &Setup, process: &Process) -> Result<u64> {
    let call = setup.access.call(&SHAPE.model(), true);
    let plan = Plan {
        address: setup.address,
        call,
        connections: STREAMS,
        rate: None,
        duration: OPENING,
    };
    let mut run = std::pin::pin!(load::run(&plan));
    let mut most = 0;
    let outcome = loop {
        tokio::select! {
            outcome = &mut run => break outcome?,
            () = tokio::time::sleep(SAMPLE) => most = most.max(process.memory().resident),
        }
    };
    if let Some(error) = outcome.first_error {
        bail!("{}: a stream failed: {error}", setup.name);
    }
    Ok(most)
}

pub(super) fn mib(kib: u64) -> f64 {
    count(kib) / 1024.0
}
