//! `cargo xtask musl`: the sandbox's tests with the C library of the static binary that `deploy/image` builds. It makes
//! other system calls than glibc, and a sandbox knows which ones there are.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process::{apt_install, cargo, follow, output, run};
use crate::test::Counts;

pub(crate) fn check() -> anyhow::Result<Counts> {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    if output(Command::new("musl-gcc").arg("--version")).is_none() {
        apt_install(&["musl-tools"])?;
    }
    if !has_library(&target)? {
        run(Command::new("rustup").args(["target", "add", &target]))?;
    }
    let mut counts = Counts::default();
    let mut tests = cargo();
    tests.args([
        "test",
        "--locked",
        "-p",
        "otari-sandbox",
        "--target",
        &target,
    ]);
    let succeeded = follow(&mut tests, |line| {
        if line.starts_with("test result:") {
            counts.add(Counts::read(line));
        }
    })?;
    if !succeeded && counts.failed == 0 {
        bail!("the tests of the sandbox could not be run with musl");
    }
    Ok(counts)
}

/// Whether the compiler has a standard library for the target.
fn has_library(target: &str) -> anyhow::Result<bool> {
    let mut asked = Command::new("rustc");
    asked.args(["--print", "target-libdir", "--target", target]);
    let folder = output(&mut asked).context("rustc does not say where its libraries are")?;
    Ok(Path::new(folder.trim()).is_dir())
}
