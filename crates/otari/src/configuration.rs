//! Loading the configuration for a command, and saying what is wrong with it.

use std::io::Write as _;

use otari_config::{Config, Problem, Sources};

use crate::cli::ConfigFile;

/// The version of this build.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Loads for a command that needs a good configuration. Warnings go to stderr: the log is not set up yet.
pub(crate) fn load(
    file: &ConfigFile,
    flags: Vec<(&'static str, String)>,
) -> anyhow::Result<Config> {
    let sources = Sources::from_process(file.config.clone(), flags);
    let loaded = otari_config::load(&sources, &known_provider).map_err(|report| *report)?;
    for warning in &loaded.warnings {
        let _ = writeln!(std::io::stderr(), "{}", told("warning", warning));
    }
    Ok(loaded.config)
}

/// Whether the catalogue has it.
pub(crate) fn known_provider(name: &str) -> bool {
    otari_providers::catalog::find(name).is_some()
}

pub(crate) fn told(severity: &str, problem: &Problem) -> String {
    let hint = problem
        .hint
        .iter()
        .map(|hint| format!("\n    hint: {hint}"));
    format!(
        "{severity}: {}: {}{}",
        problem.path,
        problem.message,
        hint.collect::<String>()
    )
}
