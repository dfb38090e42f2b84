//! `otari init-db`: opens the database, and brings its schema up to date unless `auto_migrate` is off.

use std::process::ExitCode;
use std::sync::Arc;

use otari_types::SystemClock;

use super::{print, runtime};
use crate::cli::Database;
use crate::configuration::load;

pub(crate) fn run(args: &Database) -> anyhow::Result<ExitCode> {
    let config = load(&args.file, args.flags())?;
    runtime()?.block_on(async {
        let store = otari_server::open_store(&config, Arc::new(SystemClock)).await?;
        if config.database.auto_migrate {
            store.migrate().await?;
        }
        store.ping().await?;
        store.close().await;
        print(&format!("{} is ready", config.database.database_url))?;
        Ok(ExitCode::SUCCESS)
    })
}
