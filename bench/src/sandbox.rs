//! What a sandbox costs: time to a first result, and memory of many sessions at once.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use otari_sandbox::{Backend, CreateSession, ExecRequest, Limits, Sandbox, SessionId, Settings};
use otari_types::SystemClock;

use crate::load::nanos;
use crate::process::parents;
use crate::stats::Samples;

const MIB: f64 = 1024.0 * 1024.0;
/// A cell that is more than nothing: imports, makes a list, prints.
const CELL: &str = "import json, math\nsum(math.sqrt(i) for i in range(1000))";

/// What to measure.
#[derive(Debug)]
pub struct Options {
    /// The otari binary, which is its own worker.
    pub otari: PathBuf,
    pub backend: Backend,
    /// Sessions open at once.
    pub sessions: usize,
    /// Repetitions of each timed step.
    pub rounds: usize,
    /// Where the compiled interpreter is kept.
    pub data_dir: PathBuf,
}

/// Runs the measurement and answers a table.
pub async fn measure(options: &Options) -> Result<String> {
    let mut table = Table::default();
    let begun = Instant::now();
    let cold = sandbox(options, 0)?;
    cold.prepare().await?;
    table.row(
        "preparing (compiles where nothing is cached)",
        begun.elapsed().as_secs_f64() * 1e3,
        "ms",
    );
    timed(&cold, options.rounds, "no warm session", &mut table).await?;
    drop(cold);
    let warm = sandbox(options, options.rounds.min(16))?;
    warm.prepare().await?;
    warm_rounds(&warm, options.rounds, &mut table).await?;
    drop(warm);
    many(options, &mut table).await?;
    Ok(table.text)
}

fn sandbox(options: &Options, warm_sessions: usize) -> Result<Sandbox> {
    let settings = Settings {
        backend: options.backend.clone(),
        limits: Limits {
            sessions: options.sessions + 32,
            warm_sessions,
            ..Limits::default()
        },
        data_dir: options.data_dir.clone(),
        worker: options.otari.clone(),
    };
    Ok(Sandbox::new(settings, Arc::new(SystemClock))?)
}

/// Session by session: until it is there, its first program, and the ones after.
async fn timed(sandbox: &Sandbox, rounds: usize, what: &str, table: &mut Table) -> Result<()> {
    let (mut first, mut next) = (Samples::default(), Samples::default());
    for _ in 0..rounds {
        let begun = Instant::now();
        let session = sandbox.create(CreateSession::default()).await?.id;
        run(sandbox, &session).await?;
        first.push(nanos(begun.elapsed()));
        for _ in 0..5 {
            let begun = Instant::now();
            run(sandbox, &session).await?;
            next.push(nanos(begun.elapsed()));
        }
        sandbox.destroy(&session).await?;
    }
    table.samples(&format!("session and first program, {what}"), first);
    table.samples(&format!("each program after, {what}"), next);
    Ok(())
}

/// A warm session each time: the pool is full again before the next is taken.
async fn warm_rounds(sandbox: &Sandbox, rounds: usize, table: &mut Table) -> Result<()> {
    let (mut create, mut first) = (Samples::default(), Samples::default());
    for _ in 0..rounds {
        sandbox.prepare().await?;
        let begun = Instant::now();
        let session = sandbox.create(CreateSession::default()).await?.id;
        create.push(nanos(begun.elapsed()));
        run(sandbox, &session).await?;
        first.push(nanos(begun.elapsed()));
        sandbox.destroy(&session).await?;
    }
    table.samples("warm: session", create);
    table.samples("warm: session and first program", first);
    Ok(())
}

async fn many(options: &Options, table: &mut Table) -> Result<()> {
    let sandbox = sandbox(options, 0)?;
    sandbox.prepare().await?;
    let begun = Instant::now();
    let opening = (0..options.sessions).map(|_| {
        let sandbox = sandbox.clone();
        tokio::spawn(async move {
            let session = sandbox.create(CreateSession::default()).await?.id;
            run(&sandbox, &session).await?;
            anyhow::Ok(session)
        })
    });
    let mut open: Vec<SessionId> = Vec::new();
    for session in opening.collect::<Vec<_>>() {
        open.push(session.await??);
    }
    let name = format!("{} sessions, each with one program run", open.len());
    table.row(&name, begun.elapsed().as_secs_f64(), "s");
    let (processes, resident, shared) = workers();
    let sessions = u32::try_from(open.len()).map_or(f64::MAX, f64::from);
    ensure!(
        processes >= open.len(),
        "{processes} workers for {} sessions",
        open.len()
    );
    table.row(
        "their memory, shared pages counted once (PSS)",
        shared / MIB,
        "MiB",
    );
    table.row("the same for each session", shared / MIB / sessions, "MiB");
    table.row(
        "resident, shared pages counted each time (RSS)",
        resident / MIB,
        "MiB",
    );
    for session in &open {
        run(&sandbox, session).await?;
        sandbox.destroy(session).await?;
    }
    Ok(())
}

async fn run(sandbox: &Sandbox, session: &SessionId) -> Result<()> {
    let ran = sandbox.exec(session, ExecRequest::python(CELL)).await?;
    ensure!(ran.return_code == 0, "the program failed: {}", ran.stderr);
    Ok(())
}

/// Processes below this one, and their memory in bytes: resident, and with shared pages counted once.
fn workers() -> (usize, f64, f64) {
    let mut found = vec![std::process::id()];
    let mut index = 0;
    let all = parents();
    while let Some(parent) = found.get(index).copied() {
        found.extend(
            all.iter()
                .filter(|(_, of)| *of == parent)
                .map(|(process, _)| *process),
        );
        index += 1;
    }
    let (mut resident, mut shared) = (0.0, 0.0);
    for process in found.iter().skip(1) {
        let rollup = format!("/proc/{process}/smaps_rollup");
        let rollup = fs::read_to_string(Path::new(&rollup)).unwrap_or_default();
        resident += kibibytes(&rollup, "Rss:") * 1024.0;
        shared += kibibytes(&rollup, "Pss:") * 1024.0;
    }
    (found.len() - 1, resident, shared)
}

fn kibibytes(rollup: &str, name: &str) -> f64 {
    let line = rollup.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0.0)
}

#[derive(Default)]
struct Table {
    text: String,
}

impl Table {
    fn row(&mut self, name: &str, value: f64, unit: &str) {
        let _ = writeln!(self.text, "{name:<52} {value:>10.1} {unit}");
    }

    fn samples(&mut self, name: &str, samples: Samples) {
        let sorted = samples.sorted();
        for percent in [50.0, 99.0] {
            let name = format!("{name}, p{percent:.0}");
            self.row(&name, sorted.percentile_us(percent) / 1e3, "ms");
        }
    }
}
