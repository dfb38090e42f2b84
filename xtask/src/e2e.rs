//! The end-to-end tests: Python, the real binary, the real SDKs.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::postgres::Postgres;
use crate::process::{self, cargo, follow, python_venv, target_dir};
use crate::test::Counts;

const FOLDER: &str = "tests/e2e";
const WORKERS: &str = "4";

pub(crate) fn run(postgres: &Postgres) -> anyhow::Result<Counts> {
    let requirements = Path::new(FOLDER).join("requirements.txt");
    let Ok(requirements) = std::fs::read_to_string(requirements) else {
        println!("no end-to-end tests");
        return Ok(Counts::default());
    };
    let requirements: Vec<String> = requirements
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    // What the Rust tests ran on: an optimised build of everything would cost more than all the tests.
    process::run(cargo().args(["build", "--locked", "-p", "otari"]))?;
    let venv = python_venv("e2e-venv", &requirements)?;
    let binary = std::path::absolute(target_dir().join("debug").join("otari"))?;
    let mut command = Command::new(venv.join("bin/python"));
    command.args(["-m", "pytest", "-q", "--color=no"]);
    // Most of them wait for a process or a provider. A file stays together: its tests may share a server.
    command.args(["-n", WORKERS, "--dist", "loadfile", FOLDER]);
    command
        .env("OTARI_BIN", binary)
        .env("TEST_DATABASE_URL", postgres.url());
    let mut counts = Counts::default();
    let succeeded = follow(&mut command, |line| {
        // pytest's last line: "3 passed, 1 failed in 2.10s".
        let read = Counts::read(line);
        if line.contains(" in ") && (read.passed > 0 || read.failed > 0) {
            counts = read;
        }
    })?;
    if !succeeded && counts.failed == 0 {
        bail!("the end-to-end tests could not be run");
    }
    Ok(counts)
}
