//! `otari sandbox install`: what the first session would otherwise wait for.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use otari_sandbox::Sandbox;
use otari_types::SystemClock;

use super::local_settings;
use crate::cli::SandboxInstall;
use crate::command::{print, runtime};
use crate::configuration::load;

pub(super) fn run(args: &SandboxInstall) -> anyhow::Result<ExitCode> {
    let config = load(&args.file, Vec::new())?;
    let mut settings = local_settings(&config)?;
    settings.limits.warm_sessions = 1;
    let begun = Instant::now();
    let sandbox = Sandbox::new(settings, Arc::new(SystemClock))?;
    runtime()?.block_on(sandbox.prepare())?;
    print(&format!(
        "the sandbox is ready (after {:.1} s)",
        begun.elapsed().as_secs_f32()
    ))?;
    Ok(ExitCode::SUCCESS)
}
