//! A program that is only a document worker, for tests: unconfined.

use std::process::ExitCode;

fn main() -> ExitCode {
    otari_documents::worker::run()
}
