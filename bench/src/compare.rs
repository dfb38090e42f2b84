//! Otari and nginx side by side: same machine, same upstream, same calls, in alternation.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::figures::{DIRECT, Figure, Figures, NGINX, OTARI};
use crate::process::{Process, free_address};
pub use guardrails::{GuardrailOptions, guardrails};
use lane::Lane;

mod admin;
mod footprint;
mod guardrails;
mod lane;
mod machine;
mod nginx;
mod otari;
mod rounds;
mod setup;

/// What to compare, and for how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `otari` binary; without it only nginx is measured.
    pub otari: Option<PathBuf>,
    pub nginx: PathBuf,
    pub rounds: u32,
    /// Of each run.
    pub duration: Duration,
    /// Told what happens next.
    pub progress: fn(&str),
}

/// The figures, and what they were measured on.
#[derive(Debug)]
pub struct Comparison {
    pub machine: String,
    pub figures: Figures,
    /// Doubts a reader should know of, such as the first error of a column.
    pub remarks: Vec<String>,
}

/// Measures everything. All processes have ended when it returns, fails or is dropped.
pub async fn compare(options: &Options) -> Result<Comparison> {
    in_folder(async |dir| measure(options, dir).await).await
}

/// Measures in a folder of its own, which is kept where that fails.
async fn in_folder<T>(measure: impl AsyncFnOnce(&Path) -> Result<T>) -> Result<T> {
    let dir = TempDir::with_prefix("otari-bench-")?;
    let result = measure(dir.path()).await;
    result.map_err(|error| {
        let kept = dir.keep();
        error.context(format!("logs are in {}", kept.display()))
    })
}

async fn measure(options: &Options, dir: &Path) -> Result<Comparison> {
    let machine = machine::facts(options);
    let mut figures = Figures::default();
    let mut remarks: Vec<String> = machine::busy().into_iter().collect();
    let (upstream, _upstream_process) = start_upstream(dir).await?;

    (options.progress)("nginx: start and memory");
    let setup = nginx::setup(&options.nginx, dir, upstream)?;
    footprint::measure(&setup, NGINX, &mut figures).await?;
    let mut lanes = vec![Lane::direct(upstream), Lane::launch(NGINX, &setup).await?];

    let mut governed = None;
    if let Some(program) = &options.otari {
        (options.progress)("otari: start and memory");
        let (setup, first_start) = otari::setup(program, dir, upstream).await?;
        figures.note(OTARI, Figure::FirstStart, first_start.as_secs_f64() * 1e3);
        footprint::measure(&setup, OTARI, &mut figures).await?;
        let rows = otari::usage_rows(&setup).await?;
        lanes.push(Lane::launch(OTARI, &setup).await?);
        governed = Some((setup, rows));
    }

    rounds::all(options, &mut lanes, &mut figures).await?;
    for lane in &lanes {
        figures.note(lane.column, Figure::Errors, lane.errors());
        if let Some(memory) = lane.memory() {
            figures.note(lane.column, Figure::MemoryPeak, footprint::mib(memory.peak));
        }
        if let Some(error) = &lane.first_error {
            remarks.push(format!("{}: first error: {error}", lane.column));
        }
        if let (OTARI, Some((setup, before))) = (lane.column, &governed) {
            remarks.push(otari::recorded(setup, *before, lane.calls).await);
        }
    }
    Ok(Comparison {
        machine,
        figures,
        remarks,
    })
}

async fn start_upstream(dir: &Path) -> Result<(SocketAddr, Process)> {
    let address = free_address()?;
    let own = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(own);
    command.args(["upstream", "--port", &address.port().to_string()]);
    let mut process = Process::spawn(DIRECT, &mut command, &dir.join("upstream.log"))?;
    admin::until_healthy(&mut process, address).await?;
    Ok((address, process))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
