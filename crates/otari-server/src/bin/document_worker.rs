//! A program that is only a document worker.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The first argument is what `otari` would tell it by.
    otari_server::document_worker(std::env::args().skip(2))
}
