//! The `otari` command: reads the configuration, builds the parts, runs them until told to stop.

mod cli;
mod command;
mod configuration;
mod lifecycle;
mod telemetry;

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use otari_sandbox::worker::WORKER_ARGUMENT;

/// Many short-lived buffers from several threads: mimalloc holds less and returns it sooner.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Huge pages make every thread's small heap two megabytes; an idle gateway would take three times the memory.
fn keep_memory_small() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        // Only memory is at stake.
        tracing::debug!(%error, "huge pages stay on");
    }
}

fn main() -> ExitCode {
    keep_memory_small();
    // Before anything has a thread or a connection: a worker is to have neither.
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(OsStr::new(otari_documents::worker::WORKER_ARGUMENT)) {
        let bounds = arguments.filter_map(|text| text.into_string().ok());
        return otari_server::document_worker(bounds);
    }
    if first.as_deref() == Some(OsStr::new(WORKER_ARGUMENT)) {
        let rest: Vec<String> = arguments
            .filter_map(|text| text.into_string().ok())
            .collect();
        return otari_sandbox::worker::run(&rest);
    }
    let cli = cli::Cli::parse();
    // First of all: whatever opens a TLS connection later finds a provider installed.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("a TLS provider was already installed");
    }
    match command::run(cli) {
        Ok(code) => code,
        Err(error) => {
            // Not through the log: it may not be set up yet, and this is the last thing said.
            let _ = writeln!(std::io::stderr(), "otari: {error:#}");
            ExitCode::FAILURE
        }
    }
}
