//! `otari openapi`: the document of the routes this binary serves.

use std::process::ExitCode;

use super::print;

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    print(&otari_server::openapi::document().to_pretty_json()?)?;
    Ok(ExitCode::SUCCESS)
}
