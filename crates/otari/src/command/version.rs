//! `otari version`.

use std::process::ExitCode;

use super::print;
use crate::configuration::VERSION;

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    print(&format!("otari {VERSION}"))?;
    Ok(ExitCode::SUCCESS)
}
