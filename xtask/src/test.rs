//! `cargo xtask test`: every test there is, on both database engines, without anything set up by hand.

use std::process::ExitCode;

use anyhow::bail;

use crate::postgres::Postgres;
use crate::process::{cargo, follow, output};
use crate::{e2e, sandbox};

/// How many tests passed and failed, over all runners.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// Prints the last line there is. An error would print another after it, so a failure is an exit code.
    pub(crate) fn finish(self) -> ExitCode {
        let Self { passed, failed } = self;
        println!("{passed} passed, {failed} failed");
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Reads what a runner says of itself: "12 passed", "1 failed", "2 errors".
    pub(crate) fn read(line: &str) -> Self {
        let words: Vec<&str> = line
            .split([' ', ',', ';', ':', '='])
            .filter(|w| !w.is_empty())
            .collect();
        let number_before = |names: &[&str]| {
            words
                .windows(2)
                .filter_map(|pair| match pair {
                    [number, word] if names.contains(word) => number.parse::<u64>().ok(),
                    _ => None,
                })
                .sum()
        };
        let failed = number_before(&["failed", "timed", "error", "errors", "exec"]);
        Self {
            passed: number_before(&["passed"]),
            failed,
        }
    }
}

/// Runs everything; with filters, only the Rust tests whose names match.
pub(crate) fn run(filters: &[String]) -> anyhow::Result<Counts> {
    let postgres = Postgres::start()?;
    let mut counts = rust_tests(&postgres, filters)?;
    if filters.is_empty() {
        counts.add(e2e::run(&postgres)?);
    }
    Ok(counts)
}

fn rust_tests(postgres: &Postgres, filters: &[String]) -> anyhow::Result<Counts> {
    let nextest = output(cargo().args(["nextest", "--version"])).is_some();
    let mut command = cargo();
    if nextest {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--locked",
        ]);
    } else {
        command.args([
            "test",
            "--workspace",
            "--no-fail-fast",
            "--locked",
            "--all-targets",
        ]);
        command.args(if filters.is_empty() {
            &[][..]
        } else {
            &["--"][..]
        });
    }
    command
        .args(filters)
        .env("TEST_DATABASE_URL", postgres.url())
        .env("CARGO_TERM_COLOR", "never");
    // With filters somebody waits, and not for a download.
    if filters.is_empty() {
        sandbox::install_science(&["--workspace"])?;
    }
    let mut counts = Counts::default();
    let succeeded = follow(&mut command, |line| {
        let line = line.trim_start();
        if line.starts_with("Summary [") || line.starts_with("test result:") {
            counts.add(Counts::read(line));
        }
    })?;
    if !succeeded && counts.failed == 0 {
        bail!("the tests could not be built or run");
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_own_counts_are_understood() {
        for (line, passed, failed) in [
            (
                "Summary [   4.2s] 36 tests run: 34 passed (1 slow), 2 failed, 3 skipped",
                34,
                2,
            ),
            (
                "Summary [   4.2s] 36 tests run: 35 passed, 1 timed out, 0 skipped",
                35,
                1,
            ),
            (
                "test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured",
                7,
                0,
            ),
            ("==== 1 failed, 11 passed, 2 errors in 3.10s ====", 11, 3),
        ] {
            let counts = Counts::read(line);
            assert_eq!((counts.passed, counts.failed), (passed, failed), "{line}");
        }
    }
}
