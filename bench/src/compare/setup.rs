//! How a gateway is started and called.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::admin;
use crate::load::Call;
use crate::process::Process;

/// A gateway that can be started any number of times.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) log: PathBuf,
    pub(super) address: SocketAddr,
    pub(super) access: Access,
}

/// How calls name models, and what lets them in.
#[derive(Clone, Default)]
pub(super) struct Access {
    pub(super) key: Option<String>,
    /// Before the model's name, `mock:`.
    pub(super) instance: &'static str,
}

impl Setup {
    /// Starts it and waits until it is healthy.
    pub(super) async fn start(&self) -> Result<Process> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear();
        // Nothing of the caller's own settings may reach the measured process.
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut process = Process::spawn(self.name, &mut command, &self.log)?;
        admin::until_healthy(&mut process, self.address).await?;
        Ok(process)
    }
}

impl Access {
    pub(super) fn call(&self, model: &str, stream: bool) -> Call {
        Call {
            path: "/v1/chat/completions".to_owned(),
            key: self.key.clone(),
            model: format!("{}{model}", self.instance),
            stream,
        }
    }
}
