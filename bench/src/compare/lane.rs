//! One column while it is measured: where to send, and which process to watch.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use super::setup::{Access, Setup};
use crate::figures::DIRECT;
use crate::load::{self, Outcome, Plan};
use crate::process::{Memory, Process};
use crate::stats::count;

pub(super) struct Lane {
    pub(super) column: &'static str,
    address: SocketAddr,
    access: Access,
    process: Option<Process>,
    pub(super) calls: u64,
    errors: u64,
    pub(super) first_error: Option<String>,
}

/// A run, and the CPU time that the gateway used in it.
pub(super) struct Run {
    pub(super) outcome: Outcome,
    cpu: Option<Duration>,
}

impl Run {
    /// CPU microseconds per one of `units`.
    pub(super) fn cpu_us_per(&self, units: u64) -> Option<f64> {
        let cpu = self.cpu?;
        (units > 0).then(|| cpu.as_secs_f64() * 1e6 / count(units))
    }
}

impl Lane {
    /// No gateway at all.
    pub(super) fn direct(upstream: SocketAddr) -> Self {
        Self {
            column: DIRECT,
            address: upstream,
            access: Access::default(),
            process: None,
            calls: 0,
            errors: 0,
            first_error: None,
        }
    }

    pub(super) async fn launch(column: &'static str, setup: &Setup) -> Result<Self> {
        let process = setup.start().await?;
        let access = setup.access.clone();
        Ok(Self {
            column,
            access,
            process: Some(process),
            ..Self::direct(setup.address)
        })
    }

    pub(super) async fn run(
        &mut self,
        (model, stream): (&str, bool),
        (connections, rate): (usize, Option<f64>),
        duration: Duration,
    ) -> Result<Run> {
        let call = self.access.call(model, stream);
        let plan = Plan {
            address: self.address,
            call,
            connections,
            rate,
            duration,
        };
        let before = self.process.as_ref().map(Process::cpu);
        let outcome = load::run(&plan).await?;
        let after = self.process.as_ref().map(Process::cpu);
        self.calls += outcome.calls;
        self.errors += outcome.errors;
        self.first_error = self
            .first_error
            .take()
            .or_else(|| outcome.first_error.clone());
        let cpu = after
            .zip(before)
            .map(|(after, before)| after.saturating_sub(before));
        Ok(Run { outcome, cpu })
    }

    pub(super) fn memory(&self) -> Option<Memory> {
        self.process.as_ref().map(Process::memory)
    }

    pub(super) fn errors(&self) -> f64 {
        count(self.errors)
    }
}
