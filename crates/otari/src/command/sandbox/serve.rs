//! `otari sandbox serve`: the code-execution protocol on a port of its own.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use otari_config::Config;
use otari_sandbox::Sandbox;
use otari_server::listener;
use otari_types::SystemClock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::local_settings;
use crate::cli::SandboxServe;
use crate::command::{print, runtime};
use crate::configuration::load;
use crate::lifecycle::Signals;
use crate::telemetry;

pub(super) fn run(args: &SandboxServe) -> anyhow::Result<ExitCode> {
    let config = load(&args.file, args.flags())?;
    let _log = telemetry::start(&config.logging);
    let runtime = runtime()?;
    runtime.block_on(serve(config, args))?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config, args: &SandboxServe) -> anyhow::Result<()> {
    let token = config.sandbox.sandbox_token.clone();
    if token.is_none() && !args.host.is_loopback() {
        bail!(
            "whoever reaches {} could run programs: set OTARI_SANDBOX_TOKEN, or listen on 127.0.0.1",
            args.host
        );
    }
    let signals = Signals::listen()?;
    let grace = Duration::from_secs(u64::from(config.server.shutdown_timeout_seconds));
    let settings = local_settings(&config)?;
    let file_bytes_max = settings.limits.workspace_bytes;
    let sandbox = Sandbox::new(settings, Arc::new(SystemClock))?;
    // A machine that cannot run programs says so now, not to the first caller.
    sandbox.prepare().await?;
    let listener = TcpListener::bind((args.host, args.port))
        .await
        .with_context(|| format!("cannot listen on {}:{}", args.host, args.port))?;
    let address = listener.local_addr()?;
    print(&format!(
        "The sandbox is at http://{address}. To use it from a gateway: OTARI_SANDBOX_URL=http://{address} otari serve"
    ))?;
    tracing::info!(%address, token = token.is_some(), "serving the code-execution protocol");
    let router = otari_sandbox::server::router(sandbox, token, file_bytes_max);
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let watching = tokio::spawn(signals.run(drain.clone(), stop.clone(), grace));
    listener::serve(listener, None, router, drain, stop).await;
    watching.abort();
    Ok(())
}
