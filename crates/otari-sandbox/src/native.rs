//! The host's Python under Linux namespaces.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::frame::{self, Reply, Start};

pub(crate) fn stage(_stage: &str, _rest: &[String]) -> ExitCode {
    ExitCode::FAILURE
}

pub(crate) fn supervise(_start: Start, output: &mut impl Write) -> io::Result<()> {
    let reason = "not yet".to_owned();
    frame::write(output, &Reply::Failed { reason }, &[])
}
