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
            let problems = otari_server::configured_problems(&loaded.config);
            for problem in &problems {
                print(&format!("problem: {problem}"))?;
            }
            concluded(problems.len())
        }
        Err(report) => {
            for warning in &report.warnings {
                print(&told("warning", warning))?;
            }
            for problem in &report.problems {
                print(&told("problem", problem))?;
            }
            concluded(report.problems.len())
        }
    }
}

fn concluded(problems: usize) -> anyhow::Result<ExitCode> {
    match problems {
        0 => print("the configuration is good")?,
        1 => print("1 problem")?,
        count => print(&format!("{count} problems"))?,
    }
    Ok(if problems == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
