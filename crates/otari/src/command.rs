//! The commands, one file each.

mod check_config;
mod gen_secret_key;
mod guardrails;
mod health;
mod init_db;
mod migrate;
mod openapi;
mod peer;
mod routing;
mod sandbox;
mod serve;
mod version;

use std::io::{self, Write as _};
use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command, Guardrails, Routing};

/// Runs the command. An error is something unexpected; expected outcomes are exit codes.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::InitDb(args) => init_db::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::GenSecretKey => gen_secret_key::run(),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Openapi => openapi::run(),
        Command::Peer(args) => peer::run(&args),
        Command::Sandbox(command) => sandbox::run(&command),
        Command::Routing(Routing::Explain(args)) => routing::explain(&args),
        Command::Guardrails(Guardrails::Eval(args)) => guardrails::eval(&args),
        Command::Guardrails(Guardrails::Install(args)) => guardrails::install(&args),
        Command::Version => version::run(),
    }
}

/// A worker for each core.
fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name("otari")
        .build()
}

/// Writes the result of a command.
fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        // `otari openapi | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
