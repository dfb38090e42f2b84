//! `otari serve`: builds the gateway, says how to reach it, serves until told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use otari_config::{Config, Mode};
use otari_server::{App, FirstRun, Started, listener, router};
use otari_types::SystemClock;
use tokio_util::sync::CancellationToken;

use super::{print, runtime};
use crate::cli::Serve;
use crate::configuration::{VERSION, load};
use crate::lifecycle::Signals;
use crate::telemetry;

/// How long the last journal records may take to reach the database. What is left stays in the journal.
const FLUSH_MAX: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &Serve) -> anyhow::Result<ExitCode> {
    let config = load(&args.database.file, args.flags())?;
    // Held to the end: dropping it writes what is still waiting.
    let _log = telemetry::start(&config.logging);
    let runtime = runtime()?;
    runtime.block_on(serve(config))?;
    // What a cancelled request left on a blocking thread must not hold the exit.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let platform =
        (config.mode() == Mode::Hybrid).then(|| config.operation.platform.base_url.clone());
    let signals = Signals::listen()?;
    let grace = Duration::from_secs(u64::from(config.server.shutdown_timeout_seconds));
    let version = config.version(VERSION).to_owned();
    let started = otari_server::start(config, Arc::new(SystemClock), version.clone()).await?;
    let Started {
        app,
        listener,
        address,
        tls,
        first_run,
    } = started;
    match platform {
        None => announce(&first_run, address, tls.is_some())?,
        Some(platform) => {
            // Beside the serving: a platform that hangs must not hold it up.
            let (app, tls) = (app.clone(), tls.is_some());
            tokio::spawn(async move { announce_hybrid(&app, &platform, address, tls).await });
        }
    }
    tracing::info!(%address, tls = tls.is_some(), version, "serving");

    let (drain, stop) = (app.draining.clone(), CancellationToken::new());
    let watching = tokio::spawn(signals.run(drain.clone(), stop.clone(), grace));
    listener::serve(listener, tls, router(&app), drain, stop).await;
    watching.abort();
    if tokio::time::timeout(FLUSH_MAX, app.background.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            "lines of batches are still being answered; they are run again at the next start"
        );
    }
    if let Some(platform) = app.gateway.platform() {
        platform.close(FLUSH_MAX).await;
    }
    app.gateway.ledger.close(FLUSH_MAX).await;
    app.gateway.store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// As a browser on this machine would write it.
fn url(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    if address.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}

/// Says whom to ask for keys, and whether it is there: it need not be, yet.
async fn announce_hybrid(
    app: &App,
    platform: &str,
    address: SocketAddr,
    tls: bool,
) -> anyhow::Result<()> {
    let reachable = match app.gateway.platform() {
        Some(platform) => platform.is_reachable().await,
        None => false,
    };
    let state = if reachable {
        "which answers"
    } else {
        "which DOES NOT ANSWER now"
    };
    let rule = "-".repeat(72);
    print(&format!(
        "{rule}\nOtari is at {}. Hybrid mode: keys, budgets and credentials are those of the platform at\n\
         {platform}, {state}.\n{rule}",
        url(address, tls)
    ))?;
    Ok(())
}

/// Shows what was made at this start: it is stored as a hash and cannot be shown again.
fn announce(first_run: &FirstRun, address: SocketAddr, tls: bool) -> anyhow::Result<()> {
    let url = url(address, tls);
    let keys = [
        ("master key", &first_run.master_key),
        ("first API key", &first_run.bootstrap_key),
    ];
    let rule = "-".repeat(72);
    for (what, key) in keys {
        let Some(key) = key else { continue };
        print(&format!(
            "{rule}\nThe {what}, shown this once:\n\n{}\n",
            key.expose()
        ))?;
    }
    let key = first_run
        .bootstrap_key
        .as_ref()
        .map_or("$OTARI_KEY", otari_types::Secret::expose);
    print(&format!(
        "{rule}\nOtari is at {url}. A first call, answered without any provider key:\n\n\
         curl -s {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \\\n  \
         -H 'Content-Type: application/json' \\\n  \
         -d '{{\"model\": \"echo:hello\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hi\"}}]}}'\n{rule}"
    ))?;
    Ok(())
}
