//! The real binary, as an operator runs it.

#![expect(clippy::expect_used, reason = "test helpers outside test functions")]

mod check_config;
mod commands;
mod guardrails;
mod help;
mod sandbox;

use std::path::Path;
use std::process::{Command, Output};

/// A run of `otari` with an empty environment, in `folder`.
pub(crate) fn otari(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otari"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

/// Exit code, stdout and stderr of a finished run.
pub(crate) fn outcome(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}
