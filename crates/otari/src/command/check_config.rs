//! `otari check-config`: every problem and warning, with hints.

use std::process::ExitCode;

use super::print;
use crate::cli::CheckConfig;
use crate::configuration::{known_provider, told};

pub(crate) fn run(args: &CheckConfig) -> anyhow::Result<ExitCode> {
    let sources = otari_config::Sources::from_process(args.file.config.clone(), Vec::new());
    match otari_config::load(&sources, &known_provider) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                print(&told("warning", warning))?;
            }
            if args.show {
                print(&serde_json::to_string_pretty(&loaded.config.redacted())?)?;
            }
            print("the configuration is good")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(report) => {
            for warning in &report.warnings {
                print(&told("warning", warning))?;
            }
            for problem in &report.problems {
                print(&told("problem", problem))?;
            }
            let count = report.problems.len();
            print(&format!(
                "{count} {}",
                if count == 1 { "problem" } else { "problems" }
            ))?;
            Ok(ExitCode::FAILURE)
        }
    }
}
