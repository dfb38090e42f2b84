//! `cargo xtask ci`: cheap steps first, stop at the first failure, say what each took.

use std::process::ExitCode;
use std::time::Instant;

use crate::process::{self, cargo};
use crate::test::Counts;
use crate::{deny, generate, musl, sandbox, test, tidy};

fn run_step<T>(
    name: &'static str,
    times: &mut Vec<(&'static str, f32)>,
    step: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    println!("\n=== {name}");
    let start = Instant::now();
    let outcome = step();
    let seconds = start.elapsed().as_secs_f32();
    times.push((name, seconds));
    if outcome.is_err() {
        println!("=== {name} failed after {seconds:.1} s");
    }
    outcome
}

fn run_all(times: &mut Vec<(&'static str, f32)>) -> anyhow::Result<Counts> {
    run_step("fmt", times, || {
        process::run(cargo().args(["fmt", "--all", "--check"]))
    })?;
    run_step("tidy", times, tidy::run)?;
    run_step("clippy", times, || {
        let workspace = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ];
        process::run(cargo().args(workspace))
    })?;
    run_step("generate", times, || generate::run(generate::Mode::Check))?;
    run_step("deny", times, deny::run)?;
    let mut counts = run_step("test", times, || test::run(&[]))?;
    // Last, when what it tries is built.
    counts.add(run_step("sandbox", times, || {
        sandbox::check(&["--workspace"])
    })?);
    counts.add(run_step("musl", times, musl::check)?);
    Ok(counts)
}

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let mut times = Vec::new();
    let outcome = run_all(&mut times);
    println!();
    for (name, seconds) in &times {
        println!("{name:>10} {seconds:8.1} s");
    }
    let total: f32 = times.iter().map(|(_, seconds)| seconds).sum();
    println!("{:>10} {total:8.1} s\n", "total");
    // The runner's count is the last line, for whoever reads only that.
    Ok(outcome?.finish())
}
