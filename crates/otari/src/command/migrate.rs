//! `otari migrate`: applies what is missing, and says what that was.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use otari_types::SystemClock;

use super::{print, runtime};
use crate::cli::Migrate;
use crate::configuration::load;

pub(crate) fn run(args: &Migrate) -> anyhow::Result<ExitCode> {
    if args.revision != "head" {
        bail!(
            "--revision {}: migrations only go forward, to `head`",
            args.revision
        );
    }
    let config = load(&args.database.file, args.database.flags())?;
    runtime()?.block_on(async {
        let store = otari_server::open_store(&config, Arc::new(SystemClock)).await?;
        let pending = store.pending_migrations().await?;
        store.migrate().await?;
        store.close().await;
        if pending.is_empty() {
            print("the schema is up to date")?;
        }
        for name in pending {
            print(&format!("applied {name}"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
