//! A program that is only a sandbox worker.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == otari_sandbox::worker::WORKER_ARGUMENT => {
            otari_sandbox::worker::run(rest)
        }
        _ => ExitCode::FAILURE,
    }
}
