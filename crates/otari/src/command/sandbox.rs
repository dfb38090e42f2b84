//! `otari sandbox`: code execution by itself.

mod install;
mod run;
mod serve;

use std::process::ExitCode;

use anyhow::bail;
use otari_config::Config;
use otari_sandbox::Settings;

use crate::cli::Sandbox;

pub(crate) fn run(command: &Sandbox) -> anyhow::Result<ExitCode> {
    match command {
        Sandbox::Serve(args) => serve::run(args),
        Sandbox::Run(args) => run::run(args),
        Sandbox::Install(args) => install::run(args),
    }
}

/// What runs programs on this machine, whatever `sandbox_url` says.
fn local_settings(config: &Config) -> anyhow::Result<Settings> {
    match otari_server::local_settings(config) {
        Some(settings) => Ok(settings),
        None => bail!("`sandbox_backend` is off; set it to wasm, science or native"),
    }
}
