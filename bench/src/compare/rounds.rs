//! What is measured under load, a round of all columns after the other.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Options;
use super::lane::{Lane, Run};
use crate::figures::{DIRECT, Figure, Figures};
use crate::shape::Shape;
use crate::stats::{Sorted, count};

/// 50 chunks a second per stream, as a fast model.
pub(super) const SHAPE: Shape = Shape {
    chunks: 100,
    gap: Duration::from_millis(20),
};

const WHOLE: (&str, bool) = ("mock", false);
const SATURATING: usize = 32;
/// Enough that at half load a call rarely waits for its connection.
const PACED: usize = 64;
const STREAMS: usize = 100;
const WARM_UP: Duration = Duration::from_millis(500);

pub(super) async fn all(
    options: &Options,
    lanes: &mut [Lane],
    figures: &mut Figures,
) -> Result<()> {
    for round in 1..=options.rounds {
        for lane in lanes.iter_mut() {
            (options.progress)(&format!(
                "round {round} of {}: {} saturated",
                options.rounds, lane.column
            ));
            saturated(lane, options.duration, figures).await?;
        }
    }
    for round in 1..=options.rounds {
        half_load(options, round, lanes, figures).await?;
    }
    for round in 1..=options.rounds {
        streams(options, round, lanes, figures).await?;
    }
    Ok(())
}

async fn saturated(lane: &mut Lane, duration: Duration, figures: &mut Figures) -> Result<()> {
    lane.run(WHOLE, (SATURATING, None), WARM_UP).await?;
    let run = lane.run(WHOLE, (SATURATING, None), duration).await?;
    figures.note(
        lane.column,
        Figure::Saturation,
        run.outcome.calls_per_second(),
    );
    if let Some(cpu) = run.cpu_us_per(run.outcome.calls) {
        figures.note(lane.column, Figure::CpuSaturated, cpu);
    }
    Ok(())
}

/// Each column at half of its own saturation, right after the direct way at the same rate.
async fn half_load(
    options: &Options,
    round: u32,
    lanes: &mut [Lane],
    figures: &mut Figures,
) -> Result<()> {
    let Some((direct, gateways)) = lanes.split_first_mut() else {
        return Ok(());
    };
    for lane in gateways {
        (options.progress)(&format!(
            "round {round} of {}: {} at half load",
            options.rounds, lane.column
        ));
        let saturation = figures
            .median(lane.column, Figure::Saturation)
            .context("saturation comes first")?;
        let rate = saturation / 2.0;
        let without = at_rate(direct, rate, options.duration)
            .await?
            .outcome
            .latency
            .sorted();
        let run = at_rate(lane, rate, options.duration).await?;
        if let Some(cpu) = run.cpu_us_per(run.outcome.calls) {
            figures.note(lane.column, Figure::CpuHalf, cpu);
        }
        let with = run.outcome.latency.sorted();
        figures.note(lane.column, Figure::HalfRate, rate);
        let shown = [
            (Figure::HalfP50, Figure::AddedP50, 50.0),
            (Figure::HalfP99, Figure::AddedP99, 99.0),
        ];
        for (whole, added, percent) in shown {
            versus(
                figures,
                lane.column,
                (whole, added, percent),
                &with,
                &without,
            );
            figures.note(DIRECT, whole, without.percentile_us(percent));
        }
    }
    Ok(())
}

async fn at_rate(lane: &mut Lane, rate: f64, duration: Duration) -> Result<Run> {
    lane.run(WHOLE, (PACED, Some(rate)), WARM_UP).await?;
    lane.run(WHOLE, (PACED, Some(rate)), duration).await
}

async fn streams(
    options: &Options,
    round: u32,
    lanes: &mut [Lane],
    figures: &mut Figures,
) -> Result<()> {
    let mut without: Option<(Sorted, Sorted)> = None;
    for lane in lanes {
        (options.progress)(&format!(
            "round {round} of {}: {} with 100 streams",
            options.rounds, lane.column
        ));
        let run = lane
            .run((&SHAPE.model(), true), (STREAMS, None), options.duration)
            .await?;
        let column = lane.column;
        let chunks = u64::try_from(run.outcome.delay.len()).unwrap_or(u64::MAX);
        if let Some(cpu) = run.cpu_us_per(chunks) {
            figures.note(column, Figure::CpuChunk, cpu);
        }
        figures.note(column, Figure::Merged, count(run.outcome.merged));
        figures.note(
            column,
            Figure::GapP99,
            run.outcome.gap.sorted().percentile_us(99.0),
        );
        let (first, delay) = (run.outcome.first_token.sorted(), run.outcome.delay.sorted());
        let (direct_first, direct_delay) =
            without.get_or_insert_with(|| (first.clone(), delay.clone()));
        for shown in [
            (Figure::FirstTokenP50, Figure::FirstTokenAddedP50, 50.0),
            (Figure::FirstTokenP99, Figure::FirstTokenAddedP99, 99.0),
        ] {
            versus(figures, column, shown, &first, direct_first);
        }
        for shown in [
            (Figure::ChunkDelayP50, Figure::ChunkAddedP50, 50.0),
            (Figure::ChunkDelayP99, Figure::ChunkAddedP99, 99.0),
        ] {
            versus(figures, column, shown, &delay, direct_delay);
        }
    }
    Ok(())
}

/// Notes a percentile, and what it adds to the direct way in the same round.
fn versus(
    figures: &mut Figures,
    column: &'static str,
    (whole, added, percent): (Figure, Figure, f64),
    with: &Sorted,
    without: &Sorted,
) {
    let value = with.percentile_us(percent);
    figures.note(column, whole, value);
    if column != DIRECT {
        figures.note(column, added, value - without.percentile_us(percent));
    }
}
