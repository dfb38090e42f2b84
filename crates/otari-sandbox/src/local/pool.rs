//! Workers, from nothing to waiting for their session.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::directory::Directory;
use super::process::{self, Worker};
use super::{Local, unavailable};
use crate::frame::{Bounds, Start};
use crate::settings::CACHE;
use crate::wasm::Image;
use crate::{Backend, SandboxError, science};

/// How often sessions whose time is over are looked for. Until then, they are only not found.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// What is there once for all sessions.
#[derive(Debug)]
pub(super) struct Ready {
    /// What runs and its machine code; `None` for backends that compile nothing.
    compiled: Option<(Image, PathBuf)>,
    directory: Directory,
}

impl Local {
    /// Compiles what must be, and fills the pool.
    pub(crate) async fn prepare(&self) -> Result<(), SandboxError> {
        self.ready().await?;
        let _turn = self.filling.lock().await;
        while self.warm.lock().len() < self.settings.limits.warm_sessions {
            let worker = self.start_worker(true).await?;
            self.warm.lock().push(worker);
        }
        Ok(())
    }

    pub(super) fn take_warm(&self) -> Option<Worker> {
        loop {
            let mut worker = self.warm.lock().pop()?;
            if worker.alive() {
                return Some(worker);
            }
        }
    }

    /// Starts workers for the next sessions, while this one is at work.
    pub(super) fn refill(&self) {
        let Some(local) = self.myself.upgrade() else {
            return;
        };
        let full = local.warm.lock().len() >= local.settings.limits.warm_sessions;
        if full || local.filling.try_lock().is_err() {
            return;
        }
        tokio::spawn(async move {
            if let Err(error) = local.prepare().await {
                tracing::warn!(%error, "no sandbox could be started ahead of need");
            }
        });
    }

    /// `ahead`: nobody waits for it yet.
    pub(super) async fn start_worker(&self, ahead: bool) -> Result<Worker, SandboxError> {
        let ready = self.ready().await?;
        let _turn = self.starting.acquire().await.map_err(unavailable)?;
        let workspace = ready.directory.session().await.map_err(unavailable)?;
        let bounds = Bounds::from(&self.settings.limits);
        let start = match (&self.settings.backend, &ready.compiled) {
            (Backend::Native { python }, _) => Start::Native {
                python: python.clone(),
                directory: workspace.path().to_owned(),
                bounds,
            },
            (_, Some((image, compiled))) => Start::Wasm {
                image: image.clone(),
                compiled: compiled.clone(),
                directory: workspace.path().to_owned(),
                ahead,
                bounds,
            },
            _ => return Err(unavailable("nothing is compiled")),
        };
        Worker::start(&self.settings.worker, &start, workspace).await
    }

    async fn ready(&self) -> Result<&Ready, SandboxError> {
        self.ready
            .get_or_try_init(|| async {
                let directory =
                    Directory::claim(&self.settings.data_dir)
                        .await
                        .map_err(|error| {
                            unavailable(format!("`data_dir` cannot hold its sessions: {error}"))
                        })?;
                let data_dir = &self.settings.data_dir;
                let image = match self.settings.backend {
                    Backend::Wasm => Some(Image::Standard),
                    Backend::Science => {
                        let folder = science::installed(data_dir).ok_or_else(not_installed)?;
                        Some(Image::Science { folder })
                    }
                    Backend::Native { .. } | Backend::Http { .. } => None,
                };
                let compiled = match image {
                    Some(image) => {
                        let (worker, cache) = (&self.settings.worker, data_dir.join(CACHE));
                        let code = process::compile(worker, image.clone(), cache).await?;
                        Some((image, code))
                    }
                    None => None,
                };
                if let Some(local) = self.myself.upgrade() {
                    tokio::spawn(sweeping(Arc::downgrade(&local)));
                }
                Ok(Ready {
                    compiled,
                    directory,
                })
            })
            .await
    }
}

fn not_installed() -> SandboxError {
    unavailable("its packages are not installed; run `otari sandbox install science`")
}

/// Ends sessions whose time is over, for as long as there is anyone to end them for.
async fn sweeping(local: Weak<Local>) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        every.tick().await;
        let Some(local) = local.upgrade() else { return };
        local.sweep(local.clock.now());
    }
}
