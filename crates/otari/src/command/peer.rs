//! `otari peer`: a reference platform for gateways in hybrid mode.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use otari_config::{Sources, expand_variables};
use otari_peer::{Peer, PeerConfig, Recorded};
use otari_server::listener;
use otari_types::SystemClock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{print, runtime};
use crate::cli::Peer as Arguments;
use crate::lifecycle::Signals;

/// For answers that are still on their way.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &Arguments) -> anyhow::Result<ExitCode> {
    let config = read(&args.config)?;
    if args.check {
        print("the file is good")?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = runtime()?;
    runtime.block_on(serve(config, args.listen.as_deref()))?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<PeerConfig> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
    let mut document: Value =
        serde_saphyr::from_str(&text).with_context(|| format!("{shown} is not YAML"))?;
    let sources = Sources::from_process(None, Vec::new());
    expand_variables(&mut document, &sources.env).map_err(|report| *report)?;
    PeerConfig::read(document).with_context(|| format!("{shown} cannot be used"))
}

async fn serve(config: PeerConfig, listen: Option<&str>) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let wanted = listen.unwrap_or(&config.listen).to_owned();
    let base_path = config.base_path.clone();
    let listener = TcpListener::bind(&wanted)
        .await
        .with_context(|| format!("cannot listen on {wanted}"))?;
    let address = listener.local_addr()?;
    // On stderr: stdout is for the reports.
    say(&format!(
        "The platform is at http://{address}. A gateway uses it with\n  \
         OTARI_AI_TOKEN=<one of gateway_tokens> PLATFORM_BASE_URL=http://{address}{base_path} otari serve"
    ));
    let peer = Peer::new(config, Arc::new(SystemClock), Box::new(print_report));
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let watching = tokio::spawn(signals.run(drain.clone(), stop.clone(), GRACE));
    listener::serve(listener, None, peer.router(), drain, stop).await;
    watching.abort();
    Ok(())
}

fn print_report(recorded: &Recorded) {
    let line = serde_json::to_string(recorded);
    let printed = line
        .map_err(anyhow::Error::from)
        .and_then(|line| Ok(print(&line)?));
    if let Err(error) = printed {
        say(&format!("a report could not be printed: {error}"));
    }
}

fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
