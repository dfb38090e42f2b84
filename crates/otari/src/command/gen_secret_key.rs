//! `otari gen-secret-key`: 32 random bytes in the form a Fernet key has, which existing deployments use.

use std::process::ExitCode;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::print;

const KEY_BYTES: usize = 32;

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).context("the system has no randomness to give")?;
    print(&URL_SAFE.encode(key))?;
    Ok(ExitCode::SUCCESS)
}
